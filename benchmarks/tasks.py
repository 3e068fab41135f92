"""What drawing the long-range tasks costs: rows of make bench."""

from __future__ import annotations

import time


def measure(task: dict) -> float:
    """Seconds; pictures are drawn by two processes."""
    from ssmlib.tasks import listops, pathfinder

    started = time.perf_counter()
    if task["of"] == "listops":
        listops.generate(task["n"], seed=0)
    else:
        pathfinder.generate(task["n"], size=32, seed=0, processes=2)
    return time.perf_counter() - started


def task_rows(ask) -> list[dict]:
    rows = []
    for of, n, setting, most in (
        ("listops", 10_000, "ListOps, 10,000 of published length, one core", 15),
        ("pathfinder", 5000, "Pathfinder-like, 5,000 of 32 x 32, two cores", 120),
    ):
        seconds = ask(measure="tasks", of=of, n=n)
        rows.append(
            {
                "what": "tasks",
                "setting": setting,
                "measure": "seconds",
                "plain": "–",
                "fast": f"{seconds:.1f}",
                "ratio": "–",
                "wanted": f"at most {most}",
                "met": "yes" if seconds <= most else "NO",
            }
        )
    return rows

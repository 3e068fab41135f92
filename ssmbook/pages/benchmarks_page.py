"""The Benchmarks page, from the measurements that `make bench` stores."""

from __future__ import annotations

import csv
import string
from pathlib import Path


def page(results: Path) -> str:
    """Return the Benchmarks page, Markdown; results: benchmarks/results.csv."""
    lines = [
        "# Benchmarks",
        "",
        "Each row compares a fast path with a plain reference, forward and backward in "
        "float32 on two threads, in one run. Times are medians of interleaved repeats. "
        "Memory is the peak above what the process held before the call, in a process "
        "of its own. Times belong to the machine that the row names; ratios carry over "
        "better. The column *version* gives the version, the commit and the day of the "
        "measurement. `make bench` measures all rows again.",
        "",
    ]
    with results.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    machines = list(dict.fromkeys(row["machine"] for row in rows))
    letters = dict(zip(machines, string.ascii_uppercase, strict=False))
    rows = [row | {"machine": letters[row["machine"]]} for row in rows]
    header = list(rows[0])
    lines += ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    lines += ["| " + " | ".join(row.values()) + " |" for row in rows]
    lines += ["", *(f"- Machine {letter}: {name}" for name, letter in letters.items())]
    return "\n".join([*lines, ""])

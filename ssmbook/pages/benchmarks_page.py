"""The Benchmarks page, from what `make bench` and `make gpu` measured."""

from __future__ import annotations

import csv
import json
import string
from pathlib import Path


def page(results: Path) -> str:
    """Return the Benchmarks page, Markdown.

    Args:
        results: benchmarks/results.csv; gpu.json beside it is shown where it exists.
    """
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
    return "\n".join([*lines, "", *_gpu(results.with_name("gpu.json"))])


def _gpu(stored: Path) -> list[str]:
    """The section on a GPU: how to measure, and the stored result."""
    lines = [
        "## On a GPU",
        "",
        "`make gpu` needs one CUDA device and at most ten minutes. It runs the tests "
        "marked `gpu`, and compares float32 on the device with float64 on the CPU. It "
        "measures times and peak memory against plain references on the same device, "
        "and trains the smallest published row for two epochs on made-up data. It "
        "prints one table and writes it to `_build/gpu.json`, or to the file or folder "
        "that the environment variable `OUT` names. Its status is 1 if a bound is "
        "broken. Copy the file to `benchmarks/gpu.json` to show the table here.",
        "",
    ]
    if not stored.exists():
        return [*lines, "No result of a GPU is stored yet.", ""]
    return [*lines, gpu_table(json.loads(stored.read_text(encoding="utf-8")))]


def gpu_table(result: dict) -> str:
    """Return a result of benchmarks/gpu.py as Markdown.

    Args:
        result: the device, the versions, the seconds, and the rows. A row has a
            quantity, a value (a number or text), a unit, a bound, and whether the
            bound is met, or None.
    """

    def cells(*texts: str) -> str:
        return "| " + " | ".join(text.replace("|", "\\|") for text in texts) + " |"

    header = ("quantity", "value", "unit and reference", "bound", "met")
    marks = {True: "yes", False: "NO", None: ""}
    lines = [
        f"{result['device']}, torch {result['torch']}, CUDA {result['cuda']}; ssmlib "
        f"{result['version']}; {result['seconds']} s in all.",
        "",
        cells(*header),
        "|" + "---|" * len(header),
    ]
    for row in result["rows"]:
        value = row["value"]
        text = value if isinstance(value, str) else f"{value:.3g}"
        met = marks[row["met"]]
        lines.append(cells(row["quantity"], text, row["unit"], row["bound"], met))
    return "\n".join([*lines, ""])

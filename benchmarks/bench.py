"""make bench: fast paths against plain references, forward and backward in float32.

Each row is measured in a process of its own: times first, interleaved; then the peak
memory of each side, each in a fresh process. Writes benchmarks/results.csv, where each
row names the version, the day and the machine on which it was measured.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import adapters
import choosing
import dense
import kernels
import selective
import shared
import tasks
from eigenvalues import eigenvalue_rows
from eigenvalues import measure as eigenvalue_measure
from ensembles import SIZE, deep_call, deep_rows, fit_call, fit_rows
from forms import (
    compiled,
    convolutions,
    form_rows,
    graphs,
    model_steps,
    small,
    steps_a_second,
)
from memory import measure as memory_measure
from memory import memory_rows
from orchestration import orchestration_rows, test_rows

from ssmbook.notebook.session import VARIABLE
from ssmbook.runs import provenance

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results.csv"


def worker(task: dict) -> object:
    """Runs in a process of its own."""
    import ssmbook
    from ssmbook.notebook.measure import peak_memory, times

    ssmbook.start(device="cpu")
    if task["measure"] == "eigenvalue":
        return eigenvalue_measure(task)
    if task["measure"] == "memory function":
        return memory_measure()
    if task["measure"] == "choosing":
        return choosing.measure(task)
    if task["measure"] == "dense":
        return dense.measure(task)
    if task["measure"] == "audit":
        return adapters.measure()
    if task["measure"] == "selective":
        return selective.measure()
    if task["measure"] == "tasks":
        return tasks.measure(task)
    if task["measure"] == "shared":
        return shared.measure(task)
    if task["measure"] == "steps":
        return steps_a_second()
    if task["measure"] == "model steps":
        return model_steps()
    if task["measure"] == "graphs":
        return graphs()
    if task["measure"] == "compiled":
        return times(compiled(task["B"], task["L"]), repeats=31)
    if task["measure"] == "small":
        return times(small(task["B"], task["L"]), repeats=31)
    if task["measure"] == "convolution":
        return times(convolutions(task["B"], task["L"]), repeats=5)
    if task["measure"] == "fit time":
        return times({"one": fit_call(1), "many": fit_call(SIZE)}, repeats=5)
    if task["measure"] == "fit memory":
        fit_call(1)()  # code and threads
        return peak_memory(fit_call(task["E"]))
    if task["measure"] == "deep time":
        calls = {"one by one": deep_call(SIZE, together=False), "many": deep_call(SIZE)}
        return times(calls, repeats=3)
    if task["measure"] == "deep memory":
        deep_call(1)()  # code and threads
        return peak_memory(deep_call(task["E"]))
    return kernels.measure(task)


def ask(**task):
    run = subprocess.run(
        [sys.executable, __file__, "--task", json.dumps(task)],
        capture_output=True,
        encoding="utf-8",
        check=True,
        env=os.environ | {VARIABLE: "2", "OMP_NUM_THREADS": "2"},
    )
    return json.loads(run.stdout.splitlines()[-1])


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


GROUPS = {
    "library": lambda: (
        kernels.kernel_rows(ask)
        + form_rows(ask)
        + fit_rows(ask)
        + deep_rows(ask)
        + eigenvalue_rows(ask)
        + memory_rows(ask)
        + choosing.choosing_rows(ask)
        + dense.dense_rows(ask)
        + selective.selective_rows(ask)
        + shared.shared_rows(ask)
        + adapters.audit_rows(ask)
    ),
    "tasks": lambda: tasks.task_rows(ask),
    "ssmbook": orchestration_rows,
    "make test": test_rows,
}


def measured_on() -> dict[str, str]:
    """The code, the day and the machine of a row, which is measured now."""
    changed = provenance.state(ROOT)["clean"] is False
    commit = provenance.commit(ROOT)
    commit = (commit[:7] if commit else "no commit") + " edited" * changed
    return {
        "version": f"{version('ssmlib')}, {commit}, {datetime.now(UTC):%Y-%m-%d}",
        "machine": f"{processor()}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}, torch {version('torch')}",
    }


def stored_rows() -> list[dict]:
    """The rows of results.csv."""
    with RESULTS.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def group_of(row: dict) -> str:
    return row["what"] if row["what"] in GROUPS else "library"


def write(rows: list[dict]) -> None:
    with RESULTS.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def main(only: str | None) -> None:
    """Measure all groups of rows, or one; each is written as soon as it is measured."""
    here = measured_on()  # before a row is written, which is a change
    for group in [only] if only else GROUPS:
        known = {name: [] for name in GROUPS}
        for row in stored_rows():
            known[group_of(row)].append(row)
        known[group] = [row | here for row in GROUPS[group]()]
        write([row for rows in known.values() for row in rows])
    rows = stored_rows()
    for row in rows:
        print("  ".join(row.values()))
    if any(row["met"] == "NO" for row in rows):
        sys.exit("a line that the project promises is not met")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", type=json.loads, help="measure one thing, as JSON")
    parser.add_argument("--only", choices=GROUPS, help="one group of rows")
    arguments = parser.parse_args()
    if arguments.task:
        print(json.dumps(worker(arguments.task)))
    else:
        main(arguments.only)

"""What running notebooks costs beside the notebooks: its rows in make bench."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOK = ROOT / "notebooks" / "autocorrelation" / "questions.ipynb"
RUNS = 1000
PLAIN = """
import sys, nbformat
from nbclient import NotebookClient
path, folder, output = sys.argv[1:]
node = nbformat.read(path, 4)
resources = {"metadata": {"path": folder}}
NotebookClient(node, kernel_name="python3", resources=resources).execute()
nbformat.write(node, output)
"""
# One core's work and no threads of its own: what a sweep of small runs is made of.
SHORT = """n: int = 0  # [0..999]"""
WORK = """from ssmbook import record
total = 0
for k in range(20_000_000):
    total += k % 7
record("total", total + n, atol=0)"""


def _seconds(*command) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
    return time.perf_counter() - started


def _ssmbook(*arguments) -> float:
    return _seconds(Path(sys.executable).with_name("ssmbook"), *arguments)


def _row(setting: str, measure: str, **values: str) -> dict:
    empty = {"plain": "–", "fast": "–", "ratio": "–", "wanted": "–", "met": ""}
    return {"what": "ssmbook", "setting": setting, "measure": measure} | empty | values


def _most(value: float, limit: float) -> dict[str, str]:
    return {"wanted": f"at most {limit:g}", "met": "yes" if value <= limit else "NO"}


def overhead(folder: Path) -> dict:
    """`ssmbook run` against nbclient, processes and all, interleaved."""
    plain, fast = [], []
    nbclient = (
        sys.executable,
        "-c",
        PLAIN,
        NOTEBOOK,
        NOTEBOOK.parent,
        folder / "nb.ipynb",
    )
    for _ in range(7):
        plain.append(_seconds(*nbclient))
        fast.append(_ssmbook("run", "questions", "--force", "--runs", folder / "runs"))
    a, b = statistics.median(plain), statistics.median(fast)
    values = {"plain": f"{a:.2f}", "fast": f"{b:.2f}", "ratio": f"{b - a:+.2f} s"}
    limit = {"wanted": "at most 1.5 s more", "met": "yes" if b - a <= 1.5 else "NO"}
    setting = "run questions, beside nbclient on the same notebook"
    return _row(setting, "seconds", **values, **limit)


def _short_notebook(folder: Path) -> Path:
    import nbformat

    cell = nbformat.v4.new_code_cell
    parameters = cell(SHORT, metadata={"tags": ["parameters"]})
    node = nbformat.v4.new_notebook(cells=[parameters, cell(WORK)])
    path = folder / "short.ipynb"
    nbformat.write(node, path)
    return path


def scaling(folder: Path) -> dict:
    """Forty short runs, one at a time and two."""
    path = _short_notebook(folder)
    sweep = ("sweep", path, "--grid", "n=0:40")
    taken = [_ssmbook(*sweep, "--jobs", j, "--runs", folder / j) for j in ("1", "2")]
    gain = taken[0] / taken[1]
    return _row(
        "sweep of 40 short runs, --jobs 1 and 2",
        "seconds",
        plain=f"{taken[0]:.1f}",
        fast=f"{taken[1]:.1f}",
        ratio=f"{gain:.2f}",
        wanted="1.7",
        met="yes" if gain >= 1.7 else "NO",
    )


def sweep(folder: Path) -> dict:
    """Sixteen runs of a chapter, two at a time, against sixteen times one of them."""
    one = _ssmbook("run", "questions", "--force", "--runs", folder / "one")
    grid = ("--grid", "seed=0:16", "--jobs", "2", "--runs", folder / "sixteen")
    taken = _ssmbook("sweep", "questions", *grid)
    return _row(
        "sweep of 16 runs of questions, --jobs 2",
        "seconds",
        plain=f"{16 * one:.1f}",
        fast=f"{taken:.1f}",
        ratio=f"{16 * one / taken:.2f}",
    )


def test_rows() -> list[dict]:
    """The parts of `make test`, as the Makefile has them."""
    planned = subprocess.run(
        ["make", "-n", "--no-print-directory", "test"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        encoding="utf-8",
    ).stdout.replace("\\\n", " ")
    # The table that the test asks for is only written after this.
    stale = "tests/book/test_project.py::test_benchmarks_were_measured_on_this_code"
    environment = os.environ | {"PYTEST_ADDOPTS": f"--deselect={stale}"}
    rows = []
    for line in planned.splitlines():
        started = time.perf_counter()
        call = {"shell": True, "cwd": ROOT, "env": environment, "capture_output": True}
        subprocess.run(line, check=True, **call)
        taken = f"{time.perf_counter() - started:.0f}"
        named = " ".join(line.replace(".venv/bin/", "").split())
        rows.append(_row(named, "seconds", fast=taken) | {"what": "make test"})
    return rows


def _recorded(folder: Path) -> Path:
    """A thousand finished runs: one that ran, its document written anew for each."""
    from ssmbook.runs.jobs import plan_runs, run_job
    from ssmbook.runs.stores import Store, sha256

    path = _short_notebook(folder)
    store = Store(folder / "many")
    planned = plan_runs(path, [{"n": n} for n in range(RUNS)])
    first = run_job(planned[0], store)
    executed = store.read(f"{planned[0].folder}/short.ipynb")
    for job in planned[1:]:
        # A document must name what its notebook ran with.
        content = executed.replace(b"n: int = 0 ", b"n: int = %d " % job.values["n"])
        files = {"short.ipynb": sha256(content)}
        run = replace(first, key=job.key, parameters=job.values, files=files)
        store.write(f"{job.folder}/short.ipynb", content)
        store.write(f"{job.folder}/run.json", run.to_json())
    return path


def many(folder: Path) -> list[dict]:
    """Tabulating, and resuming, a thousand runs."""
    path = _recorded(folder)
    at = ("--runs", folder / "many")
    resumed = _ssmbook("sweep", path, "--grid", f"n=0:{RUNS}", *at)
    tabulated = _ssmbook("results", path, *at)
    return [
        _row("results of 1,000 runs", "seconds", fast=f"{tabulated:.1f}")
        | _most(tabulated, 5),
        _row("sweep of 1,000 finished runs", "seconds", fast=f"{resumed:.1f}")
        | _most(resumed, 5),
    ]


def orchestration_rows() -> list[dict]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        return [overhead(folder), scaling(folder), sweep(folder), *many(folder)]


if __name__ == "__main__":
    for row in orchestration_rows():
        print("  ".join(row.values()))

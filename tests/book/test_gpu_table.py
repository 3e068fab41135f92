"""make gpu: every part at tiny sizes on the CPU, failures, cuts, and the page."""

import contextlib
import importlib
import json
import os
import re
import runpy
import signal
import subprocess
import sys
import time

import pytest
import torch

from ssmbook.pages import benchmarks_page
from ssmlib import published


@pytest.mark.slow
def test_every_part_runs_on_the_cpu(root, tmp_path):
    run = subprocess.run(
        [sys.executable, "gpu.py", "--quick"],
        cwd=root / "benchmarks",
        env=os.environ | {"OUT": str(tmp_path)},
        capture_output=True,
        encoding="utf-8",
    )
    assert run.returncode == 0, run.stdout + run.stderr
    found = json.loads((tmp_path / "gpu.json").read_text(encoding="utf-8"))
    assert run.stdout == benchmarks_page.gpu_table(found) + "\n"
    begun = re.findall(r"^gpu: (.*), after \d+ s$", run.stderr, re.M)
    assert begun == [
        "tests",
        "errors of kernels",
        "errors of layers",
        "kernel",
        "layer",
        "kernel of S4",
        "training",
        "fit",
    ]
    assert all(isinstance(row["value"], int | float) for row in found["rows"])
    names = [row["quantity"] for row in found["rows"]]
    assert len(names) == len(set(names))
    for wanted in (
        "tests marked gpu: passed",
        "log_vandermonde, N=64, backward: largest error",
        "dense_kernel, N=64, backward: largest error",
        "dplr_kernel_reference, N=64, backward: largest error",
        *(f"layer {name}, H=8, N=64, L=256, " for name in ("S4D", "S4", "DSS")),
        "fit of 8 models",
        "row cifar-ablation, made-up data: time of the whole row",
    ):
        assert any(name.startswith(wanted) for name in names), wanted


@pytest.fixture
def folder(root, monkeypatch):
    """The folder of the benchmarks, whose modules are forgotten again."""
    folder = root / "benchmarks"
    monkeypatch.syspath_prepend(folder)
    before, handler = {*sys.modules}, signal.getsignal(signal.SIGALRM)
    yield folder
    signal.signal(signal.SIGALRM, handler)
    for path in folder.glob("*.py"):
        if path.stem not in before:
            sys.modules.pop(path.stem, None)


def test_without_a_device_one_line_says_so(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["gpu.py"])
    monkeypatch.setenv("OUT", str(tmp_path))
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(folder / "gpu.py"), run_name="__main__")
    assert ended.value.code == 0
    assert [*tmp_path.iterdir()] == []
    said = capsys.readouterr().out
    assert re.fullmatch(r"make gpu: PyTorch finds no CUDA device here.*\n", said)


@pytest.fixture
def measure(folder, monkeypatch, capsys):
    """Call with a file and names of parts: the status, the output, the rows."""
    gpu = importlib.import_module("gpu")

    def fails():
        yield gpu.entry("before", 1.0, "s")
        raise ValueError("this | that")

    def broken():
        yield gpu.entry("not a number", float("nan"), "", most=1)
        yield gpu.entry("low", 1.0, "", least=2)
        yield gpu.entry("high", 2.0, "", least=2)

    def waits():
        yield gpu.entry("begun", 1.0, "s")
        with contextlib.suppress(Exception):
            time.sleep(100)

    every = {"fails": fails, "broken": broken, "waits": waits, "last": waits}
    monkeypatch.setattr(gpu, "BUDGET", 2.0)

    def run(out, *names):
        monkeypatch.setattr(gpu, "parts", lambda quick: {n: every[n] for n in names})
        monkeypatch.setenv("OUT", str(out))
        status = gpu.main(quick=True)
        file = out / "gpu.json" if out.is_dir() else out
        found = json.loads(file.read_text(encoding="utf-8"))
        return status, capsys.readouterr().out, found["rows"]

    return run


@pytest.mark.slow
def test_a_failed_part_and_a_broken_bound_are_the_status(measure, tmp_path):
    out = tmp_path / "new" / "result.json"
    status, said, found = measure(out, "fails", "broken", "waits", "last")
    assert status == 1
    rows = {row["quantity"]: (row["value"], row["met"]) for row in found}
    del rows["not a number"]
    cut = ("cut after 2 s", None)
    assert rows == {
        "before": (1.0, None),
        "fails": ("failed: ValueError: this | that", False),
        "low": (1.0, False),
        "high": (2.0, True),
        "begun": (1.0, None),
        "waits": cut,
        "last": cut,
    }
    assert r"| fails | failed: ValueError: this \| that |  | no error | NO |" in said
    assert "| not a number | nan |  | at most 1 | NO |" in said


@pytest.mark.slow
def test_parts_that_are_cut_break_no_bound(measure, tmp_path):
    status, _, found = measure(tmp_path, "waits", "last")
    assert status == 0
    assert [row["quantity"] for row in found] == ["begun", "waits", "last"]


def test_the_row_in_training_is_the_smallest(root):
    source = (root / "benchmarks" / "gpu_rows.py").read_text(encoding="utf-8")
    (name,) = re.findall(r'^ROW, SEQUENCES = "(.*)",', source, re.M)
    rows = {name: published.configuration(name) for name in published.names()}
    sizes = {
        name: row.batch_size * row.length * row.d_model * row.n_layers
        for name, row in rows.items()
    }
    assert name == min(sizes, key=sizes.get)


def test_the_marker_is_in_the_files_that_are_run(root):
    marked = [
        path.name
        for path in (root / "tests").rglob("test_*.py")
        if re.search(r"^[^\"'#]*mark\.gpu\b", path.read_text(encoding="utf-8"), re.M)
    ]
    assert marked == ["test_gpu.py"]
    assert (root / "tests" / "ssmlib" / marked[0]).exists()


RESULT = {"device": "A device", "torch": "2.13.0", "cuda": "13.0", "seconds": 300}
RESULT |= {"version": "0.2.0, abcdef1, 2026-11-30"}
RESULT["rows"] = [
    {"quantity": "q", "value": 0.12345, "unit": "s", "bound": "at most 1", "met": True}
]


def test_the_page_shows_a_stored_result_or_says_that_there_is_none(root, tmp_path):
    results = tmp_path / "results.csv"
    results.write_bytes((root / "benchmarks" / "results.csv").read_bytes())
    page = benchmarks_page.page(results)
    assert "## On a GPU\n\n`make gpu` needs" in page
    assert page.endswith("No result of a GPU is stored yet.\n")
    (tmp_path / "gpu.json").write_text(json.dumps(RESULT), encoding="utf-8")
    page = benchmarks_page.page(results)
    assert "is stored yet" not in page
    assert page.endswith("| q | 0.123 | s | at most 1 | yes |\n")
    assert "A device, torch 2.13.0, CUDA 13.0; ssmlib 0.2.0, abcdef1" in page

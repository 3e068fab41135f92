"""Each kind of error planted into a stored notebook, and nbval seeing it."""

import copy
import os
import shutil
import subprocess
import sys
from collections import Counter
from functools import partial

import nbformat
import pytest

from ssmbook.notebook.executed import records
from ssmbook.runs.execution import execute, write
from tests.ssmbook import toy

pytestmark = pytest.mark.slow  # starts pytest on executed notebooks

SOURCE = """import builtins, os
import ssmbook
ssmbook.record("x", 0.5, rtol=1e-6)
ssmbook.record("judged", 0.7)
ssmbook.record("random", 0.3, se=0.25 * 0.1)
found = hasattr(builtins, "poison"), "MKL_CBWR" in os.environ
print("slope -0.5012, 3 modes", *found)"""


def executed(folder):
    cell = nbformat.v4.new_code_cell
    node = nbformat.v4.new_notebook(
        cells=[cell("n: int = 1", metadata={"tags": ["parameters"]}), cell(SOURCE)]
    )
    return execute(node, {}, folder)


def replace(old, new):
    """Change the first text, figure or record name that holds `old`."""

    def change(cell):
        for output in cell.outputs:
            if old in output.get("text", ""):
                output.text = output.text.replace(old, new)
                return
            for mime, text in output.get("data", {}).items():
                if old in text:
                    output.data[mime] = text.replace(old, new)
                    return
            if output.metadata.scrapbook.name == old:
                output.metadata.scrapbook.name = new
                return
        raise AssertionError(f"{old} is not in the outputs")

    return change


def strip(cell):
    cell.outputs = []
    cell.execution_count = None


PLANTED = {
    "nothing": (None, True),
    "a record that only claims judge": (replace("0.7", "0.9"), True),
    "a random record, near": (replace("0.3", "0.4"), True),
    "a random record, far": (replace("0.3", "0.5"), False),
    "one unit of the last printed place": (replace("-0.5012", "-0.5013"), True),
    "a printed decimal": (replace("-0.5012", "-0.5022"), False),
    "a printed count": (replace("3 modes", "4 modes"), False),
    "a record": (replace("0.5", "0.50001"), False),
    "a renamed record": (replace("x", "y"), False),
    "outputs gone": (lambda cell: cell.update(outputs=[]), False),
    "never executed": (strip, False),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("planted")
    node = executed(path)
    for number, (change, _) in enumerate(PLANTED.values()):
        own = copy.deepcopy(node)
        if change:
            change(own.cells[1])
        write(own, path / f"n{number}.ipynb")
    return path


@pytest.fixture(scope="module")
def outcome(folder, root):
    """What nbval says of each, under a profile and variables that change outputs."""
    profile = folder / "user" / "profile_default" / "startup"
    profile.mkdir(parents=True)
    (profile / "00.py").write_text(
        "import builtins; builtins.poison = 1", encoding="utf-8"
    )
    command = [sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env"]
    command += ["-p", "tests.nbval_plugin", "-p", "no:cacheprovider", "-rA"]
    command += ["--continue-on-collection-errors", f"--rootdir={folder}", "."]
    user = {"IPYTHONDIR": str(folder / "user"), "MKL_CBWR": "COMPATIBLE"}
    environment = os.environ | {"PYTHONPATH": str(root)} | user
    run = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, encoding="utf-8"
    )
    return run.stdout + run.stderr


@pytest.mark.parametrize("planted", PLANTED)
def test_planted_errors(planted, outcome):
    name = f"n{list(PLANTED).index(planted)}.ipynb"
    accepted = f"PASSED {name}::Cell 1" in outcome
    refused = f"FAILED {name}" in outcome or f"ERROR {name}" in outcome
    assert accepted is not refused
    assert accepted is PLANTED[planted][1], outcome


def test_fresh_outputs_are_kept(folder, outcome):
    assert records(folder / "_build" / "fresh" / "n0.ipynb")["x"].value == 0.5


def change_cell(change, path):
    node = nbformat.read(path, 4)
    change(node.cells[2])
    nbformat.write(node, path)


change_output = partial(change_cell, replace("'a' False", "'b' False"))
change_record = partial(change_cell, replace("double", "twice"))


def change_code(path):
    change_cell(lambda cell: cell.update(source=cell.source + "\n"), path)


def damage_run(path):
    (run,) = (path.parents[2] / "runs" / path.stem).glob(f"*/{path.name}")
    change_output(run)


def remove_run(path):
    shutil.rmtree(path.parents[2] / "runs" / path.stem)


#: what is done to a notebook whose run is stored; whether it passes, is executed
AFTER_A_RUN = {
    "toy": (None, True, False),
    "run": (None, True, False),
    "output": (change_output, False, False),
    "record": (change_record, False, False),
    "code": (change_code, True, True),
    "damaged": (damage_run, True, True),
    "removed": (remove_run, True, True),
}


@pytest.fixture(scope="module")
def with_runs(root, tmp_path_factory):
    """A toy book after `make notebooks`, with copies of its notebook and their runs."""
    place = toy.make(root, tmp_path_factory.mktemp("stored"))
    first = place / toy.NOTEBOOK
    toy.notebook(first, toy.CODE.replace('"begun"', "'begun-toy'"))
    toy.ssmbook(place, "notebooks")
    for name, (change, _, _) in AFTER_A_RUN.items():
        path = first.with_stem(name)
        if name != "toy":
            toy.notebook(path, toy.CODE.replace("begun", f"begun-{name}"))
            out, _ = toy.ssmbook(place, "run", path)
            shutil.copy((place / out.strip()).with_suffix(".ipynb"), path)
        if change:
            change(path)
    return place


@pytest.mark.parametrize("forced", [False, True])
def test_a_notebook_with_a_run_of_its_key_is_not_executed(with_runs, root, forced):
    folder = with_runs / "notebooks" / "part"
    for path in folder.glob("begun-*"):
        path.unlink()
    command = [sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env"]
    command += ["-p", "tests.nbval_plugin", "-p", "no:cacheprovider", "-rA"]
    environment = toy.environment(with_runs) | {"CI": "true" if forced else ""}
    environment["PYTHONPATH"] += f"{os.pathsep}{root}"
    run = subprocess.run(
        [*command, f"--rootdir={with_runs}", "notebooks"],
        cwd=with_runs,
        env=environment,
        capture_output=True,
        encoding="utf-8",
    )
    said = run.stdout + run.stderr
    for name, (_, passes, executed) in AFTER_A_RUN.items():
        path = f"notebooks/part/{name}.ipynb"
        assert (f"FAILED {path}" not in said) is passes, said
        assert f"ERROR {path}" not in said
        assert (folder / f"begun-{name}").exists() is (executed or forced), said
        if passes:
            fresh = with_runs / "_build" / "fresh" / f"{name}.ipynb"
            assert records(fresh)["double"].value == 4
            fresh.unlink()
    counts = Counter(executed or forced for _, _, executed in AFTER_A_RUN.values())
    assert f"notebooks executed: {counts[True]}" in said
    if not forced:
        assert "record 'double' is not stored" in said
        assert "stdout: stored" in said
        assert f"notebooks compared with a stored run: {counts[False]}" in said

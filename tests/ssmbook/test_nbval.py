"""Each kind of error planted into a stored notebook, and nbval seeing it."""

import copy
import os
import subprocess
import sys

import nbformat
import pytest

from ssmbook.runs.execution import execute, write

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
    from ssmbook import records

    assert records(folder / "_build" / "fresh" / "n0.ipynb")["x"].value == 0.5

"""Types: pyright accepts the packages and a user's code, and reports a user's typos."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

HERE = Path(__file__).parent
TYPOS = HERE / "user_typos.py"
MARKED = [
    number
    for number, line in enumerate(TYPOS.read_text(encoding="utf-8").splitlines(), 1)
    if line.endswith("# typo")
]


@pytest.fixture(scope="module")
def errors() -> dict[Path, dict[int, str]]:
    """The errors of pyright: by file, by line."""
    folders = [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    command = shutil.which("pyright", path=os.pathsep.join(folders))
    if command is None:
        pytest.skip("pyright is not installed")
    files = [ROOT / "ssmlib", ROOT / "ssmbook", HERE / "user_code.py", TYPOS]
    call = [command, "--outputjson", "--pythonpath", sys.executable, *map(str, files)]
    run = subprocess.run(call, capture_output=True, encoding="utf-8", cwd=ROOT)
    found: dict[Path, dict[int, str]] = {}
    for entry in json.loads(run.stdout)["generalDiagnostics"]:
        if entry["severity"] == "error":
            line = entry["range"]["start"]["line"] + 1
            found.setdefault(Path(entry["file"]), {})[line] = entry["message"]
    return found


@pytest.mark.parametrize("package", ["ssmlib", "ssmbook"])
def test_a_package_has_no_error(errors, package):
    folder = ROOT / package
    assert {p: found for p, found in errors.items() if p.is_relative_to(folder)} == {}


def test_a_user_s_code_has_no_error(errors):
    assert errors.get(HERE / "user_code.py", {}) == {}


@pytest.mark.parametrize("line", MARKED)
def test_a_typo_is_reported(errors, line):
    assert line in errors[TYPOS]


def test_nothing_else_is_reported(errors):
    assert set(errors[TYPOS]) == set(MARKED)


def test_types_are_shipped():
    assert (ROOT / "ssmlib" / "py.typed").is_file()

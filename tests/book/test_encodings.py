"""Every text file is read and written as UTF-8, whatever the locale.

Ruff's PLW1514 sees only calls whose type it can infer; this test looks at every call.
"""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

FOLDERS = ("ssmlib", "ssmbook", "tests", "benchmarks", "book")
#: methods of other things than files that are called open
OTHERS = ("os", "tarfile", "zipfile", "gzip", "wave", "Image", "reader", "webbrowser")


def sources() -> list[Path]:
    return sorted(path for name in FOLDERS for path in (ROOT / name).rglob("*.py"))


def _mode(call: ast.Call, at: int) -> str:
    given = [k.value for k in call.keywords if k.arg == "mode"] or call.args[
        at : at + 1
    ]
    return given[0].value if given and isinstance(given[0], ast.Constant) else "r"


def lacks_encoding(call: ast.Call) -> bool:
    """Whether a call reads or writes text in the encoding of the locale."""
    keywords = {k.arg for k in call.keywords}
    if "encoding" in keywords:
        return False
    function = call.func
    name = getattr(function, "attr", getattr(function, "id", ""))
    if isinstance(function, ast.Name):
        return name == "open" and "b" not in _mode(call, 1)
    if name == "read_text":
        return not call.args
    if name == "write_text":
        return len(call.args) < 2
    if name == "open":
        owner = getattr(getattr(function, "value", None), "id", "")
        return owner not in OTHERS and "b" not in _mode(call, 0)
    if name in ("TemporaryFile", "NamedTemporaryFile", "SpooledTemporaryFile"):
        at = int(name[0] == "S")
        return (len(call.args) > at or "mode" in keywords) and "b" not in _mode(
            call, at
        )
    texts = {k.arg for k in call.keywords if k.arg in ("text", "universal_newlines")}
    return name in ("run", "Popen", "check_output", "check_call") and bool(texts)


@pytest.mark.parametrize(
    ("code", "lacks"),
    [
        ("open('a')", True),
        ("open('a', 'rb')", False),
        ("open('a', encoding='utf-8')", False),
        ("path.open()", True),
        ("path.open('w', newline='')", True),
        ("path.open(mode='wb')", False),
        ("gzip.open(path)", False),
        ("path.read_text()", True),
        ("path.read_text('utf-8')", False),
        ("path.write_text(text)", True),
        ("path.write_text(text, encoding='utf-8')", False),
        ("tempfile.TemporaryFile()", False),
        ("tempfile.TemporaryFile('w+')", True),
        ("subprocess.run(call, text=True)", True),
        ("subprocess.run(call, text=True, **options)", True),
        ("subprocess.run(call, encoding='utf-8')", False),
    ],
)
def test_what_is_found(code, lacks):
    assert lacks_encoding(ast.parse(code, mode="eval").body) == lacks


def test_every_call_names_its_encoding():
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sources()
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.Call) and lacks_encoding(node)
    ]
    assert len(sources()) > 150
    assert not found


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_the_command_prints_on_a_terminal_of_another_encoding(encoding):
    """A letter that the terminal cannot show is escaped and ends no command."""
    code = "from ssmbook.cli import main; import ssmbook.cli.main as command; "
    code += "command.app = lambda: print('\\u03bb \\u00e9'); main()"
    run = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"},
        capture_output=True,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout == "λ é\n".encode(encoding, errors="backslashreplace")

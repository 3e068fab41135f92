"""A run reads no file that its key does not cover, however a notebook opens it."""

import json
import os
import subprocess
import sys
import time

import pytest

from ssmbook.notebook.parameters import check, declared
from ssmbook.runs import coverage
from ssmbook.runs.execution import NotebookFailed, execute
from tests.ssmbook.snippets import ALLOWED, LISTS, READS, STARTS, fill
from tests.ssmbook.test_key import cells

HEAD = 'data: str = ""  # <path> data\ntext: str = "plain"'
# Runs each snippet in its folder, under the hook of a kernel; the refusals of each.
SCRIPT = """import json, os, sys, time
from IPython.core.interactiveshell import InteractiveShell
sys.path.insert(0, sys.argv[1])
import hook, launch
shell = InteractiveShell.instance()
shell.run_cell("import numpy, pandas, sqlite3, torch, runpy, json, ssmbook")
snippets = json.loads(sys.stdin.read())
reads = hook.Reads({}, [], [], os.path.abspath("refusals"))
launch.audit_processes()
sys.addaudithook(reads)
found, started = {}, reads.started
for name, (folder, code, values, readable) in snippets.items():
    reads.__init__(**readable, refusals=reads.refusals)
    reads.places.insert(0, (reads.refusals, True))
    open(reads.refusals, "w").close()
    os.chdir(folder)
    reads.started = started
    shell.user_ns |= values
    result = shell.run_cell(code, silent=True)
    error = result.error_before_exec or result.error_in_exec
    found[name] = [open(reads.refusals).read().splitlines(), repr(error)]
    for number in os.listdir("/proc/self/fd"):
        if os.path.isdir(f"/proc/self/fd/{number}"):
            os.close(int(number))
sys.__stdout__.write(chr(0) + json.dumps(found))
"""


def parametrized(*code):
    node = cells(HEAD, *code)
    node.cells[0].metadata["tags"] = ["parameters"]
    return node


@pytest.fixture(scope="module")
def refusals(tmp_path_factory, root):
    """What each snippet was refused, and the error it ended with."""
    snippets = {}
    for how, (code, values) in {
        **{h: (c, {}) for h, c in (READS | LISTS | STARTS).items()},
        **ALLOWED,
    }.items():
        folder = fill(tmp_path_factory.mktemp("snippet") / "work")
        node = parametrized("import ssmbook")
        known = declared(node, "here")
        chosen = check(known, values, "here")
        readable = coverage.readable(node, known, chosen, folder)
        snippets[how] = [str(folder), code, chosen, readable]
    time.sleep(0.1)  # a file system's clock is coarse
    command = [sys.executable, "-c", SCRIPT, str(root / "ssmbook" / "runs")]
    made = subprocess.run(
        command,
        cwd=tmp_path_factory.mktemp("refusals"),
        # A kernel reads no settings of its user either.
        env=os.environ | {"XDG_CONFIG_HOME": str(tmp_path_factory.mktemp("config"))},
        input=json.dumps(snippets),
        capture_output=True,
        encoding="utf-8",
    )
    assert made.returncode == 0, made.stderr
    return json.loads(made.stdout.rpartition("\0")[2])


@pytest.mark.slow
@pytest.mark.parametrize("how", READS)
def test_a_file_that_is_no_parameter_is_refused(how, refusals):
    refused, _ = refusals[how]
    named = (
        "x.csv",
        "o.csv",
        "x.npy",
        "x.npz",
        "x.db",
        "other.py",
        "y",
        "pipe",
        "file:x.csv",
    )
    assert any(f"/{name}, which the key" in line for name in named for line in refused)
    assert all("marked <path>" in line for line in refused)


@pytest.mark.slow
@pytest.mark.parametrize("how", LISTS)
def test_a_folder_that_is_not_covered_is_not_listed(how, refusals):
    refused, error = refusals[how]
    assert "the notebook lists /" in refused[0]
    assert "Refused" in error or "caught" in how


@pytest.mark.slow
@pytest.mark.parametrize("how", STARTS)
def test_no_process_is_started(how, refusals):
    refused, error = refusals[how]
    assert "the notebook starts " in refused[0]
    assert "marked <path>" in refused[0]
    assert "Refused" in error or "caught" in how


@pytest.mark.slow
@pytest.mark.parametrize("how", ALLOWED)
def test_a_file_that_the_key_covers_is_read(how, refusals):
    assert refusals[how] == [[], "None"]


def run(folder, *code, **values):
    return execute(parametrized(*code), values, folder)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("~/x.csv", "import os; open(os.path.expanduser(text))"),
        ("~/x.csv", "import pathlib; pathlib.Path(text).expanduser().read_text()"),
        ("$HOME/x.csv", "import os; open(os.path.expandvars(text))"),
        ("x", "open(text + '.csv')"),
        ("file:x.csv", "open(text.removeprefix('file:'))"),
    ],
)
def test_a_text_that_the_notebook_makes_a_path_of_is_refused(
    text, code, tmp_path, monkeypatch
):
    """The key covers the text alone, since no file has that name."""
    folder = fill(tmp_path / "work")
    monkeypatch.setenv("HOME", str(folder))
    with pytest.raises(NotebookFailed, match=r"\.csv, which the key of the run does"):
        run(folder, code, text=text)


def test_a_run_that_reads_another_file_fails(tmp_path):
    """At once, and also where a cell catches the error or an import reads it."""
    folder = fill(tmp_path / "work")
    with pytest.raises(NotebookFailed, match=r"x\.csv, which the key of the run does"):
        run(folder, "open('x.csv')")
    with pytest.raises(ValueError, match=r"x\.csv, which the key of the run does not"):
        run(folder, "try: open('x.csv')\nexcept OSError: pass")
    with pytest.raises(
        ValueError, match=r"other\.py, which the key of the run does not"
    ):
        run(folder, "%run other.py")
    run(folder, "open(data)", data="x.csv")


def test_a_file_that_is_missing_is_named_by_python(tmp_path):
    with pytest.raises(NotebookFailed, match=r"FileNotFoundError.*nothing\.csv"):
        run(tmp_path, "open('nothing.csv')")


def test_a_module_of_the_packages_is_not_read_as_text(tmp_path, root):
    """The key does not cover it where the notebook does not import it."""
    with pytest.raises(NotebookFailed, match=r"hippo\.py, which the key"):
        run(tmp_path, f"open({str(root / 'ssmlib' / 'hippo.py')!r})")


def test_a_longer_run_is_read_where_it_is_written_out(root, tmp_path):
    run(tmp_path, 'import ssmbook; ssmbook.kept("ablations", "rates")')
    with pytest.raises(NotebookFailed, match=r"ablations\.ipynb, which the key"):
        run(tmp_path, 'import ssmbook; f = ssmbook.kept\nf("ablations", "rates")')

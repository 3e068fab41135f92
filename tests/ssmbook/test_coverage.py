"""A run reads no file that its key does not cover, however a notebook opens it."""

import json
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy
import pytest

from ssmbook.notebook.parameters import check, declared
from ssmbook.runs import coverage
from ssmbook.runs.execution import NotebookFailed, execute
from tests.ssmbook.test_key import cells

HEAD = 'data: str = ""  # <path> data\ntext: str = "plain"'
# Runs each snippet in its folder, under the hook of a kernel; the refusals of each.
SCRIPT = """import json, os, sys, time
from IPython.core.interactiveshell import InteractiveShell
sys.path.insert(0, sys.argv[1])
import launch
shell = InteractiveShell.instance()
shell.run_cell("import numpy, pandas, sqlite3, torch, runpy, json, ssmbook")
snippets = json.loads(sys.stdin.read())
reads = launch.Reads({}, [], os.path.abspath("refusals"))
sys.addaudithook(reads)
found = {}
for name, (folder, code, values, readable) in snippets.items():
    reads.places = sorted(readable["places"].items(), key=lambda item: len(item[0]))
    reads.covered = {*readable["covered"]}
    reads.places.append((reads.refusals, True))
    open(reads.refusals, "w").close()
    os.chdir(folder)
    shell.user_ns |= values
    result = shell.run_cell(code, silent=True)
    error = result.error_before_exec or result.error_in_exec
    found[name] = [open(reads.refusals).read().splitlines(), repr(error)]
sys.__stdout__.write(chr(0) + json.dumps(found))
"""


def parametrized(*code):
    node = cells(HEAD, *code)
    node.cells[0].metadata["tags"] = ["parameters"]
    return node


def fill(place):
    """Make the folder of a notebook, with files of every kind in it and beside it."""
    (place / "deep").mkdir(parents=True)
    for name in ("x.csv", "deep/x.csv", "../x.csv"):
        (place / name).write_text("1\n2\n", encoding="utf-8")
    (place / "other.py").write_text("x = 1\n", encoding="utf-8")
    (place / "link.csv").symlink_to("x.csv")
    numpy.save(place / "x.npy", [1])
    numpy.savez(place / "x.npz", [1])
    sqlite3.connect(place / "x.db").execute("create table a (b)")
    return place


@pytest.fixture(scope="module")
def refusals(tmp_path_factory, root):
    """What each snippet was refused, and the error it ended with."""
    snippets = {}
    for how, (code, values) in {
        **{h: (c, {}) for h, c in READS.items()},
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
        input=json.dumps(snippets),
        capture_output=True,
        encoding="utf-8",
    )
    assert made.returncode == 0, made.stderr
    return json.loads(made.stdout.rpartition("\0")[2])


READS = {
    "open": "open('x.csv')",
    "bytes": "open(b'x.csv', 'rb')",
    "a path": "import pathlib; pathlib.Path('deep/x.csv').read_text()",
    "os.open": "import os; os.open('x.csv', os.O_RDONLY)",
    "to change": "open('x.csv', 'r+')",
    "beside": "open('../x.csv')",
    "absolute": "import os; open(os.path.abspath('x.csv'))",
    "a link": "open('link.csv')",
    "after a change of folder": "import os; os.chdir('deep'); open('x.csv')",
    "numpy": "import numpy; numpy.load('x.npy')",
    "numpy, text": "import numpy; numpy.loadtxt('x.csv')",
    "numpy, mapped": "import numpy; numpy.load('x.npy', mmap_mode='r')",
    "numpy, several": "import numpy; numpy.load('x.npz')",
    "numpy, raw": "import numpy; numpy.fromfile('x.npy')",
    "pandas": "import pandas; pandas.read_csv('x.csv')",
    "sqlite": "import sqlite3; sqlite3.connect('x.db')",
    "%run": "%run other.py",
    "%run, within": "get_ipython().run_line_magic('run', 'other.py')",
    "%load": "%load other.py",
    "a shell": "!cat x.csv",
    "a program": "import subprocess; subprocess.run(['cat', 'x.csv'], check=True)",
    "a program elsewhere": (
        "import subprocess as s; s.run(['cat', 'x.csv'], cwd='deep')"
    ),
    "os.system": "import os; os.system('cat x.csv > /dev/null')",
    "a module that is not registered": (
        "from importlib import util\n"
        "s = util.spec_from_file_location('o', 'other.py')\n"
        "s.loader.exec_module(util.module_from_spec(s))"
    ),
    "caught": "try: open('x.csv')\nexcept OSError: pass",
    "exec": "exec(open('other.py').read())",
    "runpy": "import runpy; runpy.run_path('other.py')",
    "appended and read": "open('x.csv', 'a').write('3'); open('x.csv').read()",
    "touched and read": "import pathlib; pathlib.Path('x.csv').touch(); open('x.csv')",
    "renamed and read": "import os; os.rename('x.csv', 'y'); open('y')",
    "linked and read": "import os; os.link('x.csv', 'y'); open('y')",
    "copied": "import shutil; shutil.copy('x.csv', 'y.csv')",
}  # fmt: skip


ALLOWED = {
    "a parameter": ("open(data)", {"data": "x.csv"}),
    "a text": ("open(text)", {"text": "deep/x.csv"}),
    "below a parameter": ("open(data + '/x.csv')", {"data": "deep"}),
    "a link as parameter": ("open(data)", {"data": "link.csv"}),
    "the file of a link": ("open('x.csv')", {"data": "link.csv"}),
    "what it wrote": ("open('y', 'w').write('1'); open('y').read()", {}),
    "what it wrote over": ("open('x.csv', 'w').write('1'); open('x.csv').read()", {}),
    "what it put in place": (
        "import os; open('t', 'w').write('1'); os.replace('t', 'x.csv'); open('x.csv')",
        {},
    ),
    "what a program wrote": ("!echo 1 > y\nopen('y')", {}),
    "a file for a time": ("import tempfile; tempfile.TemporaryFile().read()", {}),
    "a result": ("import torch; torch.save(1, 'y'); torch.load('y')", {}),
    "added to": ("open('x.csv', 'a').write('3')", {}),
    "the system": ("open('/etc/passwd'), open('/proc/self/stat')", {}),
    "the library": ("import json; open(json.__file__)", {}),
    "a package": ("import numpy; open(numpy.__file__)", {}),
    "a covered module": ("import ssmbook; open(ssmbook.__file__)", {}),
    "a folder": ("import os; os.listdir('.')", {}),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("how", READS)
def test_a_file_that_is_no_parameter_is_refused(how, refusals):
    refused, _ = refusals[how]
    named = ("x.csv", "x.npy", "x.npz", "x.db", "other.py", "link.csv", "y")
    assert any(f"/{name}, which the key" in line for name in named for line in refused)
    assert all("marked <path>" in line for line in refused)


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
        ("*.csv", "import glob; open(glob.glob(text)[0])"),
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


def test_caches_are_read_and_the_home_is_not(tmp_path, monkeypatch):
    """The longest beginning of a path decides."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SSMLIB_CACHE", str(tmp_path / "work" / "cache"))
    node = parametrized()
    known = declared(node, "here")
    values = {"data": "", "text": ""}
    places = coverage.readable(node, known, values, tmp_path / "work")["places"]

    def allowed(file: str) -> bool:
        matching = [place for place in places if file.startswith(place)]
        return bool(matching) and places[max(matching, key=len)]

    for file, expected in {
        f"{tmp_path}/.cache/x": True,
        f"{tmp_path}/x": False,
        f"{tmp_path}/work/x": False,
        f"{tmp_path}/work/.x": False,
        f"{tmp_path}/work/cache/x": True,
        os.__file__: True,
        pytest.__file__: True,
        str(Path(coverage.__file__)): False,
        "/data/x": False,
    }.items():
        assert allowed(file) is expected, file

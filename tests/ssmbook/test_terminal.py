"""What is around a command: streams, locale, home folder, Ctrl-C."""

import errno
import functools
import os
import re
import shutil
import subprocess
import sys

import pytest

from ssmbook.cli import terminal
from tests.ssmbook import toy
from tests.ssmbook.toy import NOTEBOOK, ssmbook

slow = functools.partial(pytest.param, marks=pytest.mark.slow)


@pytest.mark.parametrize(
    ("line", "status", "said"),
    [
        ("list | head -1", 0, ""),
        ("list --json | true", 0, ""),
        ("list >&-", 1, "stdout is closed"),
        ("list > /dev/full", 1, "No space left on device"),
        ("list --json > /dev/full", 1, "No space left on device"),
        ("--help > /dev/full", 1, "No space left on device"),
        ("list > /dev/null 2>&-", 0, ""),
        ("list > /dev/null <&-", 0, ""),
        slow("run 1 > /dev/null 2>&-", 0, ""),
        slow("run 1 -p n=3 > /dev/null 2>&- <&-", 0, ""),
        slow("sweep 1 --grid n=4,5 > /dev/null 2>&- <&-", 0, ""),
    ],
)
def test_streams_that_are_closed_or_full(place, line, status, said):
    call = f"exec {sys.executable} -m ssmbook.cli {line}"
    call = call.removeprefix("exec ") if "|" in line else call
    run = subprocess.run(
        ["bash", "-c", call],
        cwd=place,
        env=toy.environment(place),
        capture_output=True,
        encoding="utf-8",
    )
    assert run.returncode == status, run.stderr
    assert said in run.stderr
    assert len(run.stderr.splitlines()) == bool(said)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
@pytest.mark.parametrize("way", ["named", "unnamed", "copied"])
def test_a_full_disk_is_named_with_the_next_step(number, way, tmp_path, monkeypatch):
    """A failed write does not say of which file it was."""
    reason = os.strerror(number)
    error = OSError(number, reason, str(tmp_path) if way == "named" else None)
    if way == "copied":
        error = shutil.Error([("a", str(tmp_path), str(error))])
    usage = shutil.disk_usage("/")._replace(free=0)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    monkeypatch.chdir(tmp_path)
    said = terminal._said(error)
    assert said.startswith(str(tmp_path))
    assert f" cannot be written: {reason}. Make space there, or choose another" in said
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=2**30))
    assert f" cannot be written: {reason}. Make space there" in terminal._said(error)


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "1", "--runs"),
        ("sweep", "1", "--grid", "n=1", "--runs"),
        ("results", "1", "-o"),
        ("build", "-o"),
    ],
)
def test_a_folder_that_cannot_be_made_is_named(place, arguments):
    _, err = ssmbook(place, *arguments, "/proc/nowhere", status=1)
    assert re.search(r"/proc/nowhere.*No such file or directory.* folder", err)
    assert "Errno" not in err


LOCALES = [
    {"LC_ALL": "xx_YY.UTF-8"},
    {"PYTHONIOENCODING": "ascii"},
    {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
]


def in_locale(place, names, *arguments):
    command = [sys.executable, "-m", "ssmbook.cli", *arguments]
    surroundings = toy.environment(place) | names
    run = subprocess.run(command, cwd=place, env=surroundings, capture_output=True)
    assert run.returncode == 0, run.stderr
    return run.stdout


@pytest.mark.parametrize("names", LOCALES)
def test_any_locale_shows_the_chapters(own, names):
    path = own / NOTEBOOK
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("# A toy", "# A toy of Δ"), encoding="utf-8")
    said = in_locale(own, names, "list")
    assert "A toy of Δ".encode() in said or b"A toy of \\u0394" in said


@pytest.mark.slow
def test_any_locale_builds_the_same_pages(own):
    page = own / "book" / "how-to-read.md"
    page.write_text("# How to read Δ\n", encoding="utf-8")
    ssmbook(own, "notebooks")
    in_locale(own, LOCALES[-1], "build", "--stored")
    made = own / "_build" / "stored-html" / "book" / "how-to-read.html"
    assert "How to read Δ" in made.read_text(encoding="utf-8")


WITHOUT_HOME = """import os, pwd, sys
del os.environ["HOME"]
def unknown(number):
    raise KeyError(number)
pwd.getpwuid = unknown
sys.argv = ["ssmbook", "build"]
from ssmbook.cli import main
main()"""


@pytest.mark.slow
def test_a_user_without_a_home_folder(own):
    run = subprocess.run(
        [sys.executable, "-c", WITHOUT_HOME],
        cwd=own,
        env=toy.environment(own),
        capture_output=True,
        encoding="utf-8",
    )
    assert "Traceback" not in run.stderr
    assert run.returncode == 1
    assert "set HOME" in run.stderr


INTERRUPTED = """import sys
class Finder:
    def find_spec(self, name, *_):
        if name == "typer":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Finder())
from ssmbook.cli import main
main()"""


def test_ctrl_c_while_modules_are_imported(place):
    run = subprocess.run(
        [sys.executable, "-c", INTERRUPTED],
        cwd=place,
        env=toy.environment(place),
        capture_output=True,
        encoding="utf-8",
    )
    assert (run.returncode, run.stderr) == (130, "interrupted\n")

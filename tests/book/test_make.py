"""What make says, in one line, of an environment that it cannot make or use."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from tests.ssmbook.test_faults import wait_for


def copy(root: Path, folder: Path) -> None:
    """Copy the files that decide what is installed; their times are long ago."""
    (folder / ".ci").mkdir()
    names = ("Makefile", "pyproject.toml", ".ci/environment.py")
    for path in (*map(Path, names), *root.glob("requirements*.lock")):
        place = folder / (path if not path.is_absolute() else path.name)
        shutil.copy(root / path, place)
        os.utime(place, (0, 0))


def make(
    folder: Path, root: Path, stubs=None, **options
) -> subprocess.CompletedProcess:
    """`make .venv/.ready` where only a shell and these Pythons are on the path."""
    (folder / "bin").mkdir()
    for tool in ("make", "sh", "echo", "test", "touch", "rm"):
        (folder / "bin" / tool).symlink_to(shutil.which(tool))
    for name, script in (stubs or {}).items():
        path = folder / "bin" / name
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(0o755)
    copy(root, folder)
    return subprocess.run(
        ["make", ".venv/.ready"],
        cwd=folder,
        env={"PATH": str(folder / "bin")},
        capture_output=True,
        encoding="utf-8",
        **options,
    )


def refused(run: subprocess.CompletedProcess) -> str:
    assert run.returncode
    return run.stderr.splitlines()[0]


def test_make_names_a_missing_python_in_a_line(root, tmp_path):
    stub = "echo 'pyenv: python3.13: command not found' >&2; exit 127"
    line = refused(make(tmp_path, root, {"python3.13": stub}))
    assert line.startswith("make: no Python 3.11, 3.12 or 3.13 found: install one")


def test_make_names_a_missing_venv_module_in_a_line(root, tmp_path):
    stub = f'case "$*" in *ensurepip*) exit 1;; esac; exec {sys.executable} "$@"'
    line = refused(make(tmp_path, root, {"python3.12": stub}))
    assert line.startswith("make: python3.12 has no venv module: on Debian")


def ready(folder: Path, made_in: str) -> None:
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").symlink_to(sys.executable)
    (folder / ".ready").write_text(f"{made_in}\n", encoding="utf-8")


def test_an_environment_that_was_moved_is_made_again(root, tmp_path):
    """Its scripts name the Python of the folder in which they were made."""
    ready(tmp_path / ".venv", "/elsewhere/.venv")
    run = make(tmp_path, root)
    line = "make: .venv was made in /elsewhere/.venv: it is made again here\n"
    assert run.stdout == line
    assert "no Python" in refused(run)


@pytest.mark.parametrize("made_in", ["", "here"])
def test_an_environment_that_was_made_here_is_ready(made_in, root, tmp_path):
    """An earlier one does not say where it was made."""
    ready(tmp_path / ".venv", made_in and str(tmp_path / ".venv"))
    run = make(tmp_path, root)
    assert run.returncode == 0, run.stderr
    assert not run.stdout


def test_a_linked_environment_is_used_and_never_cleared(root, tmp_path):
    ready(tmp_path / "other", str(tmp_path / "other"))
    (tmp_path / ".venv").symlink_to("other")
    assert make(tmp_path, root).returncode == 0
    again = tmp_path / "again"
    again.mkdir()
    ready(again / "other", "/elsewhere")
    (again / ".venv").symlink_to("other")
    line = refused(make(again, root))
    assert line.startswith("make: .venv is a link to an environment that is out")
    assert (again / "other" / ".ready").exists()


def test_a_folder_of_another_user_is_named_in_a_line(root):
    """Root may write everywhere: there the command runs as another user."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        user = {"user": 65534, "group": 65534} if os.geteuid() == 0 else {}
        if not user:
            pytest.skip("a user cannot make a folder of another one")
        line = refused(make(folder, root, **user))
    assert (
        line == f"make: {folder} cannot be written by this user: run make as its owner"
    )


def test_every_package_but_torch_is_installed_by_its_checksum(root):
    text = (root / "Makefile").read_text(encoding="utf-8").replace("\\\n", " ")
    calls = re.findall(r"^\t\$\(PIP_INSTALL\) (.*)$", text, re.M)
    assert len(calls) == 5
    for call in calls:
        unchecked = "requirements-torch.lock" in call or "--editable ." in call
        assert unchecked != ("--require-hashes" in call), call


# Stands for Python and pip in an environment: notes what is installed, and waits.
PIP = """case "$*" in
  *--editable*) while test -e wait; do :; done; echo packages >> log;;
  *) echo "$*" >> log;;
esac
"""
PYTHON = """case "$*" in
  *"-m venv"*) rm -rf .venv; mkdir -p .venv/bin; cp bin/pip .venv/bin/pip
    ln -s {executable} .venv/bin/python; touch venv.made;;
  *) exec {executable} "$@";;
esac
"""


@pytest.fixture
def checkout(root, tmp_path):
    """A folder where make installs by stubs that only note it."""
    copy(root, tmp_path)
    (tmp_path / "ssmlib").mkdir()
    (tmp_path / "ssmlib" / "__init__.py").write_text(
        '__version__ = "1"\n', encoding="utf-8"
    )
    (tmp_path / "bin").mkdir()
    for name, script in {
        "pip": PIP,
        "python3.13": PYTHON.format(executable=sys.executable),
    }.items():
        path = tmp_path / "bin" / name
        path.write_text(f"#!/bin/sh\n{script}", encoding="utf-8")
        path.chmod(0o755)
    return tmp_path


def begun(checkout: Path) -> subprocess.Popen:
    return subprocess.Popen(
        ["make", ".venv/.ready"],
        cwd=checkout,
        env={"PATH": f"{checkout / 'bin'}:/usr/bin:/bin"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )


def installed(checkout: Path) -> list[str]:
    """What one more make installs, in short."""
    (checkout / "log").unlink(missing_ok=True)
    process = begun(checkout)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    log = checkout / "log"
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    return [re.sub(r".*(requirements\S*)\.lock.*", r"\1", line) for line in lines]


ALL = ["requirements-pip", "requirements", "requirements-torch", "requirements-data",
       "packages"]  # fmt: skip


def edit(name: str, old: str, new: str):
    def apply(checkout: Path) -> None:
        path = checkout / name
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    return apply


def touch_all(checkout: Path) -> None:
    """Give files new times, as git does when it checks out another commit and back."""
    for path in (*checkout.glob("*.*"), checkout / "ssmlib" / "__init__.py"):
        path.touch()


PROJECT = "pyproject.toml"
EDITS = {
    "times": (touch_all, []),
    "import contracts": (edit(PROJECT, '"publish", "book"', '"book", "publish"'), []),
    "options of a tool": (edit(PROJECT, "line-length = 88", "line-length = 99"), []),
    "a comment": (edit(PROJECT, "[project]", "# nothing\n[project]"), []),
    "a description": (edit(PROJECT, 'description = "', 'description = "A'), []),
    "code": (edit("ssmlib/__init__.py", "\n", "\n\nx = 1\n"), []),
    "dependencies": (edit(PROJECT, '"scipy>=1.17"', '"scipy"'), ["packages"]),
    "an extra": (edit(PROJECT, '"tqdm"', '"tqdm", "rich"'), ["packages"]),
    "requires-python": (edit(PROJECT, "<3.14", "<3.15"), ["packages"]),
    "a script": (edit(PROJECT, "ssmbook.cli:main", "ssmbook.cli:other"), ["packages"]),
    "an entry point": (edit(PROJECT, ":recommend", ":other"), ["packages"]),
    "the version": (edit("ssmlib/__init__.py", '"1"', '"2"'), ["packages"]),
    "a lock": (edit("requirements.lock", "==", "==1"), ALL),
    "the lock of torch": (edit("requirements-torch.lock", "==", "==1"), ALL),
    "a lock that is gone": (lambda c: (c / "requirements-data.lock").unlink(), ALL),
    "an interrupted make": (lambda c: (c / ".venv" / ".ready").unlink(), ALL),
    "a damaged note": (
        lambda c: (c / ".venv" / ".installed").write_bytes(b"{"),
        ALL,
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("how", EDITS)
def test_contents_decide_what_is_installed_again(how, checkout):
    change, expected = EDITS[how]
    assert installed(checkout) == ALL
    change(checkout)
    assert installed(checkout) == expected
    assert installed(checkout) == []


@pytest.mark.slow
def test_an_environment_without_checksums_is_taken_by_its_time(checkout):
    assert installed(checkout) == ALL
    (checkout / ".venv" / ".installed").unlink()
    assert installed(checkout) == []
    for name, expected in ((PROJECT, ["packages"]), ("requirements.lock", ALL)):
        (checkout / ".venv" / ".installed").unlink(missing_ok=True)
        future = time.time() + 9
        os.utime(checkout / name, (future, future))
        assert installed(checkout) == expected


def test_two_makes_at_once_install_once(checkout):
    (checkout / "wait").touch()
    first = begun(checkout)
    wait_for((checkout / "venv.made").exists)
    second = begun(checkout)
    said = second.stderr.readline()
    assert said == "make: waiting for another make, which installs into .venv\n"
    (checkout / "wait").unlink()
    for process in (first, second):
        _, err = process.communicate(timeout=120)
        assert (process.returncode, err) == (0, "")
    assert len((checkout / "log").read_text(encoding="utf-8").splitlines()) == len(ALL)


def test_the_lock_of_a_killed_make_does_not_block(checkout):
    (checkout / "wait").touch()
    first = subprocess.Popen(
        ["make", ".venv/.ready"],
        cwd=checkout,
        env={"PATH": f"{checkout / 'bin'}:/usr/bin:/bin"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    wait_for((checkout / "venv.made").exists)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    (checkout / "wait").unlink()
    assert installed(checkout) == ALL


def test_ci_executes_every_notebook_and_runs_slow_tests(root):
    text = (root / "Makefile").read_text(encoding="utf-8")
    recipes = {
        name: re.search(rf"^{name}:.*?\n\n", text, re.M | re.S)[0]
        for name in ("check", "test")
    }
    (fast,) = re.findall(r"^FAST := (.*)$", text, re.M)
    assert "not slow" in fast
    assert "$(FAST)" in recipes["check"]
    assert "slow" not in recipes["test"]
    assert "$(FAST)" not in recipes["test"]
    run = (root / ".ci" / "run").read_text(encoding="utf-8")
    assert run.index("\nexport CI=true") < run.index("\nmake test")


def test_ci_collects_every_test_that_asks_a_registry(root):
    run = (root / ".ci" / "run").read_text(encoding="utf-8")
    (folder, names) = re.search(r"-m network (\S+)/test_{(.*)}.py$", run, re.M).groups()
    collected = {root / folder / f"test_{name}.py" for name in names.split(",")}
    marked = {
        path
        for path in (root / "tests").rglob("*.py")
        if re.search(r"^@pytest\.mark\.network", path.read_text(encoding="utf-8"), re.M)
    }
    assert collected == marked

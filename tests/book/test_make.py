"""What make says, in one line, of an environment that it cannot make or use."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest


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
    for name in ("Makefile", "pyproject.toml", *root.glob("requirements*.lock")):
        shutil.copy(root / name, folder)
        os.utime(folder / Path(name).name, (0, 0))
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
    folder.mkdir()
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
    assert "up to date" in run.stdout


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
    (folder,) = re.findall(
        r"-m network (\S+)$", (root / ".ci" / "run").read_text(encoding="utf-8"), re.M
    )
    marked = [
        path
        for path in (root / "tests").rglob("*.py")
        if re.search(r"^@pytest\.mark\.network", path.read_text(encoding="utf-8"), re.M)
    ]
    assert marked
    assert all(path.is_relative_to(root / folder) for path in marked)

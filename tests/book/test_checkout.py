"""A copy of the repository has the bytes of the commit, whatever git is set to."""

import os
import subprocess
from pathlib import Path

import pytest


def git(folder: Path, *arguments: str, **options) -> str:
    call = ["git", *arguments]
    return subprocess.run(
        call,
        cwd=folder,
        check=True,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        **options,
    ).stdout


@pytest.fixture(scope="module")
def committed(root, tmp_path_factory):
    """A repository of one commit with the files of this one, as they are now."""
    if not (root / ".git").exists():
        pytest.skip("outside git there is no commit to clone")
    place = tmp_path_factory.mktemp("committed")
    git(place, "init", "-q")
    work = ["--git-dir", place / ".git", "--work-tree", root]
    git(root, *work, "add", "-A")
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    git(root, *work, *who, "commit", "-qm", "all of it")
    return place


@pytest.mark.parametrize(
    "settings", [["core.autocrlf=true"], ["core.eol=crlf", "core.autocrlf=false"]]
)
def test_a_clone_has_the_same_bytes(settings, committed, root, tmp_path):
    options = [part for setting in settings for part in ("-c", setting)]
    git(tmp_path, "clone", "-q", *options, committed, "clone")
    listed = git(tmp_path / "clone", "ls-files", "-s", "-z").split("\0")[:-1]
    stored = {name: line.split()[1] for line, name in (x.split("\t") for x in listed)}
    assert len(stored) > 300
    names = "\n".join(stored)
    there = git(
        tmp_path / "clone", "hash-object", "--no-filters", "--stdin-paths", input=names
    ).split()
    changed = [n for n, h in zip(stored, there, strict=True) if h != stored[n]]
    assert not changed
    for name in ("requirements.lock", "README.md", "ssmlib/__init__.py"):
        assert (tmp_path / "clone" / name).read_bytes() == (root / name).read_bytes()


def test_an_environment_is_ignored_as_a_folder_and_as_a_link(root, tmp_path):
    """The environment of one checkout may be linked from another."""
    git(tmp_path, "init", "-q")
    ignore = (root / ".gitignore").read_text(encoding="utf-8")
    (tmp_path / ".gitignore").write_text(ignore, encoding="utf-8")
    os.symlink(tmp_path, tmp_path / ".venv")
    assert git(tmp_path, "status", "--porcelain") == "?? .gitignore\n"
    (tmp_path / ".venv").unlink()
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "file").touch()
    assert git(tmp_path, "status", "--porcelain") == "?? .gitignore\n"

"""The commit that a run names, or the reason why it names none."""

import os
import subprocess

import pytest

from ssmbook.runs import provenance


def git(place, *arguments):
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", *identity, *arguments], cwd=place, check=True)


@pytest.fixture
def repository(tmp_path):
    """A repository of two commits."""
    place = tmp_path / "repository"
    place.mkdir()
    git(place, "init", "-q", "-b", "main")
    for text in ("one", "two"):
        (place / "file").write_text(text, encoding="utf-8")
        git(place, "add", "-A")
        git(place, "commit", "-qm", text)
    return place


def head(place):
    call = ["git", "rev-parse", "HEAD"]
    return subprocess.check_output(call, cwd=place, encoding="utf-8").strip()


def plain(place):
    return place


def detached(place):
    git(place, "checkout", "-q", "--detach", "HEAD~1")
    return place


def shallow(place):
    git(place.parent, "clone", "-q", "--depth=1", place.as_uri(), "shallow")
    return place.parent / "shallow"


def worktree(place):
    git(place, "worktree", "add", "-q", "--detach", "../worktree")
    return place.parent / "worktree"


def bare_worktree(place):
    git(place.parent, "clone", "-q", "--bare", place, "bare")
    git(place.parent / "bare", "worktree", "add", "-q", "--detach", "../other")
    return place.parent / "other"


def submodule(place):
    outer = place.parent / "outer"
    outer.mkdir()
    git(outer, "init", "-q")
    add = ["submodule", "add", "-q", str(place), "inner"]
    git(outer, "-c", "protocol.file.allow=always", *add)
    return outer / "inner"


KINDS = [plain, detached, shallow, worktree, bare_worktree, submodule]


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_checkout_names_its_commit(repository, kind, monkeypatch):
    """Variables of git, as a hook has them, name another repository."""
    place = kind(repository)
    expected = head(place)
    other = repository.parent / "another"
    other.mkdir()
    git(other, "init", "-q")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / "index"))
    assert provenance.state(place) == {"commit": expected, "clean": True}
    (place / "file").write_text("three", encoding="utf-8")
    assert provenance.state(place) == {"commit": expected, "clean": False}


def own_by_another(place, monkeypatch):
    if os.geteuid():
        pytest.skip("only root can give a folder to another user")
    os.chown(place, 12345, 12345)


def without_git(place, monkeypatch):
    monkeypatch.setenv("PATH", str(place / "nowhere"))


def without_commit(place, monkeypatch):
    git(place, "checkout", "-q", "--orphan", "new")


def damaged(place, monkeypatch):
    (place / ".git" / "HEAD").write_text("nonsense", encoding="utf-8")


def slow(place, monkeypatch):
    """Git waits, as on a folder of a network that is gone."""
    program = place.parent / "bin" / "git"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nexec sleep 60\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(provenance, "GIT_TIMEOUT", 0.2)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (own_by_another, "dubious ownership"),
        (without_git, "git is not installed"),
        (without_commit, "the repository has no commit yet"),
        (damaged, "not a git repository"),
        (slow, "git did not answer within 0.2 s"),
    ],
)
def test_a_missing_commit_has_a_reason(repository, spoil, reason, monkeypatch, caplog):
    spoil(repository, monkeypatch)
    state = provenance.state(repository)
    assert state["commit"] is state["clean"] is None
    assert reason in state["reason"]
    assert reason in caplog.text
    assert "the run names no commit" in caplog.text
    provenance.state(repository)
    assert caplog.text.count(reason) == 1  # once per process


def test_a_folder_without_a_repository_is_no_warning(tmp_path, caplog):
    assert "not a git repository" in provenance.state(tmp_path)["reason"]
    git(tmp_path, "init", "-q")
    (tmp_path / "inside").mkdir()
    assert "is not its top" in provenance.state(tmp_path / "inside")["reason"]
    assert not caplog.text


def test_a_file_that_the_commit_does_not_have_is_a_change(repository):
    files = [repository / "file", repository / "sub" / "fresh"]
    files[1].parent.mkdir()
    files[1].write_text("new", encoding="utf-8")
    assert provenance.state(repository)["clean"]
    assert provenance.state(repository, files[:1])["clean"]
    assert provenance.state(repository, files)["clean"] is False
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", "both")
    assert provenance.state(repository, files)["clean"]

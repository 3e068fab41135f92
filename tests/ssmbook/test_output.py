"""A book is put in place whole, and only in a folder that may be replaced."""

import os
import shutil
from pathlib import Path

import pytest

from ssmbook.book import build, output
from ssmbook.runs import folders
from tests.ssmbook.test_publish import git
from tests.ssmbook.toy import NOTEBOOK, ssmbook

# Pages put in place


class Killed(BaseException):
    """The end of a process, for which nothing is cleaned up."""


def whole(folder):
    """The text that all pages of a book have; None where it is not whole."""
    texts = {
        (folder / name).read_text(encoding="utf-8")
        for name in ("index.html", "page.html")
    }
    return texts.pop() if len(texts) == 1 else None


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Build a book of two pages with a text, by the real steps around Sphinx."""

    def assemble(root, tree, executed, *, with_pdf):
        tree.mkdir()
        (tree / "source").write_text(executed, encoding="utf-8")
        return []

    def strict(tree, html):
        html.mkdir()
        for name in ("index.html", "page.html"):
            (html / name).write_text(
                (tree / "source").read_text(encoding="utf-8"), encoding="utf-8"
            )

    def printed(tree, target):
        target.write_text("pdf", encoding="utf-8")

    monkeypatch.setattr(build, "assemble", assemble)
    monkeypatch.setattr(build, "strict", strict)
    monkeypatch.setattr(build.pdf, "write", printed)

    def made(text, with_pdf=False):
        said = []
        tree, html = tmp_path / "book", tmp_path / "html"
        build._build(tmp_path, text, tree, html, said.append, with_pdf)
        return said

    return made


STEPS = [("os.rename", 1), ("os.rename", 2), ("os.rename", 3), ("os.rename", 4)]
STEPS += [("shutil.rmtree", 1), ("shutil.rmtree", 2), ("build.replace", 1)]


@pytest.mark.parametrize(("step", "number"), STEPS)
def test_a_build_that_is_killed_leaves_a_whole_book(
    make, tmp_path, monkeypatch, step, number
):
    """At the first, second, ... call of a function; nothing is called after that."""
    owners = {"os.rename": os, "shutil.rmtree": shutil, "build.replace": build}
    calls = []

    def dying(which, real):
        def call(*arguments, **options):
            calls.append(which)
            if calls.count(step) >= number:
                raise Killed
            return real(*arguments, **options)

        return call

    make("one")
    with monkeypatch.context() as patch:
        for which, owner in owners.items():
            name = which.rpartition(".")[2]
            patch.setattr(owner, name, dying(which, getattr(owner, name)))
        with pytest.raises(Killed):
            make("two")
    output.aside(tmp_path / "html")
    assert whole(tmp_path / "html") in ("one", "two")
    make("two")
    assert whole(tmp_path / "html") == "two"
    assert (tmp_path / "book" / "source").read_text(encoding="utf-8") == "two"
    assert {p.name for p in tmp_path.iterdir()} == {"book", "html", "html.hash"}


def test_a_swap_that_fails_leaves_the_last_book(tmp_path):
    """At once, not only at the next build: the new pages are not there."""
    place = tmp_path / "html"
    place.mkdir()
    with pytest.raises(FileNotFoundError):
        output.swap(tmp_path / "html.new", place)
    assert [path.name for path in tmp_path.iterdir()] == ["html"]


@pytest.mark.parametrize("step", ["strict", "pdf.write", "assemble"])
def test_a_build_that_fails_leaves_the_last_book(make, tmp_path, monkeypatch, step):
    make("one", with_pdf=True)

    def fails(*_, **__):
        raise RuntimeError("it does not build")

    with monkeypatch.context() as patch:
        patch.setattr(f"ssmbook.book.build.{step}", fails)
        with pytest.raises(RuntimeError, match="it does not build"):
            make("two", with_pdf=True)
    assert whole(tmp_path / "html") == "one"
    assert {p.name for p in tmp_path.iterdir()} == {"book", "html", "html.hash"}
    assert make("one", with_pdf=True) == ["book: unchanged"]


DAMAGE = {
    "deleted": lambda book: (book / "html" / "page.html").unlink(),
    "edited": lambda book: (book / "html" / "page.html").write_text(
        "One", encoding="utf-8"
    ),
    "half copied": lambda book: (book / "html" / "page.html").write_text(
        "on", encoding="utf-8"
    ),
    "added": lambda book: (book / "html" / "more.html").write_text(
        "one", encoding="utf-8"
    ),
    "without PDF": lambda book: (book / "html" / "book.pdf").unlink(),
    "without pages": lambda book: shutil.rmtree(book / "html"),
    "another tree": lambda book: (book / "book" / "source").write_text(
        "two", encoding="utf-8"
    ),
    "without a stamp": lambda book: (book / "html.hash").unlink(),
    "a damaged stamp": lambda book: (book / "html.hash").write_bytes(b"\xff"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_book_is_not_unchanged(make, tmp_path, damage):
    make("one", with_pdf=True)
    assert make("one", with_pdf=True) == ["book: unchanged"]
    DAMAGE[damage](tmp_path)
    assert make("one", with_pdf=True) == []
    assert whole(tmp_path / "html") == "one"
    assert (tmp_path / "html" / "book.pdf").read_text(encoding="utf-8") == "pdf"
    assert make("one", with_pdf=True) == ["book: unchanged"]


def test_a_pdf_is_made_for_a_book_without_one(make, tmp_path):
    make("one")
    assert make("one", with_pdf=True) == []
    assert (tmp_path / "html" / "book.pdf").is_file()


# Folders that a person names

REFUSED = {
    ".": "is the repository itself",
    "..": "contains the repository",
    "/": "contains the repository",
    "~": "is your home folder",
    "book": "a part of the repository",
    "book/new": "a part of the repository",
    "studies": "a part of the repository",
    "toylib/new": "a part of the repository",
    ".git": "a part of the repository",
    "tracked/new": "a part of the repository",
    "into-book": "is a link to",
    "elsewhere": "is a link to",
    "above/new": "a part of the repository",
    "out/../book": "a part of the repository",
    "_toc.yml": "not a folder",
    "_toc.yml/new": "not a folder",
    "/dev/null": "not a folder",
}
FULL = {
    "thesis": "was not made by ssmbook build",
    "/usr": "was not made by ssmbook build",
    "dist": "where other results are",
    "runs": "where other results are",
    "_build/runs": "where other results are",
}


@pytest.fixture
def named(own, tmp_path, monkeypatch):
    """The toy repository, with folders to give; a path in it."""
    for name in ("tracked", "thesis"):
        (own / name).mkdir()
        (own / name / "file").touch()
    git(own, "init", "-q")
    git(own, "add", "book", "tracked")
    git(own, "commit", "-qm", "a part of it")
    for link, target in (
        ("into-book", "book"),
        ("elsewhere", tmp_path / "other"),
        ("above", own / "book"),
    ):
        (own / link).symlink_to(target)
    (tmp_path / "other").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "other"))
    monkeypatch.chdir(own)
    return lambda name: Path(os.path.expanduser(name))


@pytest.mark.parametrize(("folder", "reason"), REFUSED.items())
def test_folders_that_no_command_writes(own, named, folder, reason):
    with pytest.raises(ValueError, match=reason):
        folders.check_output(own, named(folder))
    with pytest.raises(ValueError, match=reason):
        output.check_folder(own, named(folder))


def test_another_checkout_is_left_alone(own, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "_toc.yml").touch()
    for folder in (other / "_build", other / "new" / "deeper"):
        output.prepare(own, folder)  # marked as ours, as its own builds do
        with pytest.raises(ValueError, match="lies in another repository"):
            output.check_folder(own, folder)


@pytest.mark.parametrize(("folder", "reason"), FULL.items())
def test_folders_that_no_book_is_built_in(own, named, folder, reason):
    with pytest.raises(ValueError, match=reason):
        output.check_folder(own, named(folder))


@pytest.mark.parametrize(
    "folder", ["new", "new/deeper", "runs/new", "../beside", "_build"]
)
def test_folders_that_a_book_is_built_in(own, named, folder):
    output.check_folder(own, named(folder))
    folders.check_output(own, named(folder))
    output.prepare(own, named(folder))
    (named(folder) / "html").mkdir()
    output.check_folder(own, named(folder))  # again


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("book/figure.svg", "a part of the repository"),
        ("tracked/file", "a part of the repository"),
        ("tracked", "is a folder"),
        ("none/figure.svg", "is none"),
        ("elsewhere", "is a link to"),
    ],
)
def test_files_that_another_package_does_not_write(own, named, file, reason):
    with pytest.raises(ValueError, match=reason):
        folders.check_file(own, named(file), "--figure")
    folders.check_file(own, named("figure.svg"), "--figure")


@pytest.mark.parametrize(
    "arguments",
    [
        ("build", "-o", "studies"),
        ("archive", "-o", "book"),
        ("recommend", "co2", "--figure", "book/figure.svg"),
        ("build", "--profile", "../../mine"),
        ("notebooks", "../toy"),
        ("notebooks", "../toy.ipynb"),
        ("studies", "../toy"),
    ],
)
def test_nothing_runs_where_a_name_is_refused(place, arguments):
    (place.parent / "mine.yml").write_text("toy: {n: 3}\n", encoding="utf-8")
    (place / "notebooks" / "studies.yml").write_text("toy: {n: 5}\n", encoding="utf-8")
    shutil.copy(place / NOTEBOOK, place.parent / "toy.ipynb")
    _, err = ssmbook(place, *arguments, status=1)
    assert len(err.splitlines()) == 1
    assert "Traceback" not in err
    assert not (place / NOTEBOOK).with_name("begun").exists()

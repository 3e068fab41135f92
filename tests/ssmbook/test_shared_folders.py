"""Folders that several processes, or a process and a person, write at once."""

import errno
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from ssmbook.book import assembly, build, chapter_page, output
from ssmbook.book.chapter_page import Page
from ssmbook.publish import citation
from ssmbook.runs import folders, sharing
from tests.ssmbook import toy
from tests.ssmbook.test_faults import wait_for
from tests.ssmbook.test_publish import git
from tests.ssmbook.toy import NOTEBOOK, ssmbook, start

# Locks


@pytest.fixture(scope="module")
def committed(place):
    """The toy book in git, with a profile of longer runs."""
    (place / "notebooks" / "evening.yml").write_text("toy: {n: 5}\n")
    git(place, "init", "-q")
    git(place, "add", "-A")
    git(place, "commit", "-qm", "all of it")
    return place


@pytest.mark.parametrize(
    "command",
    [
        ("build",),
        ("build", "-o", "out"),
        ("build", "--stored"),
        ("notebooks",),
        ("deposits",),
        ("archive",),
        ("citation",),
    ],
)
def test_a_command_that_writes_waits_for_another(committed, command):
    with sharing.lock(committed / "_build"):
        process = start(committed, *command)
        said = process.stderr.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=600)
    assert said.startswith(f"waiting for process {os.getpid()} (")
    assert "since " in said
    assert process.returncode == 130
    assert err.startswith("interrupted")
    assert len(err.splitlines()) == 1
    assert not out


def test_a_sweep_waits_for_another(place):
    with sharing.lock(place / "runs" / "toy"):
        process = start(place, "sweep", "1", "--grid", "n=1,2")
        said = process.stderr.readline()
        process.kill()
        process.communicate()
    assert said.startswith(f"waiting for process {os.getpid()} (")


def test_two_builds_at_once_both_end_with_a_book(own):
    processes = [start(own, "build") for _ in range(2)]
    said = [process.communicate(timeout=900) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    assert (own / "_build" / "html" / "index.html").is_file()
    assert sum("book: unchanged" in err for _, err in said) == 1
    assert sum("waiting for process" in err for _, err in said) <= 1


TAKE = (
    "import sys, time\nfrom pathlib import Path\nfrom ssmbook.runs import sharing\n"
    "with sharing.lock(Path(sys.argv[1])):\n"
    "    print('taken', flush=True)\n    time.sleep(1000)"
)


def test_the_lock_of_a_killed_process_does_not_block(tmp_path, capfd):
    call = [sys.executable, "-c", TAKE, tmp_path]
    process = subprocess.Popen(call, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"taken\n"
    process.kill()
    process.communicate()
    with sharing.lock(tmp_path) as waited:
        assert not waited
    assert capfd.readouterr().err == ""


def test_a_wait_has_a_limit(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(sharing, "WAIT", 0.1)
    with sharing.lock(tmp_path):
        with pytest.raises(TimeoutError, match=f"process {os.getpid()} .* still works"):
            with sharing.lock(tmp_path):
                pass
    assert f"waiting for process {os.getpid()} (" in capfd.readouterr().err
    with sharing.lock(tmp_path):
        pass


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EROFS])
def test_a_file_system_without_locks_is_an_error(tmp_path, monkeypatch, number):
    def refused(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.flock", refused)
    with pytest.raises(OSError, match=f"cannot lock .*: {os.strerror(number)}"):
        with sharing.lock(tmp_path):
            pass


# Updates of the repository's files


def waiting(code):
    """A notebook's code that waits for a file `go`."""
    wait = "while not pathlib.Path('go').exists():\n    time.sleep(0.05)\n"
    return code.replace('pathlib.Path("begun").touch()\n', f"{wait}\n", 1).replace(
        "import os, pathlib, time\n",
        "import os, pathlib, time\npathlib.Path('begun').touch()\n",
        1,
    )


def test_an_edit_of_a_notebook_that_runs_is_not_lost(own):
    path = toy.notebook(own / NOTEBOOK, waiting(toy.CODE))
    process = start(own, "notebooks")
    wait_for(path.with_name("begun").exists)
    edited = path.read_text().replace("# A toy", "# My toy")
    path.write_text(edited)
    path.with_name("go").touch()
    _, err = process.communicate(timeout=600)
    assert process.returncode == 1
    beside = own / "_build" / "not-stored" / NOTEBOOK
    assert "was changed while this command ran, and is left as it is" in err
    assert str(beside) in err
    assert path.read_text() == edited
    node = nbformat.read(beside, 4)
    assert all(c.execution_count for c in node.cells if c.cell_type == "code")


def test_an_edit_of_a_deposit_that_is_made_is_not_lost(own):
    profile = own / "notebooks" / "evening.yml"
    profile.write_text("toy: {n: 5, wait: true}\n")
    process = start(own, "deposits")
    wait_for((own / NOTEBOOK).with_name("begun").exists)
    document = own / "deposits" / "toy" / "run.json"
    document.parent.mkdir(parents=True)
    document.write_text("mine")
    (own / NOTEBOOK).with_name("go").touch()
    _, err = process.communicate(timeout=600)
    assert process.returncode == 1
    assert f"{document} was changed while this command ran" in err
    assert document.read_text() == "mine"
    assert [path.name for path in document.parent.iterdir()] == ["run.json"]
    beside = own / "_build" / "not-stored" / "deposits" / "toy"
    assert {path.name for path in beside.iterdir()} == {"run.json", "toy.ipynb"}


@pytest.mark.parametrize("name", [*citation.FILES, "CITATION.cff"])
def test_an_edit_while_citations_are_made_is_not_lost(tmp_path, monkeypatch, name):
    for file in (*citation.FILES, "CITATION.cff"):
        (tmp_path / file).write_text("old")

    def generated(root):
        (root / name).write_text("mine")
        return dict.fromkeys(citation.FILES, "new")

    monkeypatch.setattr(citation, "generated", generated)
    with pytest.raises(ValueError, match=r"was changed|was edited"):
        citation.write(tmp_path)
    for file in (*citation.FILES, "CITATION.cff"):
        assert (tmp_path / file).read_text() == ("mine" if file == name else "old")


# Pages put in place


class Killed(BaseException):
    """The end of a process, for which nothing is cleaned up."""


def whole(folder):
    """The text that all pages of a book have; None where it is not whole."""
    texts = {(folder / name).read_text() for name in ("index.html", "page.html")}
    return texts.pop() if len(texts) == 1 else None


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Build a book of two pages with a text, by the real steps around Sphinx."""

    def assemble(root, tree, executed, *, with_pdf):
        tree.mkdir()
        (tree / "source").write_text(executed)
        return []

    def strict(tree, html):
        html.mkdir()
        for name in ("index.html", "page.html"):
            (html / name).write_text((tree / "source").read_text())

    def printed(tree, target):
        target.write_text("pdf")

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
    assert (tmp_path / "book" / "source").read_text() == "two"
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
    "edited": lambda book: (book / "html" / "page.html").write_text("One"),
    "half copied": lambda book: (book / "html" / "page.html").write_text("on"),
    "added": lambda book: (book / "html" / "more.html").write_text("one"),
    "without PDF": lambda book: (book / "html" / "book.pdf").unlink(),
    "without pages": lambda book: shutil.rmtree(book / "html"),
    "another tree": lambda book: (book / "book" / "source").write_text("two"),
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
    assert (tmp_path / "html" / "book.pdf").read_text() == "pdf"
    assert make("one", with_pdf=True) == ["book: unchanged"]


def test_a_pdf_is_made_for_a_book_without_one(make, tmp_path):
    make("one")
    assert make("one", with_pdf=True) == []
    assert (tmp_path / "html" / "book.pdf").is_file()


# Sources edited meanwhile

EDITS = {
    "added": lambda cells: cells.append(nbformat.v4.new_code_cell("1")),
    "removed": lambda cells: cells.pop(),
    "edited": lambda cells: cells[2].update(source="2"),
    "first": lambda cells: cells.insert(0, nbformat.v4.new_code_cell("1")),
}


@pytest.mark.parametrize("edit", EDITS)
def test_code_that_is_edited_during_a_build_is_an_error(tmp_path, edit):
    executed = toy.notebook(tmp_path / "executed" / "toy.ipynb")
    node = nbformat.read(executed, 4)
    EDITS[edit](node.cells)
    source = tmp_path / "toy.ipynb"
    nbformat.write(node, source)
    with pytest.raises(ValueError, match="was edited while the book was built"):
        chapter_page.write(Page(executed, source), tmp_path / "page.ipynb", {}, None)


@pytest.mark.parametrize("executed", [{}, {"toy": None, "other": None}])
def test_chapters_that_change_during_a_build_are_an_error(place, tmp_path, executed):
    with pytest.raises(ValueError, match=r"_toc.yml was edited while the book"):
        assembly.assemble(place, tmp_path / "book", executed)


# Folders that a person names

REFUSED = {
    ".": "is the repository itself",
    "..": "contains the repository",
    "/": "contains the repository",
    "~": "is your home folder",
    "book": "a part of the repository",
    "book/new": "a part of the repository",
    "deposits": "a part of the repository",
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
    "runs/new": "where other results are",
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


@pytest.mark.parametrize(("folder", "reason"), FULL.items())
def test_folders_that_no_book_is_built_in(own, named, folder, reason):
    with pytest.raises(ValueError, match=reason):
        output.check_folder(own, named(folder))


@pytest.mark.parametrize("folder", ["new", "new/deeper", "../beside", "_build"])
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
        ("build", "-o", "deposits"),
        ("archive", "-o", "book"),
        ("recommend", "co2", "--figure", "book/figure.svg"),
        ("build", "--profile", "../../mine"),
        ("notebooks", "../toy"),
        ("notebooks", "../toy.ipynb"),
        ("deposits", "../toy"),
    ],
)
def test_nothing_runs_where_a_name_is_refused(place, arguments):
    (place.parent / "mine.yml").write_text("toy: {n: 3}\n")
    (place / "notebooks" / "evening.yml").write_text("toy: {n: 5}\n")
    shutil.copy(place / NOTEBOOK, place.parent / "toy.ipynb")
    _, err = ssmbook(place, *arguments, status=1)
    assert len(err.splitlines()) == 1
    assert "Traceback" not in err
    assert not (place / NOTEBOOK).with_name("begun").exists()


# What is around a command


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

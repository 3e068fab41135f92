"""Folders that several processes, or a process and a person, write at once."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys

import nbformat
import pytest

from ssmbook.book import assembly
from ssmbook.notebook.executed import Executed
from ssmbook.pages import chapter_page
from ssmbook.pages.chapter_page import Page
from ssmbook.publish import citation
from ssmbook.runs import sharing
from tests.ssmbook import toy
from tests.ssmbook.test_faults import wait_for
from tests.ssmbook.test_publish import git
from tests.ssmbook.toy import NOTEBOOK, Command

pytestmark = pytest.mark.slow  # commands wait for each other

# Locks


@pytest.fixture(scope="module")
def committed(place):
    """The toy book in git, with a profile of longer runs."""
    (place / "notebooks" / "studies.yml").write_text("toy: {n: 5}\n", encoding="utf-8")
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
        ("studies",),
        ("archive",),
        ("citation",),
    ],
)
def test_a_command_that_writes_waits_for_another(committed, command):
    with sharing.lock(committed / "_build"):
        process = Command(committed, *command)
        said = process.line()
        os.kill(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=600)
    assert said.startswith(f"waiting for process {os.getpid()} (")
    assert "since " in said
    assert process.returncode == 130
    assert err.startswith("interrupted")
    assert len(err.splitlines()) == 1
    assert not out


def test_a_sweep_waits_for_another(place):
    with sharing.lock(place / "runs" / "toy"):
        process = Command(place, "sweep", "1", "--grid", "n=1,2")
        said = process.line()
        process.kill()
        process.communicate()
    assert said.startswith(f"waiting for process {os.getpid()} (")


@pytest.mark.parametrize("options", [(), ("--force",)])
def test_the_same_run_twice_at_once_is_one_after_the_other(own, options, tmp_path):
    """Also of two checkouts that share the folder of their runs."""
    toy.notebook(own / NOTEBOOK, waiting(toy.CODE))
    twin = tmp_path / "twin"
    shutil.copytree(own, twin)
    call = ("run", "1", "--json", "--runs", tmp_path / "shared", *options)
    first = Command(own, *call)
    wait_for((own / NOTEBOOK).with_name("begun").exists)
    (twin / NOTEBOOK).with_name("go").touch()
    second = Command(twin, *call)
    said = second.line()
    assert said.startswith(f"waiting for process {first.pid} (ssmbook run 1 --json")
    assert not (twin / NOTEBOOK).with_name("begun").exists()
    (own / NOTEBOOK).with_name("go").touch()
    runs = [
        json.loads(process.communicate(timeout=600)[0]) for process in (first, second)
    ]
    assert [run["reused"] for run in runs] == [False, not options]
    assert runs[0]["key"] == runs[1]["key"]


def test_two_builds_at_once_both_end_with_a_book(own):
    processes = [Command(own, "build") for _ in range(2)]
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
    process = Command(own, "notebooks")
    wait_for(path.with_name("begun").exists)
    edited = path.read_text(encoding="utf-8").replace("# A toy", "# My toy")
    path.write_text(edited, encoding="utf-8")
    path.with_name("go").touch()
    _, err = process.communicate(timeout=600)
    assert process.returncode == 1
    beside = own / "_build" / "not-stored" / NOTEBOOK
    assert "was changed while this command ran, and is left as it is" in err
    assert str(beside) in err
    assert path.read_text(encoding="utf-8") == edited
    node = nbformat.read(beside, 4)
    assert all(c.execution_count for c in node.cells if c.cell_type == "code")


def test_an_edit_of_a_study_that_is_made_is_not_lost(own):
    profile = own / "notebooks" / "studies.yml"
    profile.write_text("toy: {n: 5, wait: true}\n", encoding="utf-8")
    process = Command(own, "studies")
    wait_for((own / NOTEBOOK).with_name("begun").exists)
    document = own / "studies" / "toy" / "run.json"
    document.parent.mkdir(parents=True)
    document.write_text("mine", encoding="utf-8")
    (own / NOTEBOOK).with_name("go").touch()
    _, err = process.communicate(timeout=600)
    assert process.returncode == 1
    assert f"{document} was changed while this command ran" in err
    assert document.read_text(encoding="utf-8") == "mine"
    assert [path.name for path in document.parent.iterdir()] == ["run.json"]
    beside = own / "_build" / "not-stored" / "studies" / "toy"
    assert {path.name for path in beside.iterdir()} == {"run.json", "toy.ipynb"}


@pytest.mark.parametrize("name", [*citation.FILES, "CITATION.cff"])
def test_an_edit_while_citations_are_made_is_not_lost(tmp_path, monkeypatch, name):
    for file in (*citation.FILES, "CITATION.cff"):
        (tmp_path / file).write_text("old", encoding="utf-8")

    def generated(root):
        (root / name).write_text("mine", encoding="utf-8")
        return dict.fromkeys(citation.FILES, "new")

    monkeypatch.setattr(citation, "generated", generated)
    with pytest.raises(ValueError, match=r"was changed|was edited"):
        citation.write(tmp_path)
    for file in (*citation.FILES, "CITATION.cff"):
        assert (tmp_path / file).read_text(encoding="utf-8") == (
            "mine" if file == name else "old"
        )


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
    page = Page(Executed.read(executed), Executed.read(source))
    with pytest.raises(ValueError, match="was edited while the book was built"):
        chapter_page.write(page, tmp_path / "page.ipynb", {}, None)


@pytest.mark.parametrize("executed", [{}, {"toy": None, "other": None}])
def test_chapters_that_change_during_a_build_are_an_error(place, tmp_path, executed):
    with pytest.raises(ValueError, match=r"_toc.yml was edited while the book"):
        assembly.assemble(place, tmp_path / "book", executed)

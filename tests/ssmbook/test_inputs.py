"""Files that a run reads, and packages that it uses, are part of its key."""

import json
import os
import shutil
import socket
import tempfile
from importlib.metadata import version

import nbformat
import pytest

from ssmbook.notebook.parameters import declared
from ssmbook.runs import inputs, installed, key
from ssmbook.runs.jobs import plan_runs, run_job
from ssmbook.runs.stores import Store
from tests.book.conftest import CHAPTERS
from tests.ssmbook.test_key import cells
from tests.ssmbook.toy import NOTEBOOK, notebook

PARAMETERS = """data: str = ""  # <path> a folder of numbers
text: str = "plain"
kind: str = "one"  # {one,two}"""


def planned(folder, **values):
    """The key of a run with these values."""
    node = cells(PARAMETERS)
    node.cells[0].metadata["tags"] = ["parameters"]
    path = folder / "reads.ipynb"
    nbformat.write(node, path)
    (job,) = plan_runs(path, [values])
    return job.key


@pytest.fixture
def data(tmp_path):
    """A folder beside the notebook, with a folder and a link to another."""
    folder = tmp_path / "one"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "numbers.csv").write_text("1,2", encoding="utf-8")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "more.csv").write_text("3,4", encoding="utf-8")
    (folder / "linked").symlink_to(elsewhere)
    (folder / "round").symlink_to(folder)
    for name, text in (("first", "1"), ("second", "2"), ("hollow", "")):
        (folder / "deep" / name).mkdir()
        if text:
            (folder / "deep" / name / "x").write_text(text, encoding="utf-8")
    (folder / "deep" / "latest").symlink_to("first")
    return folder


def rewrite(data):
    (data / "deep" / "numbers.csv").write_text("1,3", encoding="utf-8")


def rewrite_behind_a_link(data):
    (data / "linked" / "more.csv").write_text("3,5", encoding="utf-8")


def add(data):
    (data / "deep" / "empty.csv").touch()


def rename(data):
    (data / "deep" / "numbers.csv").rename(data / "deep" / "other.csv")


def remove(data):
    (data / "deep" / "numbers.csv").unlink()


def replace(data):
    """Another file of the same name, size and time."""
    path = data / "deep" / "numbers.csv"
    about = path.stat()
    fresh = path.with_name("fresh")
    fresh.write_text("2,1", encoding="utf-8")
    os.utime(fresh, ns=(about.st_atime_ns, about.st_mtime_ns))
    fresh.rename(path)


def add_a_folder(data):
    (data / "deep" / "empty").mkdir()


def remove_a_folder(data):
    (data / "deep" / "hollow").rmdir()


def retarget_a_link(data):
    """To a folder that is listed itself, as one named `latest`."""
    (data / "deep" / "latest").unlink()
    (data / "deep" / "latest").symlink_to("second")


CHANGES = [rewrite, rewrite_behind_a_link, add, rename, remove, replace, add_a_folder,
           remove_a_folder, retarget_a_link]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("way", ["absolute", "relative", "unmarked"])
def test_a_changed_folder_is_another_run(data, way, change):
    values = {
        "absolute": {"data": str(data)},
        "relative": {"data": "one"},
        "unmarked": {"text": str(data)},
    }[way]
    before = planned(data.parent, **values)
    assert planned(data.parent, **values) == before
    change(data)
    assert planned(data.parent, **values) != before


def test_a_single_file_and_a_moved_folder(data):
    file = data / "deep" / "numbers.csv"
    before = planned(data.parent, data=str(file))
    file.write_text("9", encoding="utf-8")
    assert planned(data.parent, data=str(file)) != before
    shutil.copytree(data / "deep", data.parent / "copy", symlinks=True)
    same = [
        inputs.content_hash(data / "deep"),
        inputs.content_hash(data.parent / "copy"),
    ]
    assert same[0] == same[1]


@pytest.mark.parametrize(
    "text", ["", "plain", ".", "..", "/", "x" * 5000, "a\0b", "one"]
)
def test_a_text_that_is_no_path_reads_no_folder(data, text, monkeypatch):
    """`one` is a choice of `kind`, and a folder as well."""
    monkeypatch.setattr(inputs, "content_hash", lambda path: pytest.fail(str(path)))
    node = cells(PARAMETERS)
    node.cells[0].metadata["tags"] = ["parameters"]
    known = declared(node, "reads")
    values = {"kind": "one"} if text == "one" else {"text": text}
    assert inputs.hashes(known, values, data.parent, "reads") == {}


def test_a_missing_path_is_seen_before_anything_runs(data):
    with pytest.raises(
        ValueError, match=r"reads: data must be the path .*there is no /"
    ):
        planned(data.parent, data="two")


def test_only_text_can_be_a_path():
    node = cells("n: int = 1  # <path> a number")
    node.cells[0].metadata["tags"] = ["parameters"]
    with pytest.raises(ValueError, match="a <path> must be str"):
        declared(node, "reads")


def test_data_that_change_during_a_run_spoil_it(own):
    code = "import pathlib, ssmbook\npathlib.Path(word, 'new').touch()"
    path = notebook(own / NOTEBOOK, code + "\nssmbook.record('x', 1, atol=0)")
    folder = own / "data"
    folder.mkdir()
    (job,) = plan_runs(path, [{"word": str(folder)}])
    run = run_job(job, Store(own / "runs"))
    assert run.failed
    assert "a file that a parameter names" in run.error


def test_the_chapters_mark_their_paths():
    marked = {
        (slug, name)
        for slug, chapter in CHAPTERS.items()
        for name, parameter in declared(nbformat.read(chapter.path, 4), slug).items()
        if parameter.is_path
    }
    with_data = ("ablations", "long-range", "real-series", "sequential-mnist")
    expected = {(slug, "data") for slug in (*with_data, "unhippo")}
    others = {("sequential-mnist", "fashion"), ("long-range", "results")}
    assert marked == expected | others


def test_installed_versions_count(monkeypatch):
    """The lock may name other versions than those that are installed."""
    node = cells("import numpy")
    around = key.surroundings(node, 1)
    assert around["packages"]["numpy"] == version("numpy")
    assert around["packages"]["torch"] == version("torch")  # with its build
    assert around["packages"]["aeon"] == version("aeon")  # of the second lock
    assert around["packages"]["scikit-learn"] == version("scikit_learn")
    other = dict(installed.installed()) | {"numpy": "1.0"}
    monkeypatch.setattr(installed, "installed", lambda: other)
    assert json.dumps(key.surroundings(node, 1)) != json.dumps(around)


def test_versions_are_those_that_a_kernel_imports(tmp_path, monkeypatch):
    """A copy on PYTHONPATH, which kernels do not read, has no say."""
    about = tmp_path / "numpy-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Name: numpy\nVersion: 1.0\n", encoding="utf-8")
    expected = version("numpy")
    monkeypatch.syspath_prepend(tmp_path)
    assert version("numpy") == "1.0"
    installed.installed.cache_clear()
    assert key.versions()["numpy"] == expected


def test_a_pipe_or_a_device_is_not_read(data):
    """They have no end, and would be waited for; the message says what they are."""
    os.mkfifo(data.parent / "pipe")
    (data.parent / "nowhere").symlink_to("gone")
    with socket.socket(socket.AF_UNIX) as bound:
        place = tempfile.mkdtemp(dir="/tmp")  # a socket's path is short
        bound.bind(f"{place}/socket")
        for name, what in {
            "pipe": "/pipe is a pipe, which has no content",
            "/dev/zero": "/dev/zero is a device, which has no content",
            f"{place}/socket": "/socket is a socket, which has no content",
            "nowhere": "/nowhere is a link to gone, which does not exist",
            "two": "there is no /.*/two",
        }.items():
            assert planned(data.parent, text=name)
            with pytest.raises(ValueError, match=f"or empty; .*{what}"):
                planned(data.parent, data=name)
        shutil.rmtree(place)


@pytest.fixture
def package(root, tmp_path, monkeypatch):
    """A package of the repository with data of every kind; its folder."""
    skip = shutil.ignore_patterns("__pycache__")
    shutil.copytree(root / "ssmlib", tmp_path / "ssmlib", ignore=skip)
    monkeypatch.setattr(key, "ROOT", tmp_path)
    folder = tmp_path / "ssmlib"
    for place in ("theory", ".hidden", "../ext/deep", "theory/plain"):
        (folder / place).mkdir(parents=True, exist_ok=True)
        (folder / place / "d.txt").write_text("1", encoding="utf-8")
    (folder / "linked").symlink_to("../ext")
    (folder / "file.txt").symlink_to("../ext/deep/d.txt")
    (folder / "round").symlink_to(".")
    (folder / "latest").symlink_to("theory")
    return folder


@pytest.mark.parametrize(
    "name", ["theory/d.txt", ".hidden/d.txt", "linked/deep/d.txt", "file.txt", "new"]
)
def test_data_in_a_package_of_the_repository_count(package, name):
    """Hidden, and behind links to files and folders, as well."""
    names = frozenset({"ssmlib", "ssmlib.hippo"})
    found = {key.data_hash(names)}
    (package / name).write_text("2", encoding="utf-8")
    found.add(key.data_hash(names))
    assert len(found) == 2
    listed = {path.resolve() for path, kind in key._data(names) if kind is None}
    assert (package / name).resolve() in listed
    (package / "linked").unlink()
    assert key.data_hash(names) not in found
    assert key.data_hash(frozenset()) == key.data_hash(frozenset())


def test_bytecode_in_a_package_of_the_repository_does_not_count(package):
    names = frozenset({"ssmlib"})
    before = key.data_hash(names)
    (package / "theory" / "__pycache__").mkdir()
    (package / "theory" / "__pycache__" / "x.cpython-311.pyc").touch()
    assert key.data_hash(names) == before


@pytest.mark.parametrize("name", key.CHOOSING)
def test_a_variable_that_chooses_code_counts(name, monkeypatch):
    def around():
        return key.surroundings(cells("1"), 1)

    monkeypatch.delenv(name, raising=False)
    before = around()
    monkeypatch.setenv(name, "")
    assert around() == before
    monkeypatch.setenv(name, "default")
    assert around()["variables"][name] == "default"

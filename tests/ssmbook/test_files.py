"""Names, YAML and notebooks that anyone may have edited: each error in one line."""

import json

import nbformat
import pytest

from ssmbook.notebook import files, parameters, strict_yaml
from ssmbook.notebook.chapters import chapters, find
from ssmbook.notebook.executed import Executed, records
from ssmbook.runs import sweeps
from ssmbook.runs.stores import Store, check_name
from tests.ssmbook.outputs import notebook, output_of

BAD_NAMES = ["", ".", "..", "../x", "/x", "a\\b", "a\0", "a\nb", "\ud800", "x" * 201]


@pytest.mark.parametrize("name", [*BAD_NAMES, "a/b", None, 3], ids=ascii)
def test_a_name_that_is_none_is_refused(name):
    with pytest.raises(ValueError, match="the thing must"):
        check_name(name, "the thing")


@pytest.mark.parametrize("verb", ["read", "write", "remove", "names", "holds"])
@pytest.mark.parametrize("name", BAD_NAMES, ids=ascii)
def test_a_name_that_leads_out_of_a_store_is_refused(name, verb, tmp_path):
    call = getattr(Store(tmp_path / "runs"), verb)
    given = {"write": [b""], "holds": ["0" * 64]}.get(verb, [])
    for path in (f"{name}/a", f"a/{name}/b"):
        with pytest.raises(ValueError, match="each part of the name"):
            call(path, *given)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["toy", "a folder é", "1", ".hidden", "x" * 200])
def test_other_names_are_taken(name):
    assert check_name(name, "the thing") == name


def test_an_address_in_a_bucket_leads_nowhere_else():
    with pytest.raises(ValueError, match="each part of the address"):
        Store("memory://bucket/../other")


def test_a_folder_above_behind_a_link_is_that_of_the_system(tmp_path):
    """The folder above a link is the one above its target, as for any command."""
    (tmp_path / "far" / "away").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "far" / "away")
    store = Store(tmp_path / "link" / ".." / "runs")
    store.write("a", b"content")
    assert store.read("a") == b"content"
    assert (tmp_path / "far" / "runs" / "a").is_file()


BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 9)
)
BAD_YAML = [
    (b"toy: {n: 1, n: 2}", "the key 'n' is given twice"),
    (b"toy: {n: 1}\ntoy: {n: 2}", "the key 'toy' is given twice"),
    (b"toy: {1: 1, 1.0: 2}", "the key 1.0 is given twice"),
    (b"? [a]\n: 1", "a key must be text or a number"),
    (b"[" * 5000, "nested deeper than 50 levels"),
    (b"- " * 5000, "nested deeper than 50 levels"),
    (BOMB.encode(), "more than 1000000 values"),
    (b"&a [*a]", "contains itself"),
    (b"\xff\xfe", "is not UTF-8 text"),
    (b"toy:\t{n: 1}\n\tx: 1", "cannot start any token"),
    (b"toy: {n: 010}", "010 is another number in YAML"),
    (b"toy: {n: 1:30}", "1:30 is another number in YAML"),
    (b"toy: {n: " + b"9" * 5000 + b"}", "4300 digits"),
    (b"toy: {n: 2026-13-45}", "month must be in"),
    (b"toy: !!python/object:os.system x", "could not determine a constructor"),
    (b"toy: !!int ''", "is not YAML"),
    (b"toy: !!timestamp x", "is not YAML"),
    (b"a: 1\n---\nb: 2", "another document"),
    (b"a: \x00", "special characters are not allowed"),
]


@pytest.mark.parametrize(("content", "message"), BAD_YAML)
def test_yaml_that_is_not_what_it_seems_is_refused_everywhere(
    content, message, own_files
):
    for path, read in own_files.items():
        before = path.read_bytes() if path.is_file() else None
        path.write_bytes(content)
        with pytest.raises(ValueError, match=message) as error:
            read()
        assert str(path) in str(error.value)
        assert "\n" not in str(error.value)
        if before is not None:
            path.write_bytes(before)


@pytest.fixture
def own_files(tmp_path):
    """Each kind of YAML file, and what reads it."""
    from ssmbook.ledger import entries
    from ssmbook.pages import forest

    return {
        tmp_path / "profile.yml": lambda: parameters.profile(
            tmp_path / "profile.yml", {}
        ),
        tmp_path / "sweep.yml": lambda: sweeps.from_file(tmp_path / "sweep.yml"),
        tmp_path / "_toc.yml": lambda: chapters(tmp_path),
        tmp_path / "toy.yml": lambda: entries.read(tmp_path / "toy.yml"),
        tmp_path / "effects.yml": lambda: forest.read(tmp_path / "effects.yml"),
    }


def test_no_other_reader_of_yaml(root):
    for path in (root / "ssmbook").rglob("*.py"):
        if path.name != "strict_yaml.py":
            assert "import yaml" not in path.read_text(encoding="utf-8"), path


def test_yaml_means_what_it_says(tmp_path):
    path = tmp_path / "a.yml"
    path.write_text(
        "\ufeffa: &x {n: 1, m: 0.5}\nb: {<<: *x, n: 2}\nc: [1_000, 0]\n",
        encoding="utf-8",
    )
    assert strict_yaml.load(path) == {
        "a": {"n": 1, "m": 0.5},
        "b": {"n": 2, "m": 0.5},
        "c": [1000, 0],
    }
    with pytest.raises(IsADirectoryError):
        strict_yaml.load(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "must hold parts or chapters"),
        ("[1]", "must hold parts or chapters"),
        ("parts: 3", "must hold parts or chapters"),
        ("parts: [3]", "must hold parts or chapters"),
        ("chapters: 3", "must read `- file: PATH`, got 3"),
        ("chapters: [{fil: x}]", "must read `- file: PATH`"),
        ("chapters: [{file: 3}]", "must read `- file: PATH`"),
        ("chapters: [{file: ../notebooks/x}]", "each part of the path must"),
        ("chapters: [{file: /notebooks/x}]", "each part of the path must"),
    ],
)
def test_other_tables_of_contents_are_refused(tmp_path, content, message):
    (tmp_path / "_toc.yml").write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        chapters(tmp_path)


def changed(**parts):
    def edit(content):
        return json.dumps(json.loads(content) | parts).encode()

    return edit


def without(name):
    def edit(content):
        node = json.loads(content)
        for cell in node["cells"]:
            del cell[name]
        return json.dumps(node).encode()

    return edit


BAD_NOTEBOOKS = [
    (lambda content: b"", "is not JSON"),
    (lambda content: content[: len(content) // 2], "is not JSON"),
    (lambda content: b"\xff" + content, "is not UTF-8 text"),
    (lambda content: b"[" * 100_000, "nested too deep"),
    (lambda content: b'{"a":' * 100_000, "nested too deep"),
    (lambda content: b"null", "must hold a JSON object"),
    (lambda content: b'{"cells": [], "cells": []}', "'cells' is given twice"),
    (changed(nbformat=3), "must be a notebook of nbformat 4"),
    (changed(nbformat=5), "must be a notebook of nbformat 4"),
    (changed(nbformat="4"), "must be a notebook of nbformat 4"),
    (changed(nbformat_minor=99), "must be a notebook of nbformat 4"),
    (changed(metadata=3), "metadata: 3 is not of type 'object'"),
    (changed(cells={}), "is not of type 'array'"),
    (changed(cells=[{}]), "cells/0: "),
    (without("id"), "'id' is a required property"),
    (without("outputs"), "'outputs' is a required property"),
    (without("metadata"), "'metadata' is a required property"),
    (without("source"), "'source' is a required property"),
]


@pytest.mark.parametrize(("edit", "message"), BAD_NOTEBOOKS)
def test_a_damaged_notebook_is_refused_by_each_reader(tmp_path, edit, message):
    path = notebook(tmp_path / "nb.ipynb", output_of("x", 1))
    assert records(path)["x"].value == 1
    path.write_bytes(edit(path.read_bytes()))
    for read in (
        files.read_notebook,
        records,
        parameters.interface,
        Executed.read,
    ):
        with pytest.raises(ValueError, match=message) as error:
            read(path)
        assert str(path) in str(error.value)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("part", "value", "message"),
    [
        ("data", {"application/papermill.record/text/plain": "x"}, "is damaged"),
        ("data", {"application/papermill.record/text/plain": "True"}, "is damaged"),
        ("data", {"application/papermill.record/text/plain": "1e999"}, "is damaged"),
        ("metadata", {"scrapbook": 3}, "damaged name"),
        ("metadata", {"scrapbook": {"name": 3, "mime_prefix": ""}}, "damaged name"),
        ("metadata", {"scrapbook": {"name": "x", "mime_prefix": ""}}, "is damaged"),
    ],
)
def test_a_damaged_record_is_refused(tmp_path, part, value, message):
    output = output_of("x", 1, rtol=1e-6)
    output[part] = nbformat.from_dict(value)
    path = notebook(tmp_path / "nb.ipynb", output)
    with pytest.raises(ValueError, match=message):
        records(path)


@pytest.mark.parametrize("tolerance", [{"rtol": "1"}, {"x": 1}, {"se": -1}])
def test_a_damaged_tolerance_is_refused(tmp_path, tolerance):
    path = notebook(tmp_path / "nb.ipynb", output_of("x", 1, **tolerance))
    with pytest.raises(ValueError, match="the record 'x' is damaged"):
        records(path)


@pytest.mark.parametrize(
    "source", ["L = [", "L", "L: int = 3", "L = f(3)", "M = 3", "L = 'x'", "a = b = 3"]
)
def test_damaged_injected_parameters_are_refused(tmp_path, source):
    path = notebook(tmp_path / "nb.ipynb", output_of("x", 1.0))
    node = nbformat.read(path, 4)
    cell = nbformat.v4.new_code_cell(source, metadata={"tags": ["injected-parameters"]})
    node.cells.insert(1, cell)
    nbformat.write(node, path)
    with pytest.raises(ValueError, match=r"nb\.ipynb"):
        assert Executed.read(path).parameters


def test_a_notebook_is_found_by_a_name_alone(tmp_path):
    path = tmp_path / "a\tb.ipynb"
    notebook(path)
    with pytest.raises(ValueError, match="control characters"):
        find(tmp_path, str(path))

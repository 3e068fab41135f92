"""What decides a run's key: what the notebook imports, and what that imports."""

import json
import shutil

import nbformat
import pytest

from ssmbook.notebook import kept
from ssmbook.notebook.executed import records
from ssmbook.notebook.files import sealed
from ssmbook.runs import key
from ssmbook.runs.stores import sha256
from tests.book.conftest import CHAPTERS
from tests.ssmbook.toy import NOTEBOOK, notebook, ssmbook


def cells(*sources):
    return nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(s) for s in sources]
    )


def test_modules_are_the_imports_and_theirs():
    found = key.modules(cells("import numpy\nfrom ssmlib.hippo import legs", "x = 1"))
    own = {"ssmlib", "ssmlib.hippo", "ssmlib._checks", "ssmlib._imports"}
    assert found == own | {"ssmlib._overlap", "ssmlib._scalars"}
    assert key.modules(cells("import numpy")) == frozenset()
    lazy = key.modules(cells("from ssmlib.tasks import delay"))
    assert {"ssmlib.tasks", "ssmlib.tasks.delay", "ssmlib.tasks.split"} < lazy
    assert "ssmlib.tasks.series" not in lazy
    with pytest.raises(ValueError, match="is no Python"):
        key.modules(cells("x ="))
    assert key.modules(cells("%matplotlib inline\nimport ssmlib.hippo"))


def test_a_chapter_covers_what_it_uses_and_no_more():
    def modules(slug):
        return key.modules(nbformat.read(CHAPTERS[slug].path, 4))

    assert "ssmlib.kernels" in modules("state-space-models")
    assert "ssmlib.training" not in modules("state-space-models")
    assert {"ssmlib.training", "ssmlib.models", "ssmlib.layers"} < modules(
        "sequential-mnist"
    )
    for slug in CHAPTERS:
        assert "ssmbook.notebook.glue" in modules(slug)
        assert not any(
            m.startswith(("ssmbook.book", "ssmbook.cli")) for m in modules(slug)
        )


def test_the_hash_sees_an_edit_of_what_is_used_only(root, tmp_path, monkeypatch):
    skip = shutil.ignore_patterns("__pycache__")
    shutil.copytree(root / "ssmlib", tmp_path / "ssmlib", ignore=skip)
    names = key.modules(cells("from ssmlib import hippo"))
    before = key.code_hash(names)
    monkeypatch.setattr(key, "ROOT", tmp_path)
    assert key.code_hash(names) == before
    for module, seen in (("inputs", False), ("hippo", True), ("_checks", True)):
        path = tmp_path / "ssmlib" / f"{module}.py"
        text = path.read_text(encoding="utf-8")
        path.write_text(text + "\nedited = 1\n", encoding="utf-8")
        assert (key.code_hash(names) != before) is seen, module
        path.write_text(text + "\n# edited\n", encoding="utf-8")
        assert key.code_hash(names) == before, module
        path.write_text(text, encoding="utf-8")


@pytest.mark.slow
def test_an_edit_changes_the_keys_of_exactly_the_chapters_that_import_it(
    root, tmp_path, monkeypatch
):
    skip = shutil.ignore_patterns("__pycache__")
    for package in key.packages():
        if package != "tests":
            shutil.copytree(root / package, tmp_path / package, ignore=skip)
    nodes = {slug: nbformat.read(c.path, 4) for slug, c in CHAPTERS.items()}
    modules = {slug: key.modules(node) for slug, node in nodes.items()}
    monkeypatch.setattr(key, "ROOT", tmp_path)

    def changed():
        return {slug for slug in nodes if key.code_hash(modules[slug]) != before[slug]}

    before = {slug: key.code_hash(found) for slug, found in modules.items()}
    for name in ("ssmlib.theory.memory", "ssmlib.training.loop", "ssmlib.hippo"):
        path = key.source(name)
        text = path.read_text(encoding="utf-8")
        prose = text.replace('"""', '"""Edited. ', 1) + "\n# edited\n"
        path.write_text(prose, encoding="utf-8")
        assert changed() == set()
        path.write_text(text + "\n_EDITED = 1\n", encoding="utf-8")
        users = {slug for slug, found in modules.items() if name in found}
        assert changed() == users
        assert set() < users < set(nodes)
        path.write_text(text, encoding="utf-8")


def test_docstrings_count_where_code_can_read_them(tmp_path, monkeypatch):
    monkeypatch.setattr(key, "ROOT", tmp_path)
    used, reader = tmp_path / "used.py", tmp_path / "reader.py"

    def sees_docstrings(reading="", *cells):
        reader.write_text(reading, encoding="utf-8")
        hashes = []
        for text in ("one", "two"):
            used.write_text(f'def f():\n    """{text}"""\n', encoding="utf-8")
            hashes.append(key.code_hash(frozenset({"used", "reader"}), cells))
        return hashes[0] != hashes[1]

    assert not sees_docstrings()
    assert not sees_docstrings("x = 1", "%matplotlib inline\nimport used", "used.f()")
    assert sees_docstrings("", "%matplotlib inline\nprint(used.f.__doc__)")
    assert sees_docstrings("def of(value):\n    return value.__doc__")


def test_each_part_of_the_surroundings_counts():
    node = cells("import numpy")
    around = key.surroundings(node, 1)
    plain = key.cache_key(around, node, {"n": 1})
    assert key.cache_key(around, node, {"n": 1}) == plain
    others = [
        (around, node, {"n": 2}),
        (around, cells("import numpy "), {"n": 1}),
        (key.surroundings(node, 2), node, {"n": 1}),
        *[(around | {name: "other"}, node, {"n": 1}) for name in around],
    ]
    keys = [key.cache_key(*other) for other in others]
    assert len({plain, *keys}) == 1 + len(others)
    parts = {"modules", "data", "kept", "lock", "python", "packages", "variables"}
    assert set(around) == parts | {"startup", "threads"}


def test_a_longer_run_that_is_read_counts(tmp_path, monkeypatch):
    monkeypatch.setattr(kept, "_folder", lambda: tmp_path)
    reads, other = cells('x = ssmbook.kept("one", "rates")'), cells("x = 1")
    before = key.surroundings(reads, 1), key.surroundings(other, 1)
    with pytest.raises(FileNotFoundError, match="one has no longer run"):
        kept.kept("one", "rates")
    stored = cells("ssmbook.text('{}', 'rates')")
    named = {"scrapbook": {"name": "rates", "mime_prefix": ""}}
    stored.cells[0].outputs = [
        nbformat.v4.new_output("display_data", {"text/plain": "{}"}, metadata=named)
    ]
    (tmp_path / "one").mkdir()
    path = tmp_path / "one" / "one.ipynb"
    nbformat.write(stored, path)
    files = {"one.ipynb": sha256(path.read_bytes())}
    path.with_name("run.json").write_bytes(sealed({"files": files}))
    assert kept.kept("one", "rates") == "{}"
    with pytest.raises(ValueError, match=r"stores no text 'x'; it has \['rates'\]"):
        kept.kept("one", "x")
    after = key.surroundings(reads, 1), key.surroundings(other, 1)
    assert after[0] != before[0]
    assert after[1] == before[1]
    with pytest.raises(ValueError, match="must name its chapter as text"):
        key.surroundings(cells("ssmbook.kept(slug, 'rates')"), 1)


@pytest.mark.slow
def test_an_edited_module_runs_again_those_that_need_it(own):
    """The whole way: the toy imports a module, which imports another."""

    def reused():
        return json.loads(ssmbook(own, "run", "toy", "--json")[0])["reused"]

    assert not reused()
    edits = [
        ("toylib/unused.py", "x = 1\n", False),
        ("toylib/base.py", '"""A docstring."""  # and a comment\n', False),
        ("toylib/base.py", "x = 1\n", True),
    ]
    for module, text, runs in edits:
        (own / module).write_text(text, encoding="utf-8")
        assert reused() is not runs, module
    text = (own / NOTEBOOK).read_text(encoding="utf-8")
    (own / NOTEBOOK).write_text(text.replace("Twice is", "Double is"), encoding="utf-8")
    assert reused()


@pytest.mark.slow
def test_a_run_that_loads_more_than_its_key_covers_fails(own):
    load = "import importlib\nimportlib.import_module('toylib.' + 'unused')\n"
    code = f"import toylib, ssmbook\n{load}ssmbook.record('x', 1, atol=0)"
    notebook(own / NOTEBOOK, code)
    _, err = ssmbook(own, "run", "toy", status=1)
    assert "the notebook loaded toylib.unused, which its imports do not name" in err
    notebook(own / NOTEBOOK, code.replace("import toylib,", "import toylib.unused,"))
    out, _ = ssmbook(own, "run", "toy")
    page = own / out.strip()
    assert records(page.with_suffix(".ipynb"))["x"].value == 1

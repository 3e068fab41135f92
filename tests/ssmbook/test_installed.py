"""Installed packages decide a run, whether a lock or an import names them or not."""

import importlib.metadata
import json

import nbformat
import pytest

from ssmbook.runs import installed, key
from ssmbook.runs.jobs import plan_runs, run_job
from ssmbook.runs.stores import Store
from tests.ssmbook.test_key import cells


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def forget():
    for found in (installed.installed, installed._providers):
        found.cache_clear()


def install(site, name, version, code="", package="{}-pins"):
    """A module with metadata, in a folder of packages."""
    write(site / f"{name}.py", code)
    about = site / f"{name}.dist-info"
    called = package.format(name)
    write(about / "METADATA", f"Name: {called}\nVersion: {version}\n")
    write(about / "top_level.txt", name)
    forget()


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder of installed packages."""
    folder = tmp_path / "site"
    folder.mkdir()
    places = (*installed.installed_in(), str(folder))
    monkeypatch.setattr(installed, "installed_in", lambda: places)
    monkeypatch.syspath_prepend(folder)
    forget()
    yield folder
    forget()


def around(*sources):
    return key.surroundings(cells(*sources), 1)


def test_an_imported_package_that_no_lock_names_counts(site):
    install(site, "fresh", "1.0")
    source = "import fresh.part\nimport json\nimport ssmlib.hippo"
    assert around(source)["packages"]["fresh"] == "fresh-pins 1.0"
    assert "fresh" not in around("1")["packages"]
    assert not any("hash" in name for name in key.versions())
    install(site, "fresh", "2.0")
    assert around(source)["packages"]["fresh"] == "fresh-pins 2.0"


@pytest.mark.parametrize(
    "line",
    ["import fresh", "from fresh.part import x", "def f():\n    import fresh as f"],
)
@pytest.mark.parametrize("module", ["__init__", "used", "base"])
def test_a_package_that_a_module_of_the_repository_imports_counts(
    own, site, monkeypatch, module, line
):
    """The notebook imports `used`, which imports `base`."""
    monkeypatch.setattr(key, "ROOT", own)
    key.packages.cache_clear()
    key._graph.cache_clear()
    write(own / "toylib" / f"{module}.py", f"from toylib import base\n{line}\n")
    try:
        install(site, "fresh", "1.0")
        first = around("from toylib import used")["packages"]
        install(site, "fresh", "2.0")
        second = around("from toylib import used")["packages"]
    finally:
        key.packages.cache_clear()
        key._graph.cache_clear()
    assert (first["fresh"], second["fresh"]) == ("fresh-pins 1.0", "fresh-pins 2.0")


def lone_file(site, text):
    write(site / "lonely.py", text)


def lone_package(site, text):
    write(site / "lonely" / "__init__.py", "")
    write(site / "lonely" / "part.txt", text)


def lone_namespace(site, text):
    write(site / "lonely" / "part.py", text)


LONELY = [lone_file, lone_package, lone_namespace]


@pytest.mark.parametrize("make", LONELY)
def test_an_installed_module_without_metadata_counts_by_its_content(site, make):
    found = []
    for text in ("x = 1", "x = 2"):
        make(site, text)
        found.append(around("import lonely")["packages"]["lonely"])
    assert found[0] != found[1]
    assert all(content.startswith("sha256 ") for content in found)
    write(site / "lonely" / "__pycache__" / "part.pyc", "")
    assert around("import lonely")["packages"]["lonely"] == found[1]


def job(site, code):
    path = site.parent / "work" / "loads.ipynb"
    node = cells("n: int = 1", f"import sys\nsys.path.insert(0, {str(site)!r})", code)
    node.cells[0].metadata["tags"] = ["parameters"]
    path.parent.mkdir(exist_ok=True)
    nbformat.write(node, path)
    return plan_runs(path, [{}])[0]


def upgrade(site):
    install(site, "deep", "2.0")


def edit(site):
    write(site / "lonely.py", "x = 2\n")


def take_over(site):
    install(site, "lonely", "1.0", "x = 1\n")


@pytest.mark.slow
@pytest.mark.parametrize("change", [upgrade, edit, take_over])
def test_an_answer_needs_the_packages_that_the_run_loaded(site, change):
    """Also those that only another package imports, or that no import names."""
    install(site, "deep", "1.0")
    install(site, "fresh", "1.0", "import deep\n")
    write(site / "lonely.py", "x = 1\n")
    code = "import fresh\n__import__('lonely')"
    store = Store(site.parent / "runs")
    made = run_job(job(site, code), store)
    assert made.error is None
    assert made.loaded["deep"] == "deep-pins 1.0"
    assert made.loaded["lonely"].startswith("sha256 ")
    assert "ssmbook" not in made.loaded
    stored = json.loads(store.read(f"{made.folder}/run.json"))
    assert stored["loaded"] == made.loaded
    assert run_job(job(site, code), store).reused
    change(site)
    again = run_job(job(site, code), store)
    assert again.key == made.key
    assert not again.reused
    assert again.loaded != made.loaded
    assert run_job(job(site, code), store).reused


@pytest.mark.parametrize(
    ("name", "text", "counts"),
    [
        ("sitecustomize.py", "x = 1", True),
        ("sitecustomize/__init__.py", "x = 1", True),
        ("usercustomize.py", "x = 1", True),
        ("start.pth", "import os; os.x = 1", True),
        ("start.pth", "# a comment\nimport\tos", True),
        ("start.pth", "/a/folder", False),
        ("distutils-precedence.pth", "import os", False),
        ("_virtualenv.pth", "import _virtualenv", False),
        ("start.txt", "import os", False),
    ],
)
def test_code_that_python_starts_with_counts(site, name, text, counts):
    before = around("1")
    write(site / name, text)
    after = around("1")
    assert (before != after) is counts
    write(site / name, f"{text} # edited")
    assert (around("1") != after) is counts


def test_names_are_those_of_the_standard_library():
    """Whose newer versions also find modules that are no Python files."""
    theirs = importlib.metadata.packages_distributions()
    forget()
    for name, packages in installed._providers().items():
        if name.isidentifier():
            assert {package.name for package in packages} <= {*theirs[name]}, name
    for name in ("numpy", "torch", "pandas", "yaml", "PIL", "dateutil", "typer"):
        found = {package.name for package in installed._providers()[name]}
        assert found == {*theirs[name]}, name

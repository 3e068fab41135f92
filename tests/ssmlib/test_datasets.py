"""The registry of data sets: complete, the only list, and what the page says."""

import inspect
import re
import subprocess
import sys
import tomllib

import pytest
import torch

from ssmlib.tasks import datasets, own, series
from ssmlib.tasks.datasets import DATASETS
from tests.conftest import ROOT

LOADED = [name for name, entry in DATASETS.items() if entry.package]
#: headings of the page *Data and licenses*, by the kinds below them
HEADINGS = {
    "Series": ("series",),
    "Images": ("images",),
    "Speech and medicine": ("speech", "medicine"),
    "Generated": ("generated",),
    "In a folder that you name": ("folder",),
}
IN_FOLDERS = [entry for entry in DATASETS.values() if entry.kind == "folder"]


def versions():
    """The version of each package in the locks."""
    text = ""
    for name in ("requirements.lock", "requirements-data.lock"):
        text += (ROOT / name).read_text(encoding="utf-8")
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==([^ \\\n]+)", text, re.MULTILINE))


def row(entry):
    """The row of a data set on the page."""
    what = f"{entry.what}; held out (below)" if entry.held_out else entry.what
    cited = f" {{cite:p}}`{','.join(entry.citations)}`" if entry.citations else ""
    package = (
        f"{entry.package} {versions()[entry.package]}" if entry.package else "none"
    )
    cells = (f"`{entry.name}`", what + cited, entry.length, package, entry.license)
    return f"| {' | '.join(cells)} |"


def folder_row(entry):
    """The row of a data set in a folder: its source and its place."""
    cited = f" {{cite:p}}`{','.join(entry.citations)}`"
    cells = (
        f"`{entry.name}`",
        entry.what + cited,
        entry.length,
        f"`{entry.loader.replace(':', '.')}`",
        entry.where,
        f"`{entry.folder}`",
        entry.license,
    )
    return f"| {' | '.join(cells)} |"


def checksums():
    """The table of the checksums that are published."""
    rows = ["| file | checksum |", "|---|---|"]
    for entry in IN_FOLDERS:
        for file in entry.files:
            sum = f"SHA-256 `{file.sha256}`" if file.sha256 else f"MD5 `{file.md5}`"
            rows.append(f"| {entry.name}: {file.path} | {sum} |")
    return rows


def table(*kinds):
    if kinds == ("folder",):
        head = "| name | content | length | loader | source | folder | license |"
        rows = [folder_row(entry) for entry in IN_FOLDERS]
        return [head, "|---|---|---|---|---|---|---|", *rows, *checksums()]
    head = ["| name | content | length | package | license |", "|---|---|---|---|---|"]
    return head + [row(entry) for entry in DATASETS.values() if entry.kind in kinds]


@pytest.mark.parametrize("heading", HEADINGS)
def test_the_page_has_the_rows_of_the_registry(heading):
    page = (ROOT / "book" / "data.md").read_text(encoding="utf-8")
    section = page.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("|")]
    assert rows == table(*HEADINGS[heading])


def test_the_page_has_a_heading_for_every_kind():
    kinds = [kind for kinds in HEADINGS.values() for kind in kinds]
    assert {entry.kind for entry in DATASETS.values()} == set(kinds)
    page = (ROOT / "book" / "data.md").read_text(encoding="utf-8")
    assert len(re.findall(r"^\| `", page, re.MULTILINE)) == len(DATASETS)


@pytest.mark.parametrize("name", DATASETS)
def test_an_entry_is_complete(name):
    entry = DATASETS[name]
    assert entry.name == name
    assert entry.what
    assert entry.length
    assert entry.license
    assert callable(entry.function())
    bibliography = (ROOT / "book" / "references.bib").read_text(encoding="utf-8")
    assert all(f"{{{key}," in bibliography for key in entry.citations)
    for file in entry.files:
        assert re.fullmatch("[0-9a-f]{64}", file.sha256) or (
            not file.sha256 and re.fullmatch("[0-9a-f]{32}", file.md5)
        )
    assert bool(entry.package) == (entry.kind not in ("generated", "folder"))
    assert bool(entry.folder) == bool(entry.where) == (entry.kind == "folder")
    assert bool(entry.unit) == (entry.kind == "series")


@pytest.mark.parametrize("name", LOADED)
def test_the_stated_length_is_the_length(name):
    found, stated = DATASETS[name].load(), DATASETS[name].length
    if DATASETS[name].kind == "series":
        found = found.values
    if not isinstance(found, torch.Tensor):
        found = found.x_train[0]
    longest = int(stated.split(" to ")[-1].split()[0].replace(",", ""))
    assert longest == found.shape[-1]


@pytest.mark.parametrize(
    "name", [n for n, entry in DATASETS.items() if entry.kind == "generated"]
)
def test_what_needs_arguments_says_so(name):
    with pytest.raises(ValueError, match=f"{name} needs arguments: call "):
        DATASETS[name].load()
    assert DATASETS[name].as_dict()["load"] is None


@pytest.mark.parametrize("entry", IN_FOLDERS, ids=lambda entry: entry.name)
def test_what_is_in_a_folder_is_offered_nowhere(entry):
    """Neither `recommend` nor `ssmbook doctor` loads it, whatever SSMLIB_DATA is."""
    assert entry.as_dict()["load"] is None
    assert entry.name not in own.names()
    call = inspect.signature(entry.function())
    assert next(iter(call.parameters)) == "folder"
    assert all(p.default is not p.empty for p in call.parameters.values())


def test_every_list_is_the_registry():
    of = {kind: datasets.names(kind) for kind in ("series", "images")}
    assert series.names() == of["series"]
    assert set(series._VALUES) == set(of["series"])
    assert own.names() == of["series"] + of["images"]
    assert series.load("vix").licence == DATASETS["vix"].license


def test_no_other_module_has_a_checksum():
    """A file that is read, but not in the registry, would have no license."""
    for path in (ROOT / "ssmlib").rglob("*.py"):
        if path.name != "_sources.py":
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"\"[0-9a-f]{64}\"", text), path


def test_the_registry_is_an_entry_point_that_loads_no_torch():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    points = project["project"]["entry-points"]["ssmbook.datasets"]
    assert points == {"ssmlib": f"{datasets.__name__}:{datasets.as_dicts.__name__}"}
    assert inspect.signature(datasets.as_dicts).parameters == {}
    code = (
        "import sys; from ssmlib.tasks import datasets; datasets.as_dicts(); "
        "print('torch' in sys.modules)"
    )
    call = [sys.executable, "-c", code]
    run = subprocess.run(call, capture_output=True, encoding="utf-8", check=True)
    assert run.stdout == "False\n"

"""Longer runs, kept: made once, shown and judged from, and red where they change."""

import json

import nbformat
import pytest

from ssmbook.notebook import kept as reader
from ssmbook.notebook.files import sealed
from ssmbook.runs import studies
from tests.ssmbook.test_rebuild import text_of
from tests.ssmbook.toy import CLAIM, ssmbook

pytestmark = pytest.mark.slow  # runs and builds the toy book

JUDGED = CLAIM | {"judged_on": "deposit", "valid_for": {"n": [4, 5]}}
JUDGED |= {"evidence": "training"}


@pytest.fixture(scope="module")
def kept(place):
    """The toy book with a study of n = 5, on which its claim is judged."""
    (place / "notebooks" / "studies.yml").write_text("toy: {n: 5}\n", encoding="utf-8")
    (place / "book" / "claims" / "toy.yml").write_text(
        json.dumps([JUDGED]), encoding="utf-8"
    )
    _, err = ssmbook(place, "studies")
    assert "and stored" in err
    return place


def test_a_finished_run_is_not_run_again(kept):
    before = (kept / "studies" / "toy" / "run.json").read_bytes()
    ssmbook(kept, "studies", "toy")
    assert (kept / "studies" / "toy" / "run.json").read_bytes() == before
    _, err = ssmbook(kept, "studies", "none", status=1)
    assert "studies.yml has no line for none; it has toy" in err
    _, err = ssmbook(kept, "deposits", "none", status=1)
    assert err.startswith("`ssmbook deposits` is now `ssmbook studies`")
    assert "studies.yml has no line for none; it has toy" in err


def test_it_keeps_code_and_outputs_without_text_or_warnings(kept):
    path = kept / "studies" / "toy" / "toy.ipynb"
    node = nbformat.read(path, 4)
    assert {cell.cell_type for cell in node.cells} == {"code"}
    assert all("hide-input" in cell.metadata["tags"] for cell in node.cells)
    warned = nbformat.v4.new_output("stream", name="stderr", text="/a/path: careful")
    node.cells[0].outputs.append(warned)
    cleaned = studies.code_and_outputs(nbformat.writes(node).encode())
    assert b"careful" not in cleaned
    assert cleaned == path.read_bytes()


def test_a_claim_is_judged_on_it_and_a_rerun_on_itself(kept):
    (judged,) = json.loads(ssmbook(kept, "claims", "--json")[0])
    assert judged["verdict"] == "reproduced"
    assert judged["values"] == {"double": 10}
    out, _ = ssmbook(kept, "run", "toy", "-p", "n=3", "--json")
    folder = json.loads(out)["folder"]
    (other,) = json.loads(ssmbook(kept, "claims", "--check", folder, "--json")[0])
    assert other["verdict"] == "not judged"


def test_its_page_shows_its_figures_by_name(kept):
    path = kept / "notebooks" / "part" / "toy.ipynb"
    text = path.read_text(encoding="utf-8")
    pasted = text.replace(
        "The claim is on", "Longer: {glue:text}`deposit_double:d`. The"
    )
    path.write_text(pasted, encoding="utf-8")
    ssmbook(kept, "build", "-o", "longer")
    page = text_of(kept / "longer" / "html" / "notebooks" / "part" / "toy.html")
    assert "Longer: 10." in page
    claims = text_of(kept / "longer" / "html" / "book" / "claims.html")
    assert "by its longer run" in claims


def edited(part, value, *, recomputed):
    """A document with one part changed, its checksum recomputed or not."""

    def edit(content):
        parts = json.loads(content)
        holder = parts
        for name in part[:-1]:
            holder = holder[name]
        assert holder[part[-1]] != value or type(holder[part[-1]]) is not type(value)
        holder[part[-1]] = value
        if recomputed:
            del parts["checksum"]
            return sealed(parts)
        return json.dumps(parts).encode()

    return edit


CHANGED = [
    *[
        ("run.json", edited(part, value, recomputed=False), "checksum does not fit")
        for part, value in (
            (("parameters", "seed"), 1),
            (("started",), "2020-01-01T00:00:00.000+00:00"),
            (("git", "commit"), "0" * 40),
            (("records", "double", "value"), 11),
            (("records", "double", "value"), 10.0000001),
            (("checksum",), "0" * 64),
            (("checksum",), None),
        )
    ],
    *[
        ("run.json", edited(part, value, recomputed=True), message)
        for part, value, message in (
            (("parameters", "seed"), 1, "its parameters are not those"),
            (("parameters", "quick"), 0, "its parameters are not those"),
            (("parameters", "n"), None, "bad field parameters"),
            (("records", "double", "value"), 11, "its records are not those"),
            (("records", "double", "value"), "10", "must be a Python int or float"),
            (("records",), [], "bad field records"),
            (("git",), None, "bad field git"),
            (("seconds",), "3", "bad field seconds"),
            (("files",), {}, "it names no toy.ipynb"),
            (("files",), {"../x": "0" * 64}, "without a path"),
            (("notebook",), "other", "must be of a complete run of toy, got other"),
            (("status",), "failed", "must be of a complete run of toy"),
        )
    ],
    ("run.json", lambda content: b"", "is not JSON"),
    ("run.json", lambda content: content[:100], "is not JSON"),
    ("run.json", lambda content: b"[1]", "must hold a JSON object"),
    ("run.json", lambda content: b"\xff", "is not UTF-8"),
    ("run.json", lambda content: b"[" * 100_000, "is nested too deep"),
    ("run.json", lambda content: b"{}", "has no checksum"),
    ("toy.ipynb", lambda content: content + b" ", "is not the file"),
    ("toy.ipynb", lambda content: b"", "is not the file"),
]


def named(case):
    return case if isinstance(case, str) else ""


@pytest.mark.parametrize(("name", "edit", "message"), CHANGED, ids=named)
def test_a_changed_study_is_refused(kept, name, edit, message):
    path = kept / "studies" / "toy" / name
    before = path.read_bytes()
    assert studies.read(kept)["toy"].records["double"].value == 10
    try:
        path.write_bytes(edit(before))
        with pytest.raises(ValueError, match=message) as error:
            studies.read(kept)
        assert str(path.parent) in str(error.value)
        assert "\n" not in str(error.value)
    finally:
        path.write_bytes(before)


def test_a_changed_study_stops_the_commands_that_read_it(kept):
    path = kept / "studies" / "toy" / "run.json"
    before = path.read_bytes()
    try:
        path.write_bytes(before.replace(b'"seed": 0', b'"seed": 7'))
        for command in (["claims"], ["build", "--stored"]):
            _, err = ssmbook(kept, *command, status=1)
            assert "run.json was changed: its checksum does not fit" in err
            assert "Traceback" not in err
    finally:
        path.write_bytes(before)


def test_a_study_is_of_a_chapter(kept):
    assert "n = 5" in studies.read(kept)["toy"].stamp
    (kept / "studies" / "other").mkdir()
    with pytest.raises(ValueError, match="no chapter is called other"):
        studies.read(kept)
    (kept / "studies" / "other").rmdir()


def test_a_text_of_a_changed_study_is_not_read(kept, monkeypatch):
    monkeypatch.setattr(reader, "ROOT", kept)
    path = kept / "studies" / "toy" / "toy.ipynb"
    before = path.read_bytes()
    with pytest.raises(ValueError, match="stores no text 'x'"):
        reader.kept("toy", "x")
    try:
        path.write_bytes(before + b" ")
        with pytest.raises(ValueError, match="is not the notebook that"):
            reader.kept("toy", "x")
    finally:
        path.write_bytes(before)
    for slug in ("../toy", "", ".", "toy\0"):
        with pytest.raises(ValueError, match="the chapter of a longer run must"):
            reader.kept(slug, "x")


def test_an_installed_package_finds_longer_runs_around_the_notebook(
    kept, monkeypatch, tmp_path
):
    """A wheel has no longer runs, and site-packages/studies is no part of it."""
    (tmp_path / "studies" / "toy").mkdir(parents=True)
    monkeypatch.setattr(reader, "ROOT", tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match="run the notebook in a clone"):
        reader.kept("toy", "x")
    monkeypatch.chdir(kept / "notebooks" / "part")
    with pytest.raises(ValueError, match="stores no text 'x'"):
        reader.kept("toy", "x")

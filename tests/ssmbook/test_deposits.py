"""Longer runs, kept: made once, shown and judged from, and red where they change."""

import json

import nbformat
import pytest

from ssmbook.book import deposits
from tests.ssmbook.test_rebuild import text_of
from tests.ssmbook.toy import CLAIM, ssmbook

JUDGED = CLAIM | {"judged_on": "deposit", "valid_for": {"n": [4, 5]}}


@pytest.fixture(scope="module")
def kept(place):
    """The toy book with a deposit of n = 5, on which its claim is judged."""
    (place / "notebooks" / "evening.yml").write_text("toy: {n: 5}\n", encoding="utf-8")
    (place / "book" / "claims" / "toy.yml").write_text(
        json.dumps([JUDGED]), encoding="utf-8"
    )
    _, err = ssmbook(place, "deposits")
    assert "kept in" in err
    return place


def test_a_finished_run_is_not_run_again(kept):
    before = (kept / "deposits" / "toy" / "run.json").read_bytes()
    ssmbook(kept, "deposits", "toy")
    assert (kept / "deposits" / "toy" / "run.json").read_bytes() == before
    _, err = ssmbook(kept, "deposits", "none", status=1)
    assert "evening.yml has no line for none; it has toy" in err


def test_it_keeps_code_and_outputs_without_text_or_warnings(kept):
    path = kept / "deposits" / "toy" / "toy.ipynb"
    node = nbformat.read(path, 4)
    assert {cell.cell_type for cell in node.cells} == {"code"}
    assert all("hide-input" in cell.metadata["tags"] for cell in node.cells)
    warned = nbformat.v4.new_output("stream", name="stderr", text="/a/path: careful")
    node.cells[0].outputs.append(warned)
    cleaned = deposits.code_and_outputs(nbformat.writes(node).encode())
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
    assert "by its longer run, kept" in claims


def test_a_changed_deposit_is_an_error(kept):
    folder = kept / "deposits" / "toy"
    document = (folder / "run.json").read_text(encoding="utf-8")
    notebook = (folder / "toy.ipynb").read_text(encoding="utf-8")
    found = deposits.read(kept)["toy"]
    assert found.records["double"].value == 10
    assert "n = 5" in found.stamp
    changed = json.loads(document)
    changed["records"]["double"]["value"] = 11
    for name, content, message in (
        ("run.json", json.dumps(changed), "records are not those"),
        ("toy.ipynb", notebook + " ", "is not what run.json"),
        ("run.json", "", "must hold run.json"),
    ):
        before = (folder / name).read_text(encoding="utf-8")
        (folder / name).write_text(content, encoding="utf-8")
        with pytest.raises(ValueError, match=message):
            deposits.read(kept)
        (folder / name).write_text(before, encoding="utf-8")
    assert deposits.read(kept)
    (kept / "deposits" / "other").mkdir()
    with pytest.raises(ValueError, match="no chapter is called other"):
        deposits.read(kept)
    (kept / "deposits" / "other").rmdir()

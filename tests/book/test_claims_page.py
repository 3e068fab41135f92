"""The Claims page and claims.json: every entry once, in its part, with its words."""

import json
import re

import jsonschema
import pytest
import yaml

from ssmbook.ledger import data
from ssmbook.ledger.entries import KINDS
from ssmbook.ledger.verdicts import judge
from ssmbook.notebook.executed import Executed
from ssmbook.pages import claims_page
from ssmbook.runs import studies
from tests.book.conftest import CHAPTERS


@pytest.fixture(scope="module")
def judged(ledger, root):
    stored = {slug: Executed.read(c.path) for slug, c in CHAPTERS.items()}
    return judge(ledger, stored, studies.read(root))


@pytest.fixture(scope="module")
def page(judged, root):
    citation = yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))
    return claims_page.page(judged, CHAPTERS, citation)


def test_each_claim_stands_once_in_its_part(page, judged):
    parts = re.split(r"^## (?=What|Identities)", page, flags=re.M)[1:]
    assert len(parts) == len(KINDS)
    for kind, part in zip(KINDS, parts, strict=True):
        own = [j.claim.id for j in judged if j.claim.kind == kind]
        assert re.findall(r"^\(claim-([\w-]+)\)=", part, flags=re.M) == own
        counts = re.search(r"\. (\d+): (.*)\.$", part, flags=re.M)
        assert int(counts[1]) == len(own)
        assert sum(map(int, re.findall(r"\d+", counts[2]))) == len(own)


def test_what_a_claim_is_of(ledger):
    kinds = {c.id: c.kind for c in ledger}
    assert kinds["timescale-rule"] == "paper"
    assert kinds["fixed-on-mnist"] == "found"
    assert kinds["exact-energy"] == "identity"


def test_a_filter_knows_each_value_and_its_entries(page, judged):
    values = set(re.findall(r'<option value="([^"]+)">', page))
    classes = re.findall(r"^:class-container: claim (.*)$", page, flags=re.M)
    assert len(classes) == len(judged)
    assert values == {name for line in classes for name in line.split()}


def test_a_sentence_is_claimed_and_no_more(ledger):
    for claim in ledger:
        said = claims_page.sentence(claim)
        assert said.endswith(".")
        assert claim.says.startswith(said)
        assert "our reading" not in said


def test_the_data_are_as_their_schema_says(judged):
    schema = data.schema()
    found = json.loads(json.dumps(data.as_data(judged), allow_nan=False))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(found, schema)
    assert [entry["claim"] for entry in found] == [j.claim.id for j in judged]
    for entry, j in zip(found, judged, strict=True):
        assert entry["verdict"] == j.verdict
        assert "{glue" not in entry["why"]
    del found[0]["verdict"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(found, schema)


def test_a_chapter_s_table_has_its_claims(judged):
    """The paper's first, then ours, then identities, each in the ledger's order."""
    found = [j for j in judged if j.claim.notebook == "s4-and-s4d"]
    own = [j for kind in KINDS for j in found if j.claim.kind == kind]
    assert own != found
    rows = claims_page.table(found).strip().splitlines()[2:]
    assert [re.search(r"\(claim-([\w-]+)\)", row)[1] for row in rows] == [
        j.claim.id for j in own
    ]
    for row, j in zip(rows, own, strict=True):
        assert row.count("|") == 4
        assert row.count("**") == 2 * len(j.claim.predictions)
        assert j.verdict in row or j.verdict == "qualified"
        assert ("*on the paper:*" in row) == (j.claim.kind == "paper")
    assert claims_page.table([]) == ""

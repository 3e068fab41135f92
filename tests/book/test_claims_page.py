"""The Claims page and claims.json: every entry once, in its part, with its words."""

import json
import re
from dataclasses import replace

import jsonschema
import pytest
import yaml

from ssmbook.ledger import data
from ssmbook.ledger.entries import KINDS, Elsewhere
from ssmbook.ledger.verdicts import judge
from ssmbook.notebook.executed import Executed
from ssmbook.pages import claim_entry, claims_page
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
    parts = re.split(r"^## (?=What)", page, flags=re.M)[1:]
    assert len(parts) == len(KINDS)
    for kind, part in zip(KINDS, parts, strict=True):
        own = [j.claim for j in judged if j.claim.kind == kind]
        ids = [name for claim in own for name in (claim.id, *claim.former)]
        assert re.findall(r"^\(claim-([\w-]+)\)=", part, flags=re.M) == ids
        counts = re.findall(r"^- [^:]+ \((\d+)\): (.*)\.$", part, flags=re.M)
        assert sum(int(total) for total, _ in counts) == len(own)
        for total, verdicts in counts:
            assert sum(map(int, re.findall(r"\d+", verdicts))) == int(total)


def test_the_page_counts_predictions_that_did_not_change(page, ledger):
    seen = [
        c
        for c in ledger
        if any("after its measurement" in v.because and v.after for v in c.history)
    ]
    assert seen
    assert not any(c.foretold for c in seen)
    told = sum(c.foretold for c in ledger)
    assert f"Of the {len(ledger)} claims, {told} have predictions" in page


def test_whose_a_claim_is_and_what_it_rests_on(ledger):
    about = {c.id: (c.kind, c.evidence) for c in ledger}
    assert about["timescale-rule"] == ("paper", "identity")
    assert about["s4-differs-under-noise"] == ("reviewer", "identity")
    assert about["fixed-on-mnist"] == ("companion", "training")
    assert about["rounding-is-noise-in-proportion"] == ("companion", "measurement")


def test_a_reviewer_s_sentence_is_no_claim_of_the_paper(ledger):
    reviewed = [c for c in ledger if "a reviewer" in c.says.lower()]
    assert reviewed
    for claim in reviewed:
        assert claim.kind == "reviewer"


def test_a_filter_knows_each_value_and_its_entries(page, judged):
    values = set(re.findall(r'<option value="([^"]+)">', page))
    classes = re.findall(r"^:class-container: claim (.*)$", page, flags=re.M)
    assert len(classes) == len(judged)
    assert values == {name for line in classes for name in line.split()}


def test_a_sentence_is_claimed_and_no_more(ledger):
    for claim in ledger:
        said = claim_entry.sentence(claim)
        assert said.endswith(".")
        assert claim.says.startswith(said)
        assert "our reading" not in said


def test_records_have_words(ledger, page):
    """Few, unique in a claim, fit for a cell of a table, and with keys on the page."""
    for claim in ledger:
        if claim.judged_on == "study":
            continue
        told = [e.words for e in claim.predictions]
        assert all(told), claim.id
        assert len(set(told)) == len(told), claim.id
        assert max(len(words.split()) for words in told) <= 14, claim.id
        for e in claim.predictions:
            assert not re.search(r"[|`*$]", e.words), e.words
            names = ", ".join(f"`{key}`" for key in e.keys)
            assert f"| {e.words}: {e.predicted} ({names}) |" in page


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


def test_published_figures_stand_beside_a_claim(judged, root):
    figure = {"says": "The full model has 90 %.", "url": "https://a.b", "date": "2026"}
    both = tuple(Elsewhere(**figure, agrees=agrees) for agrees in (True, False))
    one = replace(judged[0], claim=replace(judged[0].claim, elsewhere=both))
    citation = yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))
    text = claims_page.page([one], CHAPTERS, citation)
    seen = "([Seen](https://a.b) 2026.)"
    assert f"- The full model has 90 %. This agrees with the claim. {seen}" in text
    assert "This does not agree with the claim." in text
    (entry,) = data.as_data([one])
    assert [own["agrees"] for own in entry["elsewhere"]] == [True, False]


def test_a_chapter_s_table_has_its_claims(judged):
    """The paper's first, then its reviewers', then ours, in the ledger's order."""
    found = [j for j in judged if j.claim.notebook == "s4-and-s4d"]
    own = [j for kind in KINDS for j in found if j.claim.kind == kind]
    assert own != found
    lines = claims_page.table(found).splitlines()
    rows = [line for line in lines if line.startswith("| *")]
    assert [re.search(r"\(claim-([\w-]+)\)", row)[1] for row in rows] == [
        j.claim.id for j in own
    ]
    for row, j in zip(rows, own, strict=True):
        assert row.count("|") == 4
        assert row.count("**") == 2 * len(j.claim.predictions)
        assert j.verdict in row or j.verdict == "qualified"
        assert ("*the paper's, " in row) == (j.claim.kind == "paper")
        assert f", {j.claim.evidence}:*" in row
    assert claims_page.table([]) == ""


def test_menus_name_papers_in_letters(page):
    menu = re.search(r'<select name="paper">.*?</select>', page)[0]
    assert "François" in menu
    assert not re.search(r"[\\{}]", menu)


def test_menus_name_chapters_as_the_contents_do(page):
    menu = re.search(r'<select name="chapter">.*?</select>', page)[0]
    assert '<option value="chapter-timescale">3. The timescale</option>' in menu
    assert menu.count("<option") == 1 + len(CHAPTERS)


def test_a_citation_says_the_verdict_in_the_words_of_the_page(page, judged):
    cited = re.findall(
        r"^@misc\{ssmbook-([\w-]+),$.*?^  title = \{\{([^\n]*) \(([^()]+)\)\}\},$",
        page,
        re.M | re.S,
    )
    assert len(cited) == len(judged)
    known = {j.claim.id: j for j in judged}
    limited = {v for id, _, v in cited if known[id].verdict == "qualified"}
    assert limited == {"holds up to a limit"}
    for id, said, _ in cited:
        plain = said.replace(r"\textasciicircum{}", "^").replace("\\", "")
        assert known[id].claim.says.startswith(plain)
    notes = re.findall(r"^  note = \{(.*)\}$", page, re.M)
    assert len(notes) == len(cited)
    # What is left of a note without escaped characters has nothing that LaTeX reads.
    assert not re.search(r"[%&#_~^]", re.sub(r"\\.(\{\})?", "", "".join(notes)))
    assert len(re.findall(r"^  date = \{\d{4}-\d\d-\d\d\},$", page, re.M)) == len(cited)

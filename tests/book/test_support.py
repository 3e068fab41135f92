"""Planted falsehoods: exactly the claims that rest on a false one become open."""

import json
from dataclasses import replace

import pytest
import yaml

from ssmbook.ledger import data
from ssmbook.ledger.verdicts import judge, supported
from ssmbook.notebook.executed import Executed
from ssmbook.pages import changes, claims_page
from ssmbook.pages.badges import badge
from ssmbook.runs import studies
from tests.book.conftest import CHAPTERS

BOUND = {
    "timescale-rule",
    "bound-is-tight",
    "bilinear-has-the-same-bound",
    "shorter-inputs-are-covered",
}
ENERGY = {
    "many-frequencies-before-the-asymptote",
    "damping-loosens-the-bound",
    "stationary-limit",
    "energy-of-a-layer-on-real-data",
}
CAPACITY = {"memory-tradeoff", "circles-come-near-the-bound", "colour-lifts-the-count"}
#: of a false claim, those that rest on it, directly or through others
FALSE = {
    "bound-on-the-final-output": BOUND,
    "timescale-rule": {"bilinear-has-the-same-bound"},
    "exact-energy": ENERGY,
    "stability-needs-the-timescale": {"zero-real-part-removes-the-curse"},
    "memory-decays-at-the-damping": {"zero-real-part-removes-the-curse"},
    "memory-capacity-is-the-state-size": CAPACITY,
    "memory-tradeoff": {"circles-come-near-the-bound"},
    "memory-is-what-an-all-pass-has-left": {"length-is-unevenness"},
    "four-views-agree": set(),
    "fixed-is-comparable": set(),
}


@pytest.fixture(scope="module")
def judged(ledger, root):
    stored = {slug: Executed.read(c.path) for slug, c in CHAPTERS.items()}
    return judge(ledger, stored, studies.read(root))


@pytest.fixture(scope="module")
def citation(root):
    return yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))


def planted(judged, ledger, false):
    verdict = ("not reproduced", "undecided")[len(false) % 2]
    changed = [
        replace(j, verdict=verdict) if j.claim.id == false else j for j in judged
    ]
    return supported(changed, ledger)


def test_nothing_is_open_today(judged):
    assert [j.claim.id for j in judged if j.shown == "open"] == []


def test_the_falsehoods_cover_every_claim_on_which_others_rest(ledger):
    assert {name for c in ledger for name in c.requires} <= set(FALSE)
    assert len(FALSE) == 10


@pytest.mark.parametrize("false", FALSE)
def test_a_falsehood_opens_what_rests_on_it(judged, ledger, citation, false):
    found = planted(judged, ledger, false)
    assert {j.claim.id for j in found if j.shown == "open"} == FALSE[false]
    before = {j.claim.id: j.verdict for j in judged}
    for j in found:
        assert j.verdict == before[j.claim.id] or j.claim.id == false
    _check_pages(found, citation, FALSE[false])


def _check_pages(found, citation, expected):
    """Badges, counts, sentences, BibTeX, tables, data and the list of changes."""
    page = claims_page.page(found, CHAPTERS, citation)
    assert page.count("{dropdown} {bdg-secondary}`○ open`") == len(expected)
    assert page.count("This claim is shown as open, because [`") == len(expected)
    assert page.count(" (open)}},") == len(expected)
    assert page.count("note = {") >= page.count("Open, because it rests on ")
    assert page.count("Open, because it rests on ") == len(expected)
    assert ('value="verdict-open"' in page) == bool(expected)
    assert (" open" in "".join(_counts(page))) == bool(expected)
    tables = claims_page.table(found)
    assert tables.count(f"| {badge('open')} |") == len(expected)
    told = {d["claim"]: d for d in json.loads(json.dumps(data.as_data(found)))}
    assert {c for c, d in told.items() if d["verdict"] == "open"} == expected
    assert {c for c, d in told.items() if d["fallen"]} == expected
    known = {j.claim.id: j.verdict for j in found}
    assert all(told[c]["alone"] == known[c] for c in expected)
    former = changes.Former({j.claim.id: j.claim.verdict for j in found}, {})
    assert changes.table(former, found).count(badge("open")) == len(expected)


def _counts(page):
    return [
        line for line in page.splitlines() if line.startswith("- ") and "): " in line
    ]

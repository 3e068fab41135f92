"""Verdicts follow from the records."""

import json
import math
from dataclasses import replace
from itertools import product

import nbformat
import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from ssmbook.ledger import entries as ledgers
from ssmbook.ledger.expectations import Expectation
from ssmbook.ledger.verdicts import judge, states
from ssmbook.notebook.executed import Executed
from ssmbook.notebook.recorded import Record
from tests.ssmbook.outputs import notebook, output_of

ENTRY = {
    "id": "a-claim",
    "evidence": "identity",
    "paper": "companion",
    "where": "here",
    "source": "our reading",
    "says": "x is about one",
    "expect": [{"key": "x", "between": [0, 2], "because": "theory"}],
    "scale": "exact",
    "verdict": "reproduced",
    "why": "it is",
}
BELOW = [{"key": "y", "between": [2, 9], "because": "theory"}]
LIMIT = [{"order": ["x", "y"], "because": "theory"}]


def ledger(tmp_path, **changes):
    path = tmp_path / "nb.yml"
    path.write_text(json.dumps([ENTRY | changes]), encoding="utf-8")
    return ledgers.read(path)


def judged(tmp_path, values, **changes):
    """values: number, or (value, se) or (value, se, freedom)."""
    claims = ledger(tmp_path, **changes)
    outputs = []
    for key, value in values.items():
        value, *rest = value if isinstance(value, tuple) else (value,)
        tolerance = dict(zip(("se", "freedom"), rest, strict=False))
        outputs.append(output_of(key, value, **tolerance))
    path = notebook(tmp_path / "nb.ipynb", *outputs)
    (found,) = judge(claims, {"nb": Executed.read(path)})
    return found


@pytest.mark.parametrize(
    ("changes", "values", "expected"),
    [
        ({}, {"x": 1}, "reproduced"),
        ({}, {"x": 3}, "not reproduced"),
        ({"limits": LIMIT}, {"x": 1, "y": 2}, "qualified"),
        ({"limits": LIMIT}, {"x": 1, "y": 0}, "limits do not hold"),
        ({"limits": LIMIT}, {"x": 3, "y": 4}, "not reproduced"),
        ({"verdict": "not testable here"}, {}, "not testable here"),
        # with a standard error: all of the interval, none of it, across the edge
        ({}, {"x": (1.0, 0.4)}, "reproduced"),
        ({}, {"x": (3.0, 0.4)}, "not reproduced"),
        ({}, {"x": (1.5, 0.4)}, "undecided"),
        ({}, {"x": (2.5, 0.4)}, "undecided"),
        ({}, {"x": (1.0, 0.4, 4)}, "undecided"),  # 1.11 to each side
        ({}, {"x": (3.0, 0.35, 4)}, "not reproduced"),
        ({"limits": BELOW}, {"x": (1.0, 0.1), "y": (3.0, 0.1)}, "qualified"),
        ({"limits": BELOW}, {"x": (1.0, 0.1), "y": (2.1, 0.1)}, "undecided"),
        ({"limits": BELOW}, {"x": (1.0, 0.1), "y": (1.0, 0.1)}, "limits do not hold"),
        ({"limits": BELOW}, {"x": (1.9, 0.1), "y": (1.0, 0.1)}, "undecided"),
        (
            {"expect": [{"key": "x", "value": 2, "rtol": 0.1, "because": "t"}]},
            {"x": 1.8},
            "reproduced",
        ),
        (
            {"expect": [{"key": "x", "value": 2, "atol": 0.1, "because": "t"}]},
            {"x": 1.8},
            "not reproduced",
        ),
    ],
)
def test_verdicts_follow_from_records(tmp_path, changes, values, expected):
    assert judged(tmp_path, values, **changes).verdict == expected


def test_a_key_that_no_notebook_records_is_refused(tmp_path):
    found = ledger(tmp_path)
    notebook(tmp_path / "nb.ipynb", output_of("z", 1.0))
    with pytest.raises(ValueError, match="claim a-claim: nb does not record all of x"):
        judge(found, {"nb": Executed.read(tmp_path / "nb.ipynb")})


@pytest.mark.parametrize(
    ("low", "high", "inside"),
    [(4, 4, True), (4, 9, True), (1, 4, True), (5, 9, False), (1, 3, False)],
)
def test_both_edges_of_a_range_belong_to_it(tmp_path, low, high, inside):
    """The notebook ran with L = 4."""
    found = judged(tmp_path, {"x": 1}, valid_for={"L": [low, high]})
    assert found.verdict == ("reproduced" if inside else "not judged")


def test_a_range_of_an_unknown_parameter_is_refused(tmp_path):
    with pytest.raises(ValueError, match="valid_for names no parameter M"):
        judged(tmp_path, {"x": 1}, valid_for={"M": [1, 9]})


def test_a_claim_outside_its_range_is_not_judged(tmp_path):
    found = ledger(tmp_path, valid_for={"L": [5, 9]})
    notebook(tmp_path / "nb.ipynb", output_of("x", 7.0))
    (judgement,) = judge(found, {"nb": Executed.read(tmp_path / "nb.ipynb")})
    assert judgement.verdict == "not judged"
    assert judgement.reason == "L = 4 is not in [5, 9]"
    assert judgement.agrees
    assert not judgement.contradicts


def test_comparisons_of_a_chapter_are_corrected_together(tmp_path):
    """Two standard errors inside: enough for one, not for the less sure of two."""
    sure = {"x": (1.0, 0.45)}
    assert judged(tmp_path, sure).verdict == "reproduced"
    limits = [{"key": "y", "between": [0, 2], "because": "theory"}]
    two = sure | {"y": (1.0, 0.46)}
    assert judged(tmp_path, two, limits=limits).verdict == "undecided"
    one = sure | {"y": (1.0, 0.1)}
    found = judged(tmp_path, one, limits=limits)
    assert (found.verdict, found.states) == ("qualified", ("holds", "holds"))


@pytest.mark.slow
def test_states_are_those_of_holm():
    """Against statsmodels, over 15 families of five."""
    rng = np.random.default_rng(0)
    for _ in range(15):
        values = rng.normal(0, 2, 5)
        claims = [Expectation("x", f"k{k}", (0, math.inf)) for k in range(5)]
        records = {f"k{k}": Record(v, se=1.0, freedom=6) for k, v in enumerate(values)}
        p = 2 * stats.t.sf(np.abs(values), 6)
        decided = multipletests(p, 0.05, method="holm")[0]
        for state, sure, value in zip(
            states(claims, records), decided, values, strict=True
        ):
            expected = ("holds" if value > 0 else "fails") if sure else "open"
            assert state == expected


def test_an_order_of_figures_with_errors_is_refused():
    """Bare means are in some order whatever they are."""
    claim = Expectation("theory", order=("x", "y"))
    assert states([claim], {"x": Record(1.0), "y": Record(2.0)}) == ["holds"]
    with pytest.raises(ValueError, match="an order of x, y: some have a standard"):
        states([claim], {"x": Record(1.0), "y": Record(2.0, se=0.1)})


@pytest.mark.parametrize("says", ledgers.VERDICTS)
@pytest.mark.parametrize(
    ("values", "found"),
    [
        ({"x": 1, "y": 2}, "qualified"),
        ({"x": 1, "y": 0}, "limits do not hold"),
        ({"x": 3, "y": 4}, "not reproduced"),
    ],
)
def test_a_pass_contradicts_a_failure_only(tmp_path, values, says, found):
    judgement = judged(tmp_path, values, verdict=says, limits=LIMIT)
    assert judgement.verdict == found
    passed = ("reproduced", "qualified")
    one_passed = (says in passed) != (found in passed)
    one_failed = "undecided" != says != "not testable here"
    assert judgement.contradicts == (one_passed and one_failed)


@pytest.mark.parametrize(
    ("says", "found", "expected"),
    [
        ("reproduced", 3, True),
        ("reproduced", (2.1, 1.0), False),
        ("not reproduced", 1, True),
        ("not reproduced", 3, False),
        ("undecided", 3, False),
        ("undecided", 1, False),
    ],
)
def test_an_open_rerun_contradicts_nothing(tmp_path, says, found, expected):
    assert judged(tmp_path, {"x": found}, verdict=says).contradicts == expected


def test_a_claim_open_in_half_of_its_reruns_is_undecided(tmp_path):
    runs = {"of": 4, "open": 1, "with": "other seeds"}
    assert judged(tmp_path, {"x": 1}, reruns=runs).verdict == "reproduced"
    half = runs | {"open": 2}
    assert judged(tmp_path, {"x": 1}, reruns=half).verdict == "undecided"
    assert judged(tmp_path, {"x": 3}, reruns=half).verdict == "undecided"
    with pytest.raises(ValueError, match="reruns, open is missing"):
        ledger(tmp_path, reruns={"of": 4, "with": "other seeds"})
    with pytest.raises(ValueError, match="reruns needs open <= of, got"):
        ledger(tmp_path, reruns=runs | {"open": 5})


def test_claims_are_evaluated_where_the_ledger_says(tmp_path):
    """Two chapters, and a longer run of one: each with records of its own.

    Comparisons are corrected among those of one place only: each of the four below
    holds alone, and would be open beside another one.
    """
    sure = {"se": 0.45}  # two-sided, 2.2 standard errors from the nearest edge

    def stored(name, value):
        path = notebook(tmp_path / f"{name}.ipynb", output_of("x", value, **sure))
        return Executed.read(path)

    own = {"first": stored("first", 1.0), "second": stored("second", 3.0)}
    entry = ledger(tmp_path, evidence="training")[0]
    claims = [
        replace(entry, id=f"{slug}-{place}", notebook=slug, judged_on=place)
        for place, slug in product(("deposit", "notebook"), own)
    ]
    runs = {"first": stored("longer", 3.0), "second": stored("other", 1.0)}
    found = judge(claims, own, runs)
    assert [j.claim.id for j in found] == [claim.id for claim in claims]
    failed, holds = "not reproduced", "reproduced"
    assert [j.verdict for j in found] == [failed, holds, holds, failed]
    with pytest.raises(ValueError, match="claim second-deposit: there is no deposit"):
        judge(claims, own, {"first": runs["first"]})
    on_notebooks = judge(claims[:2], own)
    assert [j.verdict for j in on_notebooks] == [holds, failed]


def test_a_failed_notebook_leaves_its_claims_without_a_verdict(tmp_path):
    path = notebook(tmp_path / "nb.ipynb", output_of("x", 1.0))
    node = nbformat.read(path, 4)
    node.metadata["failed"] = "it did"
    nbformat.write(node, path)
    (found,) = judge(ledger(tmp_path), {"nb": Executed.read(path)})
    assert (found.verdict, found.reason) == ("not judged", "nb failed")
    assert found.values == {}


def test_a_missing_record_leaves_the_other_states(tmp_path):
    absent = Expectation("theory", "absent", (0.0, 1.0))
    there = Expectation("theory", "x", (0.0, 2.0))
    records = {"x": Record(1.0, se=0.1)}
    assert states([absent, there], records) == ["missing", "holds"]


@pytest.mark.parametrize(("there", "absent"), [("x", "y"), ("y", "x")])
def test_only_the_missing_records_are_named(tmp_path, there, absent):
    with pytest.raises(ValueError, match=f"does not record all of {absent}$"):
        judged(tmp_path, {there: 1.0}, limits=BELOW)


@pytest.mark.parametrize("says", ledgers.VERDICTS)
def test_only_a_claim_that_is_not_testable_may_lack_its_records(tmp_path, says):
    if says == "not testable here":
        assert judged(tmp_path, {}, verdict=says).verdict == says
        return
    with pytest.raises(ValueError, match="does not record all of x"):
        judged(tmp_path, {}, verdict=says)

"""Claims on studies: when they are decided, and when they are refused."""

from __future__ import annotations

import copy
from datetime import date

import numpy as np
import pytest

from ssmbook.ledger import data, nulls
from ssmbook.ledger.trained import check_registered, outcomes
from ssmbook.ledger.verdicts import judge
from ssmbook.notebook.chapters import Chapter
from ssmbook.pages import claim_entry
from ssmbook.studies.estimates import effects
from ssmbook.studies.parts import of_study
from tests.ssmbook.synthetic import STUDY, claim, finished, rows, stated, write_part

BETTER = {"key": "a_over_b", "below": 1.0}
LEARNS = {"key": "learns", "below": 0.5}


def verdict(study, *claims):
    found = judge(list(claims), {}, {}, {"toy": study})
    return [j.verdict for j in found]


def test_verdicts_on_pooled_parts(tmp_path):
    study = finished(tmp_path)
    cases = {
        "reproduced": [BETTER, LEARNS],
        "not reproduced": [{"key": "a_over_b", "above": 1.0}, LEARNS],
        "undecided": [{"key": "a_over_b", "below": 0.905}, LEARNS],
    }
    for expected, expect in cases.items():
        assert verdict(study, claim(study, *expect)) == [expected]
    limits = [{"key": "both", "above": 0.5, "because": "a margin"}]
    assert verdict(study, claim(study, BETTER, LEARNS, limits=limits)) == ["qualified"]
    limits = [{"key": "both", "above": 1.0, "because": "a margin"}]
    found = verdict(study, claim(study, BETTER, LEARNS, limits=limits))
    assert found == ["limits do not hold"]


def test_a_claim_is_open_until_every_stated_seed_is_measured(tmp_path):
    study = stated(tmp_path)
    for block in study.blocks("base")[:3]:
        write_part(tmp_path, study, "base", block)
    partly = of_study(tmp_path, study)
    own = claim(partly, BETTER, LEARNS)
    (found,) = judge([own], {}, {}, {"toy": partly})
    assert (found.verdict, found.reason) == ("undecided", "12 of 16 seeds are measured")
    write_part(tmp_path, study, "base", study.blocks("base")[3])
    assert verdict(of_study(tmp_path, study), own) == ["reproduced"]


def test_a_claim_that_holds_without_training_is_refused(tmp_path):
    """Two arms that nobody trained are equal, and beat nothing."""
    study = finished(tmp_path)
    alike = {"key": "both", "between": [0.8, 1.25]}
    with pytest.raises(ValueError, match="a learning rate of zero"):
        verdict(study, claim(study, alike))
    assert verdict(study, claim(study, alike, LEARNS)) == ["reproduced"]


def test_two_claims_of_one_prediction_are_refused(tmp_path):
    study = finished(tmp_path)
    one = claim(study, BETTER, LEARNS)
    other = claim(study, LEARNS, BETTER, id="the-same")
    with pytest.raises(ValueError, match="make the same prediction"):
        verdict(study, one, other)
    empty = of_study(tmp_path / "empty", stated(tmp_path / "empty"))
    with pytest.raises(ValueError, match="make the same prediction"):
        outcomes([one, other], empty)


CHANGES = {
    "an edge": {"expect": [{"key": "a_over_b", "below": 1.1, "because": "arithmetic"}]},
    "a range of validity": {"valid_for": {"steps": [1, 9]}},
    "the wording": {"says": "a has a far lower loss than b"},
}


@pytest.mark.parametrize("case", CHANGES)
def test_a_change_without_a_dated_line_is_refused(tmp_path, case):
    study = finished(tmp_path)
    own = claim(study, {"key": "a_over_b", "below": 1.0})
    check_registered(own, study)
    known = {"registered": vars(own.registered)}
    changed = claim(study, BETTER, **CHANGES[case] | known)
    with pytest.raises(ValueError, match="add a line to history") as raised:
        check_registered(changed, study)
    said = str(raised.value)
    line = {k: said.split(f"{k}: ")[1].split(",")[0] for k in ("hash", "words")}
    history = [line | {"date": "2026-12", "because": "a reason"}]
    mended = claim(study, BETTER, **CHANGES[case] | known, history=history)
    check_registered(mended, study)


@pytest.mark.parametrize("part", ["seeds", "added", "contrast", "parameters"])
def test_another_measurement_needs_a_dated_line_too(tmp_path, part):
    own = claim(finished(tmp_path / "one"), BETTER)
    other = copy.deepcopy(STUDY)
    if part == "seeds":
        other["designs"]["base"]["seeds"] = [0, 19]
    elif part == "added":
        other["designs"]["base"]["added"] = [[300, 303]]
    elif part == "contrast":
        other["contrasts"]["a_over_b"] = {"ratio": ["a", "b"], "task": "two"}
    else:
        other["parameters"] = {"steps": 7}
    study = of_study(tmp_path / "two", stated(tmp_path / "two", other))
    with pytest.raises(ValueError, match="not those registered"):
        check_registered(own, study)


def test_a_claim_without_study_or_contrast_is_refused(tmp_path):
    study = finished(tmp_path)
    own = claim(study, BETTER)
    with pytest.raises(ValueError, match=r"no studies/toy/study\.yml"):
        check_registered(own, None)
    known = {"registered": vars(own.registered)}
    other = claim(study, {"key": "none", "below": 1.0}, **known)
    with pytest.raises(ValueError, match="no contrast none; it has a_over_b"):
        check_registered(other, study)


def test_a_rerun_of_the_chapter_does_not_decide_it(tmp_path):
    (found,) = judge([claim(finished(tmp_path), BETTER)], {})
    assert found.verdict == "not judged"


def test_its_effect_is_shown_with_interval_and_n(tmp_path):
    study = finished(tmp_path)
    judged = judge([claim(study, BETTER, LEARNS)], {}, {}, {"toy": study})
    (shown,) = data.as_data(judged)
    measured = shown["expect"][0]["measured"]["a_over_b"]
    assert measured["interval"][0] < measured["value"] < measured["interval"][1]
    assert measured["n"] == 16
    assert "times (" in shown["why"]


def test_other_settings_stand_beside_the_verdict(tmp_path):
    designs = STUDY["designs"] | {
        "wider": {"seeds": [200, 207], "parameters": {"d_model": 16}},
        "longer": {"seeds": [300, 307], "parameters": {"steps": 9}},
    }
    content = STUDY | {"designs": designs}
    study = stated(tmp_path, content)
    for design in ("base", "untrained", "wider"):
        for block in study.blocks(design):
            write_part(tmp_path, study, design, block)
    measured = of_study(tmp_path, study)
    one = claim(measured, BETTER, LEARNS)
    (found,) = judge([one], {}, {}, {"toy": measured})
    assert [*found.regions] == ["wider (d_model = 16)"]  # the other has no parts
    own = found.regions["wider (d_model = 16)"]["a_over_b"]
    chapter = Chapter("toy", 1, "notebooks/toy.ipynb", tmp_path / "toy.ipynb")
    citation = {"date-released": date(2026, 1, 1), "version": "1", "title": "A book"}
    page = "\n".join(claim_entry.entry(found, chapter, citation))
    row = f"| wider (d_model = 16) | {own.label} | {own.text} |"
    assert row in page
    (shown,) = data.as_data([found])
    assert shown["regions"]["wider (d_model = 16)"]["a_over_b"]["n"] == 8


def test_a_claim_that_holds_where_labels_are_exchanged_is_refused(tmp_path):
    """Two alike arms are alike under any labels; a lower loss than b's is not."""
    study = finished(tmp_path)
    nulls.check([claim(study, BETTER, LEARNS)], study)
    assert nulls.count(claim(study, BETTER), study) <= 10
    wide = {"key": "points", "between": [-0.9, 0.9]}
    with pytest.raises(ValueError, match="200 of 200 random exchanges"):
        nulls.check([claim(study, wide)], study)
    every = [claim(study, wide)]
    with pytest.raises(ValueError, match="tests nothing"):
        nulls.check_all(every, {"toy": study})


def test_an_exchange_moves_labels_within_a_task_and_seed_alone(tmp_path):
    study = finished(tmp_path)
    rows = [row for part in study.parts["base"] for row in part.losses.rows]
    arms, tasks = ["a", "b", "constant"], ["one", "two", "three"]
    table = nulls._table(study.study.contrasts["both"], rows, tasks, arms)
    order = nulls._exchange(np.random.default_rng(0), np.ones((3, 3), bool), 16)
    found = np.take_along_axis(table, order, axis=1)
    assert not np.array_equal(found, table)
    assert np.array_equal(np.sort(found, axis=1), np.sort(table, axis=1))
    plain = nulls._draws(study.study.contrasts["both"], table, tasks, arms)
    pooled = effects(study)["both"].pooled
    assert plain.mean() == pytest.approx(pooled.value, rel=1e-12)


def test_another_setting_may_have_fewer_arms_and_tasks(tmp_path):
    few, one = {"seeds": [30, 37]}, {"seeds": [40, 47]}
    designs = STUDY["designs"] | {"few": few, "one": one}
    study = stated(tmp_path, STUDY | {"designs": designs})
    for design in designs:
        for block in study.blocks(design):
            own = [r for r in rows(block, design != "untrained")]
            if design == "few":
                own = [r for r in own if r["arm"] != "b"]
            if design == "one":
                own = [r for r in own if r["task"] != "one"]
            write_part(tmp_path, study, design, block, table=own)
    measured = of_study(tmp_path, study)
    assert [*effects(measured, "few")] == ["learns"]
    assert {*effects(measured, "one")} == {"both", "learns", "by_task"}
    (found,) = judge([claim(measured, BETTER, LEARNS)], {}, {}, {"toy": measured})
    assert [*found.regions["few ()"]] == ["learns"]
    (own,) = data.as_data([found])
    assert [*own["regions"]["few ()"]] == ["learns"]


def test_a_claim_names_another_study_of_its_chapter(tmp_path):
    first = finished(tmp_path)
    further = STUDY | {"chapter": "toy", "contrasts": {"more": {"ratio": ["a", "b"]}}}
    second = finished(tmp_path, further, "larger")
    assert second.study.chapter == "toy"
    own = claim(first, BETTER, LEARNS)
    other = claim(second, {"key": "more", "below": 1.0}, study="larger", id="larger")
    assert (own.measured_by, other.measured_by) == ("toy", "larger")
    trained = {"toy": first, "larger": second}
    found = judge([own, other], {}, {}, trained)
    assert [j.verdict for j in found] == ["reproduced", "reproduced"]
    assert [[*j.effects] for j in found] == [[*first.study.contrasts], ["more"]]
    assert [d["study"] for d in data.as_data(found)] == ["toy", "larger"]
    with pytest.raises(ValueError, match=r"no studies/larger/study\.yml"):
        judge([other], {}, {}, {"toy": first})
    with pytest.raises(ValueError, match="study needs judged_on"):
        claim(second, {"key": "more", "below": 1.0}, study="s", judged_on="notebook")

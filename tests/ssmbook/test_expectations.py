"""Predictions in words, with numbers that a person reads."""

from dataclasses import replace

import pytest

from ssmbook.ledger.expectations import Expectation
from ssmbook.ledger.numerals import readable
from ssmbook.ledger.verdicts import Judgement
from ssmbook.notebook.recorded import Record
from ssmbook.pages import claim_entry
from tests.ssmbook import synthetic
from tests.ssmbook.test_verdicts import ledger


@pytest.mark.parametrize(
    ("value", "digits", "expected"),
    [
        (0.35678, 3, "0.357"),
        (-0.5, 4, "-0.5"),
        (-0.0, 3, "0"),
        (131072.0, 3, "131,072"),
        (12345.6, 3, "12,300"),
        (0.0005, 3, "0.0005"),
        (2.2e-16, 1, "2·10⁻¹⁶"),
        (9.6e-13, 1, "10⁻¹²"),
        (-3.21e-5, 3, "-3.21·10⁻⁵"),
        (5.6392e10, 3, "5.64·10¹⁰"),
        (2.0**60, 3, "1.15·10¹⁸"),
    ],
)
def test_numbers_are_readable(value, digits, expected):
    assert readable(value, digits) == expected


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({"between": [-0.51, -0.49]}, "between -0.51 and -0.49"),
        ({"between": [0, 1.000000001]}, "between 0 and 1"),
        ({"between": [0.999999, 1.000000001]}, "1 within 10⁻⁶"),
        ({"between": [2, 2]}, "2"),
        ({"above": 1.1}, "at least 1.1"),
        ({"below": 1.0e-9}, "at most 10⁻⁹"),
        ({"value": 0.5, "rtol": 0.01}, "0.5 within 1 %"),
        ({"value": 0.6795, "atol": 0.0005}, "0.6795 within 0.0005"),
        ({"value": 3, "atol": 0}, "3"),
    ],
)
def test_a_predicted_range_is_in_words(parts, expected):
    assert Expectation(because="theory", key="x", **parts).predicted == expected


def test_words_stand_in_place_of_the_keys():
    order = Expectation(because="theory", order=("a", "b"))
    assert order.in_words({}) == order.in_full({}) == "`a`, `b`: increasing"
    assert order.in_words({"a": "loss of a"}) == "loss of a, `b`: increasing"
    told = replace(order, words="loss of a and of b")
    assert told.in_words({}) == "loss of a and of b: increasing"
    assert told.in_full({}) == "loss of a and of b: increasing (`a`, `b`)"


def test_words_change_no_hash_and_need_no_dated_line(tmp_path):
    expect = {"key": "x", "between": [0, 2], "because": "theory"}
    (plain,) = ledger(tmp_path)
    known = {"registered": {"date": "2026-01-01", "hash": plain.hash}}
    (told,) = ledger(tmp_path, expect=[expect | {"words": "loss of a"}], **known)
    assert told.hash == plain.hash
    assert told.expect[0].words == "loss of a"


def test_a_claim_on_a_study_has_the_words_of_its_contrasts(tmp_path):
    study = synthetic.finished(tmp_path)
    told = {"key": "a_over_b", "below": 1.0, "words": "loss of a over that of b"}
    with pytest.raises(ValueError, match="has the words of its contrasts"):
        synthetic.claim(study, told)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((0.33333,), "0.333"),
        ((1.10004,), "1.10004"),  # 1.1 would not contradict the prediction
        ((4.4e-14,), "4·10⁻¹⁴"),
        ((0.51234, 0.51244), "0.5123, 0.5124"),
        ((0.51234, 0.71244), "0.512, 0.712"),
    ],
)
def test_a_measured_value_has_the_digits_that_decide(tmp_path, values, expected):
    (claim,) = ledger(tmp_path)
    records = {f"x{k}": Record(value) for k, value in enumerate(values)}
    form = {"key": "x0", "below": 1.1} if len(values) == 1 else {"order": (*records,)}
    judged = Judgement(claim, "reproduced", records)
    assert claim_entry.values(Expectation(because="-", **form), judged) == expected


def test_an_error_and_its_interval_stand_beside_a_value(tmp_path):
    (claim,) = ledger(tmp_path)
    judged = Judgement(claim, "reproduced", {"x": Record(-2.003125, se=0.00546)})
    assert claim_entry.values(claim.expect[0], judged) == "-2 ± 0.0055"
    assert claim_entry._row(claim.expect[0], judged) == ["-2", "-2.014 to -1.992", "–"]

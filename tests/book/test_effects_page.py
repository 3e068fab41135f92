"""The page of all trained comparisons has each claim's comparisons once."""

import re
from collections import Counter

import pytest

from ssmbook.ledger.verdicts import judge
from ssmbook.pages import forest
from ssmbook.studies.parts import measured


@pytest.fixture(scope="module")
def trained(root):
    return measured(root)


@pytest.fixture(scope="module")
def page(root, ledger, trained):
    """The page's tables, without other claims, whose notebooks are not read."""
    on_study = [claim for claim in ledger if claim.measured_by]
    judged = judge(on_study, {}, {}, trained)
    return forest.part(root / "book" / "effects.yml", judged, trained)


@pytest.mark.slow
def test_each_comparison_is_there_once_for_each_claim(page, ledger, trained):
    expected = Counter()
    for claim in ledger:
        if claim.measured_by and trained[claim.measured_by].looks:
            contrasts = trained[claim.measured_by].study.contrasts
            expected.update(
                (forest.words(contrasts[key].label), claim.id) for key in {*claim.keys}
            )
    found = Counter()
    for row in re.findall(r"^\| (?!comparison )(.*) \|$", page, re.M):
        label, *_, verdicts = row.split(" | ")
        found.update((label, id) for id in re.findall(r"\{claim\}`([\w-]+)`", verdicts))
    assert expected
    assert found == expected


def test_each_ratio_is_drawn_and_in_words(page):
    rows = re.findall(r"^\| (?!comparison ).*$", page, re.M)
    drawn = [row for row in rows if "<svg" in row]
    text = r"\| [\d.,]+ \([\d.,]+ to [\d.,]+\) \| \d+ (seeds|tasks) \|"
    assert all(re.search(text, row) for row in drawn)
    kinds = {"circle": 0, 'class="beyond"': 0}
    for row in drawn:
        assert any(kind in row for kind in kinds)
    assert len(rows) > len(drawn) > 100


def test_no_row_is_in_the_wrong_order(page):
    for table in page.split("## ")[1:-1]:
        found = re.findall(r"\| ([+-]?[\d.,]+) \(", table)
        values = [float(value.replace(",", "")) for value in found]
        if "no ratio" not in table:
            assert values == sorted(values)

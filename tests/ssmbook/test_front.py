"""The front page's table and bars follow the chapters and the verdicts."""

from dataclasses import replace
from pathlib import Path

import pytest

from ssmbook.book import front
from ssmbook.book.chapters import Chapter
from ssmbook.book.ledger import load
from ssmbook.book.verdicts import Judgement
from tests.conftest import ROOT

CHAPTERS = {
    "one": Chapter("one", 1, "notebooks/part/one.ipynb", Path("one.ipynb")),
    "two": Chapter("two", 2, "notebooks/part/two.ipynb", Path("two.ipynb")),
}
FINDINGS = {
    "one": "It is {glue:text}`gap:.1f` wide. {claim}`wide`",
    "two": "It is not.\n{claim}`narrow`\n",
}


def test_a_row_a_chapter():
    table = front.contents(FINDINGS, CHAPTERS, {"one": "3", "two": "< 1"})
    *_, first, second, _ = table.splitlines()
    assert first == (
        "| 1. {doc}`../notebooks/part/one` | It is "
        "{glue:text}`../notebooks/part/one.ipynb::gap:.1f` wide. | {claim}`wide` | 3 |"
    )
    assert second.endswith("| It is not. | {claim}`narrow` | < 1 |")


def test_a_chapter_without_a_finding_is_named():
    with pytest.raises(ValueError, match="disagree on two"):
        front.contents({"one": "x"}, CHAPTERS, {})


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(None, "–"), (0, "< 1"), (59, "< 1"), (60, "1"), (61, "2"), (181, "4")],
)
def test_minutes_are_rounded_up(seconds, shown):
    assert front.minutes(seconds) == shown


def judged(*verdicts):
    claim = replace(load(ROOT)[0], paper="someone2020")
    return [
        Judgement(replace(claim, id=f"c{k}"), v, {}) for k, v in enumerate(verdicts)
    ]


def test_a_bar_counts_a_paper_s_verdicts():
    verdicts = judged("reproduced", "undecided", "reproduced")
    bar = front.with_bars("a\n<!-- verdicts of someone2020 -->\nb", verdicts)
    assert "3 claims on it" in bar
    assert "2 ✓ reproduced, 1 ? undecided." in bar
    assert bar.index('style="flex-grow:2">2<') < bar.index('style="flex-grow:1">1<')
    with pytest.raises(ValueError, match="nobody"):
        front.with_bars("<!-- verdicts of nobody -->", verdicts)

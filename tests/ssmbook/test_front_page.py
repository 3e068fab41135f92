"""The front page's table and bars follow the chapters and the verdicts."""

from pathlib import Path

import pytest

from ssmbook.notebook.chapters import Chapter
from ssmbook.pages import front_page

CHAPTERS = {
    "one": Chapter("one", 1, "notebooks/part/one.ipynb", Path("one.ipynb")),
    "two": Chapter("two", 2, "notebooks/part/two.ipynb", Path("two.ipynb")),
}
FINDINGS = {
    "one": "It is {glue:text}`gap:.1f` wide. {claim}`wide`",
    "two": "It is not.\n{claim}`narrow`\n",
}


def test_a_row_a_chapter():
    table = front_page.contents(FINDINGS, CHAPTERS, {"one": "3", "two": "< 1"})
    *_, first, second, _ = table.splitlines()
    assert first == (
        "| 1. {doc}`../notebooks/part/one` | It is "
        "{glue:text}`../notebooks/part/one.ipynb::gap:.1f` wide. | {claim}`wide` | 3 |"
    )
    assert second.endswith("| It is not. | {claim}`narrow` | < 1 |")


def test_a_chapter_without_a_finding_is_named():
    with pytest.raises(ValueError, match="disagree on two"):
        front_page.contents({"one": "x"}, CHAPTERS, {})


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(None, "–"), (0, "< 1"), (59, "< 1"), (60, "1"), (61, "2"), (181, "4")],
)
def test_minutes_are_rounded_up(seconds, shown):
    assert front_page.minutes(seconds) == shown


def test_a_bar_counts_a_paper_s_verdicts():
    trained = [("training", "undecided"), ("training", "reproduced")]
    bar = front_page.bar([("identity", "reproduced"), *trained])
    assert "Claims of this paper, 3 in all." in bar
    assert "- Identities and theorems, which test our code (1):" in bar
    assert "- Comparisons of trained models (2): 1 ? undecided, 1 ✓ reproduced." in bar
    assert bar.index('style="flex-grow:2">2<') < bar.index('style="flex-grow:1">1<')

"""Sentences neither repeat the words of a pasted effect nor contradict its sign."""

import re

import pytest

from ssmbook.notebook.executed import Executed
from tests.book.conftest import CHAPTERS
from tests.conftest import ROOT

# An effect is pasted as "1.24 times (...)" or with a sign, as "-0.47 (...)".
REPEATED = re.compile(r"\{effect\}`[^`]*`\s+times\b")
NEGATED = re.compile(r"\b(narrower|lower|smaller|less|fewer) by (only )?\{effect\}`")
PAGES = [*(ROOT / "book").glob("*.md"), *(ROOT / "book" / "claims").glob("*.yml")]


def found(text):
    return [m[0] for pattern in (REPEATED, NEGATED) for m in pattern.finditer(text)]


@pytest.mark.parametrize("slug", CHAPTERS)
def test_chapters(slug):
    cells = Executed.read(CHAPTERS[slug].path).node.cells
    text = "\n".join(c.source for c in cells if c.cell_type == "markdown")
    assert not found(text)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_pages_and_claims(page):
    assert not found(page.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "text", ["has {effect}`a` times the loss", "less by {effect}`b`"]
)
def test_both_are_seen(text):
    assert found(text)

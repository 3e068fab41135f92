"""Questions people ask: each line runs, prints what the page says, and has a source."""

import contextlib
import io
import re

import pytest

from tests.conftest import ROOT

PAGE = (ROOT / "book" / "questions-people-ask.md").read_text(encoding="utf-8")
_SETUP = re.search(r"```python\n(.*?)```", PAGE, re.S)[1]
_ENTRY = re.compile(
    r"^### ([^\n]+)\n\n(.*?)\n\nAsked in (.*?)\.\n\n"
    r"```python\n(.*?)```\n\n```text\n(.*?)```\n",
    re.M | re.S,
)
ENTRIES = _ENTRY.findall(PAGE)
#: threads that the page must answer
_ASKED = (
    "state-spaces/s4/issues/67",
    "state-spaces/s4/issues/76",
    "state-spaces/s4/issues/135",
    "state-spaces/mamba/issues/140",
    "state-spaces/mamba/issues/583",
    "state-spaces/mamba/pull/923",
    "MzeroMiko/VMamba/issues/217",
)
_UNIT = r"(?: ?%| GB| MB| tokens| times| steps)"
_NUMBER = re.compile(rf"(?<![\w$/#])-?\d[\d,]*(?:\.\d+{_UNIT}?|{_UNIT})")


def test_there_are_questions_and_each_is_whole():
    titles = re.findall(r"^### (.*)$", PAGE, re.M)
    assert len(titles) >= 25
    assert [entry[0] for entry in ENTRIES] == titles
    assert all(title.endswith("?") for title in titles)
    assert all(thread in PAGE for thread in _ASKED)


@pytest.mark.parametrize("entry", ENTRIES, ids=[e[0] for e in ENTRIES])
def test_an_answer_has_three_sentences_and_an_address(entry):
    _, answer, threads, code, _ = entry
    assert len(re.findall(r"[.?!](?=\s|$)", answer)) == 3
    address = r"\[([\w./-]+) #(\d+)\]\(https://github.com/\1/(issues|pull)/\2\)"
    assert re.sub(address, "", threads).strip(", \n") == ""
    assert len(code.splitlines()) <= 8


@pytest.fixture(scope="module")
def printed():
    """Of each entry what its lines print, in the order of the page."""
    names, found = {}, {}
    exec(_SETUP, names)
    for title, _, _, code, _ in ENTRIES:
        with contextlib.redirect_stdout(io.StringIO()) as said:
            exec(code, names)
        found[title] = said.getvalue()
    return found


def test_each_line_prints_what_the_page_shows(printed):
    assert printed == {title: shown for title, _, _, _, shown in ENTRIES}


@pytest.mark.parametrize("entry", ENTRIES, ids=[e[0] for e in ENTRIES])
def test_a_number_in_an_answer_is_computed_or_assumed_in_the_code(entry):
    """The code may write 16_384 where the answer has 16,384."""
    _, answer, _, code, shown = entry
    known = f"{_SETUP}{code}{shown}".replace("_", ",").replace("%", " %")
    for number in _NUMBER.findall(" ".join(answer.split())):
        bare = re.sub(rf"{_UNIT[:-1]})$", "", number)
        assert re.search(rf"(?<![\d.]){re.escape(bare)}(?![\d.]*\d)", known), number

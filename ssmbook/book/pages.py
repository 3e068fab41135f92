"""What pages are made of: verdicts' badges, the benchmarks."""

from __future__ import annotations

import csv
import re
from pathlib import Path

from ssmbook.book.verdicts import Judgement

#: by verdict: the colour of its badge, and a sign for those who do not see colours
_BADGES = {
    "reproduced": ("success", "✓"),
    "qualified": ("warning", "◐"),
    "undecided": ("info", "?"),
    "not reproduced": ("danger", "✗"),
    "not testable here": ("secondary", "–"),
    "not judged": ("secondary", "–"),
    "limits do not hold": ("danger", "✗"),
}
#: what a page calls a verdict, where it is not by its name
_WORDS = {"qualified": "holds up to a limit"}

CLAIM = re.compile(r"\{claim\}`([\w-]+)`")


def colour(verdict: str) -> str:
    """The name of a verdict's colour, as the theme has it."""
    return _BADGES[verdict][0]


def words(verdict: str) -> str:
    """A verdict as pages have it: a sign, and words."""
    return f"{_BADGES[verdict][1]} {_WORDS.get(verdict, verdict)}"


def badge(verdict: str, claim: str | None = None) -> str:
    """A verdict as a badge, linked to a claim's entry where one is given."""
    if claim is None:
        return f"{{bdg-{colour(verdict)}}}`{words(verdict)}`"
    return f"{{bdg-ref-{colour(verdict)}}}`{words(verdict)} <claim-{claim}>`"


def cited(text: str) -> list[str]:
    """The claims that a text names by the role `{claim}`."""
    return CLAIM.findall(text)


def with_verdicts(text: str, judged: list[Judgement]) -> str:
    """Text with each role `{claim}` replaced by this run's verdict, a linked badge.

    Raises ValueError for a claim that is not there.
    """
    verdicts = {j.claim.id: j.verdict for j in judged}

    def replaced(match: re.Match) -> str:
        if match[1] not in verdicts:
            raise ValueError(f"there is no claim {match[1]!r}")
        return badge(verdicts[match[1]], match[1])

    return CLAIM.sub(replaced, text)


def benchmarks_page(results: Path) -> str:
    """The Benchmarks page, Markdown, from benchmarks/results.csv."""
    lines = [
        "# Benchmarks",
        "",
        "Fast paths against plain references, forward and backward in float32, in one "
        "run: medians of interleaved repeats; memory is the peak above what the "
        "process held just before the call, each in a process of its own. Times belong "
        "to the machine named below; ratios travel better. `make bench` measures anew.",
        "",
    ]
    with results.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    with results.open(encoding="utf-8") as file:
        stamp = [line[1:].strip() for line in file if line.startswith("#")]
    header = list(rows[0])
    lines += ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    lines += ["| " + " | ".join(row.values()) + " |" for row in rows]
    lines += ["", "Measured on: " + "; ".join(stamp) + ".", ""]
    return "\n".join(lines)

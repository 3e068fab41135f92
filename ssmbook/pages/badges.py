"""How pages show a verdict: a badge with a color, a sign and words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

#: by verdict: the color of its badge, and a sign for readers who do not see colors
_BADGES = {
    "reproduced": ("success", "✓"),
    "qualified": ("warning", "◐"),
    "undecided": ("info", "?"),
    "not reproduced": ("danger", "✗"),
    "not testable here": ("secondary", "–"),
    "not judged": ("secondary", "–"),
    "limits do not hold": ("danger", "✗"),
    "open": ("secondary", "○"),
}
#: what a page calls a verdict, where it is not by its name
_WORDS = {"qualified": "holds up to a limit"}

#: what a page calls a kind of evidence
_EVIDENCE = {
    "identity": "Identities and theorems, which test our code",
    "measurement": "Measurements without training",
    "training": "Comparisons of trained models",
}

CLAIM = re.compile(r"\{claim\}`([\w-]+)`")


def color(verdict: str) -> str:
    """Return the name of a verdict's color in the theme."""
    return _BADGES[verdict][0]


def plain(verdict: str) -> str:
    """Return a verdict in the words of the pages."""
    return _WORDS.get(verdict, verdict)


def words(verdict: str) -> str:
    """Return a verdict as pages show it: a sign, and words."""
    return f"{_BADGES[verdict][1]} {plain(verdict)}"


def badge(verdict: str) -> str:
    """Return a verdict as a badge, Markdown."""
    return f"{{bdg-{color(verdict)}}}`{words(verdict)}`"


def cited(text: str) -> list[str]:
    """Return the claims that a text names by the role `{claim}`."""
    return CLAIM.findall(text)


def counts(claims: Sequence[tuple[str, str]]) -> list[str]:
    """Return a list, Markdown: how many claims have each kind of evidence and verdict.

    claims: of each its evidence and its verdict.
    """
    lines = []
    for evidence, about in _EVIDENCE.items():
        own = Counter(words(verdict) for kind, verdict in claims if kind == evidence)
        if own:
            said = ", ".join(f"{n} {verdict}" for verdict, n in own.most_common())
            lines.append(f"- {about} ({own.total()}): {said}.")
    return lines

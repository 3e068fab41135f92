"""The ledger as a graph: the claims that a claim requires, and what their fall means.

A claim may rest on others, which its field `requires` names. Its own records do not
repeat what those claims established. It is open if one of them falls, that is, if it
is neither reproduced nor qualified, or is open itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

#: how a claim is shown that rests on one that fell
OPEN = "open"
#: verdicts of a claim on which others may rest
HOLDS = ("reproduced", "qualified")
#: verdicts that say nothing of the claim; they are shown as they are
_NONE = ("not judged", "not testable here")

Requires = Mapping[str, Sequence[str]]


def check(requires: Requires, files: Mapping[str, str]) -> None:
    """Raise ValueError for a required claim that does not exist, and for a cycle.

    Args:
        requires: of each claim of the ledger, the claims that it requires.
        files: of each claim, the file of its entry.
    """
    for claim, needed in requires.items():
        place = f"{files[claim]}: claim {claim}"
        for name in needed:
            if name == claim:
                raise ValueError(f"{place}: requires names the claim itself")
            if name not in requires:
                raise ValueError(f"{place}: requires names {name}, which is no claim")
        if len(set(needed)) < len(needed):
            raise ValueError(f"{place}: requires names a claim twice: {[*needed]}")
    try:
        TopologicalSorter(requires).prepare()
    except CycleError as error:
        circle = error.args[1][::-1]  # each requires the next one
        raise ValueError(
            f"{files[circle[0]]}: claim {circle[0]}: requires leads back to the claim "
            f"itself: {' requires '.join(circle)}"
        ) from None


def shown(requires: Requires, verdicts: Mapping[str, str]) -> dict[str, str]:
    """Return the verdict that pages show of each claim.

    Args:
        requires: of each claim, the claims that it requires; without a cycle.
        verdicts: of each claim, the verdict of its own records.

    Returns:
        The verdict, or "open" if a claim that it requires fell.
    """
    found: dict[str, str] = {}
    for claim in TopologicalSorter(requires).static_order():
        own = verdicts[claim]
        falls = any(found[name] not in HOLDS for name in requires[claim])
        found[claim] = OPEN if falls and own not in _NONE else own
    return found

"""What the studies still need: parts that are missing, and seeds that would decide."""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from scipy import stats

from ssmbook.ledger.decision import LEVEL, Part
from ssmbook.ledger.entries import Claim
from ssmbook.ledger.trained import as_parts, outcomes
from ssmbook.studies.parts import Measured
from ssmbook.studies.student import p_value

POWER = 0.8
#: more draws than this are no plan
MOST = 10_000


@dataclass(frozen=True)
class Progress:
    """The parts of a design.

    Attributes:
        study: the name of the study.
        design: the name of the design.
        measured: how many seeds are measured.
        stated: how many seeds are stated.
        hours: core hours of the missing parts, from the seconds of the finished ones;
            None if none is finished.
    """

    study: str
    design: str
    measured: int
    stated: int
    hours: float | None


@dataclass(frozen=True)
class Need:
    """What would decide a claim that a complete study leaves undecided.

    Attributes:
        claim: the id of the claim.
        key: the contrast that decides last.
        n: seeds or tasks for a power of 80 % at the next look, if the effect is what
            was measured; None if no number decides.
    """

    claim: str
    key: str
    n: int | None


def progress(trained: Mapping[str, Measured]) -> list[Progress]:
    """Return the progress of each design of each study."""
    found = []
    for own, study in trained.items():
        for name, design in study.study.designs.items():
            done, left = study.parts[name], study.missing(name)
            seeds = study.count(name)
            hours: float | None = 0.0
            if left:
                each = sum(part.run.seconds for part in done) / seeds if seeds else None
                hours = each and each * sum(map(len, left)) / 3600
            found.append(Progress(own, name, seeds, len(design.all_seeds), hours))
    return found


def needs(ledger: Iterable[Claim], trained: Mapping[str, Measured]) -> list[Need]:
    """Return what each undecided claim on a complete study needs."""
    found = []
    for name, study in trained.items():
        own = [c for c in ledger if c.measured_by == name]
        if not own or not study.looks:
            continue
        decided, effects = outcomes(own, study)
        for claim in own:
            if decided[claim.id].verdict == "undecided":
                parts = as_parts(claim.predictions, effects)
                looks = study.looks + 1
                found.append(_need(claim.id, parts, effects, looks))
    return found


def _need(id: str, parts: Iterable[Part], effects: Mapping, looks: int) -> Need:
    """The largest number of draws that one of the parts needs."""
    wanted = [(draws(part, effects[part.key].n, looks), part.key) for part in parts]
    n, key = max(wanted, key=lambda pair: pair[0] or math.inf)
    return Need(id, key, n)


def draws(part: Part, n: int, looks: int = 1) -> int | None:
    """Return the draws for a power of 80 % if the effect is what was measured.

    Args:
        part: a measured quantity and its predicted range.
        n: from how many draws it was measured.
        looks: how often it will have been evaluated then.

    Returns:
        The number, as large for skewed draws as their interval makes it; None if it
        is larger than MOST.
    """
    apart = min((part.value - edge for edge in (part.low, part.high)), key=abs)
    if apart == 0:
        return None
    size, alpha = abs(apart) / (part.se * math.sqrt(n)), (1 - LEVEL) / looks
    power = float(stats.norm.ppf(POWER))

    def decides(m: int) -> bool:
        t = size * math.sqrt(m) - power
        freedom = m - 1 if part.freedom else 0
        return t > 0 and p_value(math.copysign(t, apart), freedom, part.skew) <= alpha

    found = bisect.bisect_left(range(MOST + 1), True, lo=2, key=decides)
    return found if found <= MOST else None

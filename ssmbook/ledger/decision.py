"""How measured parts decide claims.

A claim has parts. Each part is a measured quantity with a standard error and the range
that the claim predicts for it.

- A claim holds if every part lies inside its range. This is an intersection-union
  test: each part is tested at the full level, and no correction is needed inside the
  claim (Berger 1982).
- A claim fails if at least one part lies outside its range. The parts are corrected by
  Bonferroni, because each of them is a chance to fail.
- The claims of a chapter are corrected together by Holm's procedure (Holm 1979).

A claim that does neither is open. Each wrong decision of a true or a false claim has a
probability of at most half of 1 - LEVEL per side, over all claims of the chapter.

If seeds are added to a study after an evaluation, its claims are evaluated again on all
seeds. At the k-th look 1 - LEVEL is divided by k, so that with two looks a wrong
decision is at most one and a half times as probable as with one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from ssmbook.studies.student import p_value

LEVEL = 0.95


@dataclass(frozen=True)
class Part:
    """A measured quantity and the range that a claim predicts for it.

    Attributes:
        key: the name of its record.
        value: the estimate.
        se: its standard error; 0 for a quantity that is known exactly.
        freedom: degrees of freedom of the error; 0 for a normal distribution.
        low: lower end of the predicted range.
        high: upper end of the predicted range.
        skew: the skewness of the draws whose mean is the estimate.
    """

    key: str
    value: float
    se: float
    freedom: int
    low: float
    high: float
    skew: float = 0.0

    @property
    def inside(self) -> bool:
        """Whether the estimate lies in the predicted range."""
        return self.low <= self.value <= self.high

    @property
    def p(self) -> float:
        """The two-sided p-value of the end of the range that is more plausible."""
        if self.se == 0:
            return 0.0
        ts = ((self.value - edge) / self.se for edge in (self.low, self.high))
        return max(p_value(t, self.freedom, self.skew) for t in ts)


@dataclass(frozen=True)
class Decision:
    """What the parts of a claim say.

    Attributes:
        state: "holds", "fails" or "open".
        p: the p-value of the claim, of holding or of failing.
        level: the level at which the claim was tested, after Holm's correction.
        parts: the state of each part at that level.
    """

    state: str
    p: float
    level: float
    parts: tuple[str, ...]


def decide(claims: Mapping[str, Sequence[Part]], looks: int = 1) -> dict[str, Decision]:
    """Decide the claims of a chapter together.

    Args:
        claims: the parts of each claim, by the claim's id.
        looks: how often they are evaluated, with this time.

    Returns:
        The decision on each claim.

    Raises:
        ValueError: for a claim without parts, or if two claims have the same parts or
            one claim has a part twice: identical hypotheses count once.
    """
    _refuse_copies(claims)
    p = {id: _p_value(parts) for id, parts in claims.items()}
    left = sum(any(part.se for part in parts) for parts in claims.values())
    found = {}
    for id in sorted(claims, key=p.__getitem__):
        certain = not any(part.se for part in claims[id])
        alpha = (1 - LEVEL) / looks / (1 if certain else left)
        parts = claims[id]
        decided = p[id] <= alpha
        holds = all(part.inside for part in parts)
        state = ("holds" if holds else "fails") if decided else "open"
        own = tuple(_part_state(part, alpha, len(parts)) for part in parts)
        found[id] = Decision(state, p[id], 1 - alpha, own)
        left -= decided and not certain
    return {id: found[id] for id in claims}


def _p_value(parts: Sequence[Part]) -> float:
    """Of holding, if every part is inside; else of failing."""
    outside = [part.p for part in parts if not part.inside]
    if not outside:
        return max(part.p for part in parts)
    return min(1.0, len(parts) * min(outside))


def _part_state(part: Part, alpha: float, n: int) -> str:
    if part.inside:
        return "holds" if part.p <= alpha else "open"
    return "fails" if n * part.p <= alpha else "open"


def _refuse_copies(claims: Mapping[str, Sequence[Part]]) -> None:
    hypotheses = {}
    for id, parts in claims.items():
        if not parts:
            raise ValueError(f"claim {id} has no part")
        ranges = [(part.key, part.low, part.high) for part in parts]
        for own in ranges:
            if ranges.count(own) > 1:
                raise ValueError(f"claim {id} predicts `{own[0]}` twice")
        hypotheses[id] = set(ranges)
    for (a, first), (b, second) in combinations(hypotheses.items(), 2):
        if first == second:
            raise ValueError(f"claims {a} and {b} make the same prediction")

"""The intervals of several comparisons together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ssmlib import _checks
from ssmlib.statistics.estimate import Estimate


def holm(estimates: Sequence[Estimate], level: float = 0.95) -> list[Estimate]:
    """Set the interval of each of several comparisons by Holm's procedure.

    An interval excludes zero exactly if Holm rejects it: the probability that any of
    them excludes a true zero is at most 1 - level.

    Args:
        estimates: one per comparison.
        level: of all comparisons together, in (0, 1).

    Returns:
        The estimates in the same order, each at the level of its step.

    Raises:
        TypeError: if one of the estimates is not an `Estimate`.
        ValueError: for another level.

    Source: Holm 1979.
    """
    _checks.inside("level", level, 0, 1)
    if not isinstance(estimates, Sequence) or isinstance(estimates, str):
        kind = type(estimates).__name__
        raise TypeError(f"estimates must be a sequence of Estimate, got {kind}")
    for k, one in enumerate(estimates):
        if not isinstance(one, Estimate):
            kind = type(one).__name__
            raise TypeError(
                f"estimates must hold objects of Estimate, got {kind} at {k}"
            )
    order = sorted(range(len(estimates)), key=lambda k: estimates[k].p)
    found, left = list(estimates), len(estimates)
    for k in order:
        one = replace(estimates[k], level=1 - (1 - level) / left)
        found[k] = one
        if one.low > 0 or one.high < 0:
            left -= 1  # else all that follow are at this step's level
    return found

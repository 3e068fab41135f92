"""The bootstrap's standard error of any function of draws."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from scipy import stats

from ssmlib import _checks, _scale
from ssmlib.statistics.estimate import Estimate


def bootstrap(
    statistic: Callable[..., float], *draws: Sequence, level: float = 0.95
) -> Estimate:
    """Estimate a function of draws with the bootstrap's standard error.

    The error is the standard deviation over 400 resamples with replacement, always
    the same ones, times sqrt(n / (n - 1)), so that a mean's is its usual one.

    Args:
        statistic: takes the arrays and returns a finite number.
        draws: arrays (n, ...), n >= 3, that belong together draw by draw.
        level: of the interval, in (0, 1).

    Returns:
        The value and its error, with n - 1 degrees of freedom.

    Raises:
        TypeError: if a draw or a value of the statistic is not a real number.
        ValueError: for no arrays, fewer draws, arrays of different n, a value that
            is not finite, or another level.

    Source: Efron 1979.
    """
    arrays = [_checks.array("draws", own) for own in draws]
    sizes = [len(own) if own.ndim else 0 for own in arrays]
    if not sizes or min(sizes) < 3 or len(set(sizes)) > 1:
        raise ValueError(f"draws must be of one length n >= 3, got {sizes}")

    def value(chosen: np.ndarray) -> float:
        return _checks.number("statistic", statistic(*(own[chosen] for own in arrays)))

    n = sizes[0]
    with np.errstate(over="ignore"):  # in SciPy's own error, which is not used
        found = stats.bootstrap(
            (np.arange(n),),
            value,
            vectorized=False,
            n_resamples=400,
            method="basic",
            rng=np.random.default_rng(0),
        )
    samples = found.bootstrap_distribution
    samples = samples - _scale.offset(samples)
    shift = _scale.shift(samples)
    error = float(np.std(_scale.shifted(samples, shift), ddof=1))
    error = _scale.shifted(error, -shift) * math.sqrt(n / (n - 1))
    return Estimate(value(np.arange(n)), error, n - 1, level)


def moved(
    statistic: Callable[..., float], a: Sequence, b: Sequence, *, over: float = 1.0
) -> Estimate:
    """Estimate how far a statistic of draws moves from one set to a paired one.

    Args:
        statistic: as `bootstrap`, of one array.
        a: array (n, ...), n >= 3.
        b: array (n, ...), whose draws belong to those of a.
        over: divisor of the difference, not zero.

    Returns:
        (statistic(b) - statistic(a)) / over with its bootstrap error.

    Raises:
        TypeError: as `bootstrap`.
        ValueError: as `bootstrap`, or if over is zero.
    """
    if _checks.number("over", over) == 0:
        raise ValueError("over must not be zero")
    return bootstrap(lambda a, b: (statistic(b) - statistic(a)) / over, a, b)

"""How sure a figure is: means, paired differences, slopes, any function of draws.

Everything here returns a standard error beside the value, of draws that are
independent of each other, as seeds are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats


@dataclass(frozen=True)
class Estimate:
    """A value, its standard error, and the degrees of freedom that the error has.

    low, high: the ends of a two-sided interval of Student's t at `level`; for several
    comparisons, `holm`.
    """

    value: float
    se: float
    freedom: int
    level: float = 0.95

    @property
    def half(self) -> float:
        """Half the length of the interval."""
        return float(stats.t.ppf((1 + self.level) / 2, self.freedom)) * self.se

    @property
    def low(self) -> float:
        return self.value - self.half

    @property
    def high(self) -> float:
        return self.value + self.half

    @property
    def p(self) -> float:
        """The two-sided p-value of zero."""
        if self.se == 0:
            return float(self.value == 0)
        return float(2 * stats.t.sf(abs(self.value) / self.se, self.freedom))

    @property
    def se_of_se(self) -> float:
        """The standard error of `se` itself, for normal draws."""
        return self.se / math.sqrt(2 * self.freedom)

    @property
    def se_of_end(self) -> float:
        """The standard error of `low` and of `high`, for normal draws."""
        return math.hypot(self.se, self.half / math.sqrt(2 * self.freedom))


def _draws(name: str, values: Sequence[float], least: int) -> np.ndarray:
    draws = np.asarray(values, dtype=float)
    if draws.ndim != 1 or len(draws) < least:
        raise ValueError(
            f"{name} must be (n,) with n >= {least}, got shape {draws.shape}"
        )
    if not np.isfinite(draws).all():
        raise ValueError(f"{name} must be finite, got NaN or infinity")
    return draws


def mean(values: Sequence[float], *, level: float = 0.95) -> Estimate:
    """The mean of independent draws (n,), n >= 2, with its standard error.

    Raises ValueError for fewer, or values that are not finite.
    """
    draws = _draws("values", values, 2)
    error = float(draws.std(ddof=1)) / math.sqrt(len(draws))
    return Estimate(float(draws.mean()), error, len(draws) - 1, level)


def paired(a: Sequence[float], b: Sequence[float], *, level: float = 0.95) -> Estimate:
    """The mean difference a - b of draws (n,) that belong together, pair by pair.

    Raises ValueError as `mean`, or for a and b of different lengths.
    """
    a, b = _draws("a", a, 2), _draws("b", b, 2)
    if a.shape != b.shape:
        raise ValueError(f"a and b must be of one length, got {len(a)} and {len(b)}")
    return mean(a - b, level=level)


def count_error(count: int, n: int) -> float:
    """The standard error of a count out of n independent trials.

    sqrt(n p (1 - p)) at the posterior mean p = (count + 1/2) / (n + 1), so that it
    is not zero for none or all. Raises ValueError unless 0 <= count <= n.
    """
    if not 0 <= count <= n:
        raise ValueError(f"count must be in [0, {n}], got {count}")
    p = (count + 0.5) / (n + 1)
    return math.sqrt(n * p * (1 - p))


def slope(x: Sequence[float], y: Sequence[float]) -> Estimate:
    """The slope of y against x (n,) by least squares, with its standard error.

    n >= 3. Raises ValueError for fewer, values not finite, or x that are all alike.
    """
    x, y = _draws("x", x, 3), _draws("y", y, 3)
    if x.shape != y.shape or np.ptp(x) == 0:
        raise ValueError("x and y must be of one length, x not all alike")
    fit = stats.linregress(x, y)
    return Estimate(float(fit.slope), float(fit.stderr), len(x) - 2)


def log_log_slope(x: Sequence[float], y: Sequence[float]) -> Estimate:
    """The power p of y ~ x^p: the slope in logarithms; x and y positive.

    Raises ValueError as `slope`, or for a value that is not positive.
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if not ((x > 0).all() and (y > 0).all()):
        raise ValueError("x and y must be positive for a slope in logarithms")
    return slope(np.log(x), np.log(y))


def holm(estimates: Sequence[Estimate], level: float = 0.95) -> list[Estimate]:
    """Several comparisons, each at the level of its step in Holm's procedure.

    An interval leaves zero out exactly if Holm rejects it: the chance that any of
    them leaves out a true zero is at most 1 - level. Source: Holm 1979.
    """
    order = sorted(range(len(estimates)), key=lambda k: estimates[k].p)
    found, left = list(estimates), len(estimates)
    for k in order:
        one = replace(estimates[k], level=1 - (1 - level) / left)
        found[k] = one
        if one.low > 0 or one.high < 0:
            left -= 1  # else all that follow are at this step's level
    return found


def bootstrap(
    statistic: Callable[..., float], *draws: Sequence, level: float = 0.95
) -> Estimate:
    """A function of draws with the error that drawing them again, with return, gives.

    draws: arrays (n, ...), n >= 3, that belong together draw by draw; statistic takes
    them and returns a number. The error is that of 400 resamples, always the same
    ones, times sqrt(n / (n - 1)), so that a mean's is its usual one; n - 1 degrees of
    freedom. Source: Efron 1979. Raises ValueError for fewer draws, or arrays of
    different n.
    """
    arrays = [np.asarray(own, dtype=float) for own in draws]
    n = len(arrays[0])
    if n < 3 or {len(own) for own in arrays} != {n}:
        raise ValueError(
            f"draws must be of one length n >= 3, got {[len(own) for own in arrays]}"
        )
    found = stats.bootstrap(
        (np.arange(n),),
        lambda chosen: statistic(*(own[chosen] for own in arrays)),
        vectorized=False,
        n_resamples=400,
        method="basic",
        rng=np.random.default_rng(0),
    )
    error = float(found.standard_error) * math.sqrt(n / (n - 1))
    return Estimate(float(statistic(*arrays)), error, n - 1, level)

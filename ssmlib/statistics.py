"""Estimates with standard errors: means, differences, slopes, any function of draws.

Every standard error is that of draws that are independent of each other, as seeds are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import stats
from torch import Tensor

from ssmlib import _checks, _scale

#: real numbers, as a list or an array
Numbers = Sequence[float] | np.ndarray


@dataclass(frozen=True)
class Estimate:
    """A value with its standard error.

    Attributes:
        value: the estimate.
        se: its standard error, at least 0.
        freedom: the degrees of freedom that the error has.
        level: of the two-sided interval of Student's t between `low` and `high`; for
            several comparisons, `holm`.
    """

    value: float
    se: float
    freedom: int
    level: float = 0.95

    def __post_init__(self):
        freedom = _checks.integer("freedom", self.freedom)
        _checks.number("freedom", freedom)
        numbers = {
            "value": _checks.number("value", self.value),
            "se": _checks.not_negative("se", self.se),
            "freedom": freedom,
            "level": _checks.inside("level", self.level, 0, 1),
        }
        for name, number in numbers.items():  # of Python, whatever was given
            object.__setattr__(self, name, number)

    @property
    def half(self) -> float:
        """Return half the length of the interval."""
        # (1 + level) / 2 would be 1 for the highest levels.
        upper = stats.t.isf((1 - self.level) / 2, float(self.freedom))
        return float(upper) * self.se

    @property
    def low(self) -> float:
        """Return the lower end of the interval."""
        return self.value - self.half

    @property
    def high(self) -> float:
        """Return the upper end of the interval."""
        return self.value + self.half

    @property
    def p(self) -> float:
        """Return the two-sided p-value of zero."""
        if self.se == 0:
            return float(self.value == 0)
        return float(2 * stats.t.sf(abs(self.value) / self.se, float(self.freedom)))

    @property
    def se_of_se(self) -> float:
        """Return the standard error of `se` itself, for normal draws."""
        return self.se / math.sqrt(2 * self.freedom)

    @property
    def se_of_end(self) -> float:
        """Return the standard error of `low` and of `high`, for normal draws."""
        return math.hypot(self.se, self.half / math.sqrt(2 * self.freedom))


def _draws(name: str, values: Numbers, least: int) -> np.ndarray:
    draws = _checks.array(name, values)
    if draws.ndim != 1 or len(draws) < least:
        raise ValueError(
            f"{name} must be (n,) with n >= {least}, got shape {draws.shape}"
        )
    if not np.isfinite(draws).all():
        raise ValueError(f"{name} must be finite, got NaN or infinity")
    return draws


def mean(values: Numbers, *, level: float = 0.95) -> Estimate:
    """Estimate the mean of independent draws.

    The interval is for draws that are not strongly skewed. It contains the true mean in
    95 % of samples of normal draws, in 90 % of samples of 10 exponential ones.

    Args:
        values: (n,) real numbers, n >= 2.
        level: of the interval, in (0, 1).

    Returns:
        The mean and its standard error, with n - 1 degrees of freedom.

    Raises:
        TypeError: if a value is not a real number.
        ValueError: for fewer draws, values that are not finite, or another level.
    """
    draws = _draws("values", values, 2)
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
    a, b = _draws("a", a, 2), _draws("b", b, 2)
    if a.shape != b.shape:
        raise ValueError(f"a and b must be of one length, got {len(a)} and {len(b)}")
    with np.errstate(over="ignore"):  # refused by name
        return mean(_draws("a - b", a - b, 2), level=level)


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


def _unit(values: np.ndarray) -> float:
    """Return the power of two near the largest of several values."""
    return math.ldexp(1.0, math.frexp(_scale.largest(values))[1])


def slope(x: Numbers, y: Numbers) -> Estimate:
    """Fit the slope of y against x by least squares.

    Args:
        x: (n,) real numbers, n >= 3.
        y: (n,) real numbers.

    Returns:
        The slope and its standard error, with n - 2 degrees of freedom.

    Raises:
        TypeError: if a value is not a real number.
        ValueError: for fewer points, values that are not finite, x that are all equal,
            or a slope outside float64's range.
    """
    x, y = _draws("x", x, 3), _draws("y", y, 3)
    if x.shape != y.shape or (x == x[0]).all():
        raise ValueError("x and y must be of one length, x not all equal")
    if (y == y[0]).all():
        return Estimate(0.0, 0.0, len(x) - 2)
    x, y = x - _scale.offset(x), y - _scale.offset(y)
    by_x, by_y = _scale.shift(x), _scale.shift(y)
    x, y = _scale.shifted(x, by_x), _scale.shifted(y, by_y)
    # The error comes from a product of both sums of squares: both near 1.
    unit_x, unit_y = (_unit(v) if by else 1.0 for v, by in ((x, by_x), (y, by_y)))
    fit: Any = stats.linregress(x / unit_x, y / unit_y)
    unit = unit_y / unit_x
    value, error = (
        _scale.restored(f"the {name} of y against x", float(found) * unit, by_y, -by_x)
        for name, found in (("slope", fit.slope), ("slope's error", fit.stderr))
    )
    return Estimate(value, error, len(x) - 2)


def log_log_slope(x: Numbers, y: Numbers) -> Estimate:
    """Fit the power p of y ~ x^p: the slope in logarithms.

    Args:
        x: (n,) positive numbers, n >= 3.
        y: (n,) positive numbers.

    Returns:
        As `slope`.

    Raises:
        TypeError: as `slope`.
        ValueError: as `slope`, or for a value that is not positive.
    """
    x, y = _draws("x", x, 3), _draws("y", y, 3)
    if not ((x > 0).all() and (y > 0).all()):
        raise ValueError("x and y must be positive for a slope in logarithms")
    return slope(np.log(x), np.log(y))


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


def _wide(name: str, values: Tensor | np.ndarray) -> np.ndarray:
    """Finite numbers, real or complex, in double precision."""
    if isinstance(values, Tensor) and values.is_complex():
        found = _checks.as_numpy(_checks.dense(name, values)).astype(complex)
    elif not isinstance(values, Tensor) and np.iscomplexobj(values):
        found = np.asarray(values, dtype=complex)
    else:
        found = _checks.array(name, values)
    if not found.size:
        raise ValueError(f"{name} must hold at least one number, got {found.shape}")
    if not np.isfinite(found).all():
        raise ValueError(f"{name} must be finite, got NaN or infinity")
    return found


def largest_gap(found: Tensor | np.ndarray, exact: Tensor | np.ndarray) -> float:
    """Return the largest difference of two results, relative to the largest value.

    Args:
        found: numbers of any shape, real or complex, in any dtype.
        exact: of the same shape, not zero throughout.

    Returns:
        The largest absolute difference over the largest absolute value of exact, both
        in double precision.

    Raises:
        TypeError: if one holds something else than numbers.
        ValueError: for different shapes, no numbers, numbers that are not finite, or if
            exact is zero throughout.
    """
    found, exact = _wide("found", found), _wide("exact", exact)
    if found.shape != exact.shape:
        raise ValueError(
            f"found must have the shape {tuple(exact.shape)} of exact, got "
            f"{tuple(found.shape)}"
        )
    if not exact.any():
        raise ValueError("exact must not be zero throughout")
    shift = _scale.shift(np.abs(exact))
    found, exact = _scale.shifted(found, shift), _scale.shifted(exact, shift)
    with np.errstate(over="ignore"):  # then the result is infinite
        return float(np.abs(found - exact).max() / np.abs(exact).max())

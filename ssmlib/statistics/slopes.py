"""The slope of one variable against another, also in logarithms."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import stats

from ssmlib import _scale
from ssmlib.statistics._draws import Numbers, checked
from ssmlib.statistics.estimate import Estimate


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
    x, y = checked("x", x, 3), checked("y", y, 3)
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
    x, y = checked("x", x, 3), checked("y", y, 3)
    if not ((x > 0).all() and (y > 0).all()):
        raise ValueError("x and y must be positive for a slope in logarithms")
    return slope(np.log(x), np.log(y))


def _unit(values: np.ndarray) -> float:
    """Return the power of two near the largest of several values."""
    return math.ldexp(1.0, math.frexp(_scale.largest(values))[1])

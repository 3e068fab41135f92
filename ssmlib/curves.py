"""The minimum of a curve of losses, its width, and the cost of other places.

A curve is (k,) losses over a grid x (k,), rising; curves are (n, k), one per draw. Each
function uses the mean of the curves, so that `statistics.bootstrap` gives its error.
Losses that are not finite (a model that diverged) count as larger than any other. Take
logarithms first: differences are then shares of a loss.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence

import numpy as np
from scipy.optimize import nnls

from ssmlib import _checks, _scale

#: real numbers, as a list or an array
Numbers = Sequence[float] | np.ndarray
#: one curve, or one per row
Curves = Sequence | np.ndarray

#: how far above its least value a curve is taken to be convex
NEAR = 1.0
#: how many times `NEAR` above it a point is taken to be larger than any other
_FAR = 1e6
#: a height above all that is not larger than any other; times `_FAR`, it is a number
_MOST = 1e300


def _mean(x: Numbers, curves: Curves) -> tuple[np.ndarray, np.ndarray, int, int]:
    """Return x (k,) and the mean curve (k,), over powers of two, and the two powers."""
    x, curves = _checks.array("x", x), np.atleast_2d(_checks.array("curves", curves))
    if curves.ndim != 2 or x.shape != curves.shape[1:] or len(x) < 3:
        raise ValueError(
            "curves must be (n, k) or (k,) for x (k,), k >= 3, got "
            f"{curves.shape} and {x.shape}"
        )
    if not np.isfinite(x).all():
        raise ValueError("x must be finite, got NaN or infinity")
    if not (x[1:] > x[:-1]).all():  # a difference may overflow
        raise ValueError("x must rise")
    finite = np.isfinite(curves).all(0) & bool(len(curves))
    if not finite.any():
        raise ValueError("curves must be finite at some x")
    # Only differences of losses count. The low ones decide how accurate they must be.
    low = curves[:, finite][curves[:, finite] <= np.median(curves[:, finite])]
    with np.errstate(over="ignore"):
        curves = curves - _scale.offset(low)
    of_x = _power(np.abs(x).max())
    of_y = _power(np.median(np.abs(curves[:, finite]).max(0)))
    mean = np.full(len(x), np.inf)
    with np.errstate(over="ignore"):  # then it is larger than any other
        mean[finite] = np.ldexp(curves[:, finite], -of_y).mean(0)
    return np.ldexp(x, -of_x), mean, of_x, of_y


def _power(size: float) -> int:
    """The power of two of a size that is far from 1, else 0."""
    power = math.frexp(size)[1]
    return power if abs(power) > 100 else 0


def _over(value: float, power: int) -> float:
    """A finite value over a power of two, or a larger number than any of a curve."""
    with np.errstate(over="ignore"):
        return min(float(np.ldexp(value, -power)), _MOST)


def _restored(name: str, value: float, power: int) -> float:
    try:
        return math.ldexp(value, power)
    except OverflowError:
        raise ValueError(
            f"{name} must be within float64's range, up to {sys.float_info.max:.3g}: "
            "scale the curves"
        ) from None


def minimum(x: Numbers, curves: Curves, width: float) -> float:
    """Locate the minimum of the mean curve as the vertex of a parabola.

    The parabola is fitted by least squares to the points at most `width` from the
    lowest one, at least three. If it has no vertex or one outside these points, the
    result is the end of these points at which the parabola is lower, the first one if
    it is equal at both.

    Args:
        x: (k,) finite numbers, rising, k >= 3.
        curves: (n, k) or (k,); where one is not finite, the mean is infinite.
        width: at least 0, in units of x.

    Raises:
        TypeError: if a value is not a real number.
        ValueError: for other shapes, x that do not rise, a negative width, or curves
            that are finite nowhere.
    """
    x, y, of_x, _ = _mean(x, curves)
    width = _checks.not_negative("width", width)
    apart = np.abs(x - x[y.argmin()])
    reach = max(_over(width, of_x), np.sort(apart)[2])
    near = (apart <= reach) & np.isfinite(y)
    x, y = x[near], y[near]
    if len(x) < 3 or y.min() == y.max():
        return math.ldexp(x[y.argmin()], of_x)
    middle = x.mean()
    bend, tilt, _ = np.polyfit(x - middle, y, 2)
    if bend > 0:
        vertex = middle - tilt / (2 * bend)
    else:  # of the two ends, by the mean slope between them
        slope = tilt + bend * (x[0] - middle + x[-1] - middle)
        vertex = x[-1] if slope < 0 else x[0]
    return math.ldexp(np.clip(vertex, x[0], x[-1]), of_x)


def cost(x: Numbers, curves: Curves, at: float) -> float:
    """Return how far the mean curve lies above its lowest value.

    Args:
        x: as `minimum`.
        curves: as `minimum`; they are made convex as in `edges`.
        at: in the range of x.

    Returns:
        The difference, in units of the curves.

    Raises:
        TypeError: as `minimum`.
        ValueError: as `minimum`, or for a value outside the range of x.
    """
    x, y, of_x, of_y = _mean(x, curves)
    y = _convex(x, y, _over(NEAR, of_y))
    at_unit = _over(_checks.number("at", at), of_x)
    if not x[0] <= at_unit <= x[-1]:
        low, high = (math.ldexp(end, of_x) for end in (x[0], x[-1]))
        raise ValueError(f"at must be in [{low:g}, {high:g}], got {at:g}")
    return _restored("the cost", np.interp(at_unit, x, y) - y.min(), of_y)


def edges(x: Numbers, curves: Curves, rise: float) -> tuple[float, float]:
    """Return the smallest and largest x where the mean curve is low.

    The mean curve is replaced by the convex curve nearest to it, by least squares, as
    far as it rises by 1 on each side: changes within a flat part are noise, and would
    make the edge jump. Between points it is linear.

    Args:
        x: as `minimum`.
        curves: as `minimum`.
        rise: how far above its lowest value the curve counts as low, at least 0.

    Returns:
        The two ends. An end of x says that the curve is still low there.

    Raises:
        TypeError: as `minimum`.
        ValueError: as `minimum`, or for a negative rise.
    """
    x, y, of_x, of_y = _mean(x, curves)
    rise = _checks.not_negative("rise", rise)
    y = _convex(x, y, _over(NEAR, of_y))
    rise = _over(rise, of_y)
    low = _first(x, y - y.min(), rise)
    high = -_first(-x[::-1], (y - y.min())[::-1], rise)
    return math.ldexp(low, of_x), math.ldexp(high, of_x)


def ceiling(x: Sequence[float], curves: Sequence, factor: float = 1.05) -> float:
    """Return the largest x where the loss is within a factor of its lowest value.

    Args:
        x: as `minimum`.
        curves: as `minimum`, natural logarithms of losses.
        factor: at least 1.

    Returns:
        The second result of `edges` for the threshold log(factor).

    Raises:
        TypeError: as `edges`.
        ValueError: as `edges`, or for a factor below 1.
    """
    if _checks.number("factor", factor) < 1:
        raise ValueError(f"factor must be at least 1, got {factor}")
    return edges(x, curves, math.log(factor))[1]


def _convex(x: np.ndarray, y: np.ndarray, near: float = NEAR) -> np.ndarray:
    """Return y with the nearest convex curve around its lowest value."""
    low, high = _run(y <= y.min() + near, int(y.argmin()))
    # A point far above is no constraint, and costs the others their digits.
    low, high = _run(
        y <= y.min() + _FAR * near, int(y.argmin()), max(0, low - 1), high + 1
    )
    x, found = x[low:high], y.copy()
    line = np.column_stack([np.ones_like(x), x - x[0]])
    bends = np.maximum(0, x[:, None] - x[None, 1:-1])
    basis = np.column_stack([line, -line, bends])  # all with coefficients >= 0
    found[low:high] = basis @ nnls(basis, y[low:high])[0]
    return found


def _run(
    good: np.ndarray, k: int, low: int = 0, high: int | None = None
) -> tuple[int, int]:
    """Return the slice of neighbors of k that are all good, within [low, high)."""
    first = last = k
    high = len(good) if high is None else min(high, len(good))
    while first > low and good[first - 1]:
        first -= 1
    while last + 1 < high and good[last + 1]:
        last += 1
    return first, last + 1


def _first(x: np.ndarray, y: np.ndarray, rise: float) -> float:
    """The first x at which y comes down to `rise`."""
    k = int((y <= rise).argmax())
    if k == 0 or not np.isfinite(y[k - 1]):
        return float(x[k])
    share = (y[k - 1] - rise) / (y[k - 1] - y[k])
    return float(x[k - 1] + share * (x[k] - x[k - 1]))

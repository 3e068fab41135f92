"""What a curve of losses says: where it is least, how wide, what it costs elsewhere.

A curve is (k,) losses over a grid x (k,), rising; curves are (n, k), one a draw. Each
function takes the curves' mean, so that `statistics.bootstrap` gives its error.
Losses that are not finite (a model that diverged) are larger than any other. Take
logarithms first: differences are then shares of a loss.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import nnls

#: how far above its least value a curve is taken to be convex
NEAR = 1.0


def _mean(x: Sequence[float], curves: Sequence) -> tuple[np.ndarray, np.ndarray]:
    """(x (k,), the mean curve (k,))."""
    x, curves = np.asarray(x, dtype=float), np.atleast_2d(np.asarray(curves, float))
    if curves.ndim != 2 or x.shape != curves.shape[1:] or len(x) < 3:
        raise ValueError(
            "curves must be (n, k) or (k,) for x (k,), k >= 3, got "
            f"{curves.shape} and {x.shape}"
        )
    if not (np.diff(x) > 0).all():
        raise ValueError("x must rise")
    mean = np.where(np.isfinite(curves).all(0), curves.mean(0), np.inf)
    if not np.isfinite(mean).any():
        raise ValueError("curves must be finite at some x")
    return x, mean


def minimum(x: Sequence[float], curves: Sequence, width: float) -> float:
    """Where the mean curve is least: the vertex of a parabola, by least squares.

    It is fitted to the points at most `width` from the least one, at least three. A
    vertex outside these, or a parabola without one, is their end that lies lower.
    """
    x, y = _mean(x, curves)
    apart = np.abs(x - x[y.argmin()])
    near = (apart <= max(width, np.sort(apart)[2])) & np.isfinite(y)
    x, y = x[near], y[near]
    if len(x) < 3:
        return float(x[y.argmin()])
    middle = x.mean()
    bend, tilt, _ = np.polyfit(x - middle, y, 2)
    vertex = middle - tilt / (2 * bend) if bend > 0 else -np.sign(tilt) * np.inf
    return float(np.clip(vertex, x[0], x[-1]))


def cost(x: Sequence[float], curves: Sequence, at: float) -> float:
    """The mean curve at `at` less its least value, of the curve that `edges` reads."""
    x, y = _mean(x, curves)
    y = _convex(x, y)
    if not x[0] <= at <= x[-1]:
        raise ValueError(f"at must be in [{x[0]:g}, {x[-1]:g}], got {at:g}")
    return float(np.interp(at, x, y) - y.min())


def edges(x: Sequence[float], curves: Sequence, rise: float) -> tuple[float, float]:
    """The smallest and the largest x at most `rise` above the mean curve's least value.

    Of the convex curve nearest to it, by least squares, as far as it rises by 1 on
    each side: what goes up and down on a flat part is noise, and would make the edge
    jump. Between points it is linear. An end of x says: as far as was looked.
    """
    x, y = _mean(x, curves)
    y = _convex(x, y)
    low = _first(x, y - y.min(), rise)
    high = -_first(-x[::-1], (y - y.min())[::-1], rise)
    return low, high


def _convex(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """y with the nearest convex curve around its least value."""
    low, high = _run(y <= y.min() + NEAR, int(y.argmin()))
    low, high = _run(np.isfinite(y), int(y.argmin()), max(0, low - 1), high + 1)
    x, found = x[low:high], y.copy()
    line = np.column_stack([np.ones_like(x), x - x[0]])
    bends = np.maximum(0, x[:, None] - x[None, 1:-1])
    basis = np.column_stack([line, -line, bends])  # all with coefficients >= 0
    found[low:high] = basis @ nnls(basis, y[low:high])[0]
    return found


def _run(
    good: np.ndarray, k: int, low: int = 0, high: int | None = None
) -> tuple[int, int]:
    """The slice of neighbours of k that are all good, within [low, high)."""
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

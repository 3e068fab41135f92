"""Find signs in data that a recommendation made from them should not be trusted.

The thresholds are our choices. They are far from what stationary series of short
memory, independent sequences and data without gaps give.
"""

from __future__ import annotations

import math

import numpy as np
from torch import Tensor

from ssmlib import _checks

# Share of variance of a straight line; fewest independent values; ratio of the
# mean absolute deviations of two halves; correlation of neighboring sequences.
_LINE, _INDEPENDENT, _SPREAD, _NEIGHBORS = 0.1, 12.0, 2.0, 0.3
# Fill values that instruments, NetCDF and spreadsheets write where a value is missing.
_CODES = (
    *(sign * v for v in (99.0, 999.0, 9999.0, 99999.0, 999999.0) for sign in (-1, 1)),
    *(
        -99.9,
        -999.9,
        -9999.9,
        -99.99,
        -999.99,
        -999.25,
        999.9,
        9999.9,
        -888.0,
        -8888.0,
        -77.0,
        -777.0,
    ),
    *(-32768.0, 32767.0, 65535.0, -2147483648.0, 2147483647.0),
    *(1e20, -1e20, 1e30, -1e30, 1e34, -1e34, 1e35, -1e35, 9.969209968386869e36),
)
_ROUNDING = 1e-6  # of a code in float32, relative
# For a few values at an end: ranges of all other values between the two, values that
# may differ at one end, and different values that the others must then have.
_FAR, _FEW, _OTHERS = 3.0, 3, 10
# For any values: two distances from the median, in units of the distance that 90 % of
# the values do not exceed, and the share of the mean square around the median.
_TAIL, _BEYOND, _SQUARES = 4.0, 12.0, 0.2


def of_series(
    series: np.ndarray, variance: float, a: np.ndarray, scale: float
) -> tuple[str, ...]:
    """Return signs that a series is not stationary over its length.

    Args:
        series: (T,) of mean 0.
        variance: its mean square.
        a: (p,) coefficients of the autoregression that is fitted to it.
        scale: standard deviation of the autoregression's noise.

    Returns:
        One sentence per sign; none for a stationary series of short memory.
    """
    T = len(series)
    powers = np.vander(np.linspace(-1, 1, T), 4, increasing=True)  # (T, 4)
    along, gram = powers.T @ series, powers.T @ powers
    line = along[1] ** 2 / gram[1, 1] / (T * variance)
    cubic = along @ np.linalg.lstsq(gram, along, rcond=None)[0] / (T * variance)
    found = []
    if line > max(_LINE, _INDEPENDENT / T):
        what, share = "straight line", line
    elif cubic > 2 * max(_LINE, _INDEPENDENT / T):
        what, share = "cubic curve", cubic
    else:
        what, share = "", 0.0
    if what:
        found.append(
            f"A {what} explains {share:.0%} of the variance. If this is a "
            "trend, the interval is too narrow: subtract the trend, or take "
            "differences, if your model will see the data so."
        )
    memory = (scale / (1 - a.sum())) ** 2 / variance  # steps per independent value
    if T < _INDEPENDENT * memory:
        found.append(
            f"The values change so slowly that {T:,} steps hold only about "
            f"{max(1, round(T / memory))} independent values, as a random walk does. "
            "The interval is then not reliable: a longer record, or differences, "
            "would help."
        )
    # Absolute values, since a few large ones would decide on a standard deviation.
    halves = [float(np.abs(half).mean()) for half in np.array_split(series, 2)]
    ratio = max(halves) / max(min(halves), 1e-300)
    if ratio > _SPREAD and T >= 32:
        found.append(
            "The mean absolute deviation differs between the two halves by a factor of "
            f"{ratio:.3g}: the series is not stationary, and the interval is not "
            "reliable."
        )
    return tuple(found)


def of_sequences(x: Tensor) -> tuple[str, ...]:
    """Return a sign that sequences (n, L) are not independent, as a sentence."""
    centered = x - x.mean(0)
    square = float(centered.square().sum())
    same = square <= 1e-24 * float(x.square().sum())
    different = 1 if same else _different(_checks.as_numpy(x))
    if different <= len(x) / 2:
        return (
            f"Only {different:,} of {len(x):,} sequences differ, and the others are "
            "copies of them. Copies are not independent, and the interval is too "
            "narrow. Give each sequence once.",
        )
    alike = float((centered[1:] * centered[:-1]).sum()) / square
    if alike <= max(_NEIGHBORS, 4 / math.sqrt(len(x))):
        return ()
    return (
        f"Consecutive sequences correlate with coefficient {alike:.2f}, so they are "
        "not independent and the interval is too narrow. Overlapping windows, or the "
        "columns of a table that was recorded over time, should be given as one "
        "series.",
    )


def _different(x: np.ndarray) -> int:
    """Count the different rows (n, L); all, where chance may have made them equal."""
    n, L = x.shape
    if L * math.log(len(np.unique(x))) <= 2 * math.log(n):
        return n
    return len({row.tobytes() for row in x + 0.0})  # no negative zero


def of_values(x: Tensor) -> tuple[str, ...]:
    """Return signs that some values stand for missing ones, or are errors.

    Args:
        x: (T,) or (n, L), finite, of any scale.

    Returns:
        One sentence per value, or per group of many different values, with the value,
        the count and the first position.
    """
    values = _checks.as_numpy(x.double())
    others, outer = _without_codes(values.ravel())
    # Many errors could hide each other: first those that are far from the median.
    near = others[~_remote(others)]
    while len(near) and (ends := _ends(near)) != (near.min(), near.max()):
        near = near[(near >= ends[0]) & (near <= ends[1])]
    if not len(near):
        return ()
    low, high = float(near.min()), float(near.max())
    inner = [c for c in _CODES if np.any(_equal(others, c)) and not low <= c <= high]
    found, rest = [], (values < low) | (values > high)
    for code in dict.fromkeys((*outer, *inner)):
        where = _equal(values, code)
        rest &= ~where
        # Quarters, since a difference of the largest numbers overflows.
        beyond = max(code / 4 - high / 4, low / 4 - code / 4)
        if beyond > high / 4 - low / 4 or (code < 0 <= low) or code in inner:
            what = "a code for a missing value"
            found.append(_sentence(code, where, low, high, what))
    different = np.unique(values[rest])
    if len(different) > _FEW:
        return (*found, _summary(values, rest, low, high))
    errors = [_sentence(v, values == v, low, high, "an error") for v in different]
    return (*found, *errors)


def _without_codes(values: np.ndarray) -> tuple[np.ndarray, list[float]]:
    """The values (T,) without each code that is the lowest or the highest of them."""
    known: list[float] = []
    while len(values):
        ends = np.array([values.min(), values.max()])
        code = next((c for c in _CODES if _equal(ends, c).any()), None)
        if code is None:
            break
        known.append(code)
        values = values[~_equal(values, code)]
    return values, known


def _remote(values: np.ndarray) -> np.ndarray:
    """Where values (T,) are far from the median and decide on the mean square."""
    if not len(values):
        return np.zeros(0, dtype=bool)
    unit = np.abs(values).max() or 1.0  # squares of extreme values must be numbers
    distance = np.abs(values / unit - np.median(values / unit))
    # Dry days among rain are no measure of how far rain spreads.
    spread = distance[distance > 0]
    if not len(spread):
        return np.zeros(len(values), dtype=bool)
    size = np.quantile(spread, 0.9)
    far = distance > _BEYOND * size
    share = np.square(distance[far]).sum() / np.square(distance).sum()
    # A distribution with a heavy tail has more values between than beyond.
    between = np.count_nonzero(distance > _TAIL * size) - np.count_nonzero(far)
    if share <= _SQUARES or between >= np.count_nonzero(far):
        return np.zeros(len(values), dtype=bool)
    return far


def _ends(values: np.ndarray) -> tuple[float, float]:
    """The range of values (T,) without a few different ones at an end, far from it."""
    lows, highs = [values.min()], [values.max()]
    for _ in range(_FEW):
        lows.append(values[values > lows[-1]].min(initial=highs[0]))
        highs.append(values[values < highs[-1]].max(initial=lows[0]))
    pairs = [(i, j) for i in range(_FEW + 1) for j in range(_FEW + 1) if i or j]
    for i, j in sorted(pairs, key=sum):
        low, high = lows[i], highs[j]
        if high <= low:
            continue
        gaps = [low / 4 - lows[i - 1] / 4] * (i > 0)
        gaps += [highs[j - 1] / 4 - high / 4] * (j > 0)
        if min(gaps) / _FAR <= high / 4 - low / 4:
            continue
        inside = values[(values >= low) & (values <= high)]
        if i + j == 1 or (
            len(inside) > len(values) / 2 and len(np.unique(inside)) >= _OTHERS
        ):
            return low, high
    return lows[0], highs[0]


def _equal(values: np.ndarray, code: float) -> np.ndarray:
    return np.abs(values - code) <= _ROUNDING * abs(code)


def _place(where: np.ndarray) -> str:
    at = [int(k) + 1 for k in np.argwhere(where)[0]]
    if len(at) == 1:
        return f"value {at[0]:,}"
    return f"sequence {at[0]:,}, step {at[1]:,}"


def _sentence(
    value: float, where: np.ndarray, low: float, high: float, what: str
) -> str:
    count = int(where.sum())
    times = "once" if count == 1 else f"{count:,} times, first"
    return (
        f"{value:.10g} occurs {times} at {_place(where)}, far from the other values "
        f"({low:.4g} to {high:.4g}). It looks like {what}. A single such value can "
        "change dt by orders of magnitude. Fill it or cut it, then ask again."
    )


def _summary(values: np.ndarray, where: np.ndarray, low: float, high: float) -> str:
    far = values[where]
    return (
        f"{len(far):,} values from {far.min():.10g} to {far.max():.10g}, the first "
        f"{far[0]:.10g} at {_place(where)}, are far from the other values ({low:.4g} "
        f"to {high:.4g}). They look like errors or codes for missing values. A few "
        "such values can change dt by orders of magnitude. Fill or cut them, then ask "
        "again. If they are correct, a logarithm or another transform would help."
    )

"""Find signs in data that a recommendation made from them should not be trusted.

The thresholds are our choices. They are far from what stationary series of short
memory, independent sequences and data without gaps give.
"""

from __future__ import annotations

import math

import numpy as np
from torch import Tensor

# Share of variance of a straight line; fewest independent values; ratio of the
# mean absolute deviations of two halves; correlation of neighboring sequences.
_LINE, _INDEPENDENT, _SPREAD, _NEIGHBORS = 0.1, 12.0, 2.0, 0.3
# Fill values that instruments, NetCDF and spreadsheets write where a value is missing.
_CODES = (
    *(sign * v for v in (99.0, 999.0, 9999.0, 99999.0, 999999.0) for sign in (-1, 1)),
    *(-99.9, -999.9, -9999.9, 999.9, 9999.9, -888.0, -8888.0, -77.0, -777.0),
    *(-32768.0, 32767.0, 65535.0, -2147483648.0, 2147483647.0),
    *(1e20, -1e20, 1e30, -1e30, 1e34, -1e34, 1e35, -1e35, 9.969209968386869e36),
)
_ROUNDING = 1e-6  # of a code in float32, relative
_FAR = 3.0  # ranges of all other values between a lone value and them


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
    if square <= 1e-24 * float(x.square().sum()):  # one sequence, n times
        return ()
    alike = float((centered[1:] * centered[:-1]).sum()) / square
    if alike <= max(_NEIGHBORS, 4 / math.sqrt(len(x))):
        return ()
    return (
        f"Consecutive sequences correlate with coefficient {alike:.2f}, so they are "
        "not independent and the interval is too narrow. Overlapping windows, or the "
        "columns of a table that was recorded over time, should be given as one "
        "series.",
    )


def of_values(x: Tensor) -> tuple[str, ...]:
    """Return signs that some values stand for missing ones, or are errors.

    Args:
        x: (T,) or (n, L), finite, of any scale.

    Returns:
        One sentence per value, with the value, its count and its first position.
    """
    values = x.detach().double().cpu()
    others, known = values.flatten(), []
    while len(others):
        low, high = float(others.min()), float(others.max())
        code = next((c for c in _CODES if _is(low, c) or _is(high, c)), None)
        if code is None:
            break
        known.append(code)
        others = others[(others - code).abs() > _ROUNDING * abs(code)]
    if not len(others):
        return ()
    found = []
    for code in known:
        beyond = max(code - high, low - code)
        if beyond > high - low or (code < 0 <= low):
            where = (values - code).abs() <= _ROUNDING * abs(code)
            found.append(
                _sentence(code, where, low, high, "a code for a missing value")
            )
    for extreme in (low, high):
        rest = others[others != extreme]
        if len(rest) < 2:
            continue
        near, far = float(rest.min()), float(rest.max())
        if max(extreme - far, near - extreme) > _FAR * (far - near) > 0:
            where = values == extreme
            found.append(_sentence(extreme, where, near, far, "an error"))
    return tuple(found)


def _is(value: float, code: float) -> bool:
    return abs(value - code) <= _ROUNDING * abs(code)


def _sentence(value: float, where: Tensor, low: float, high: float, what: str) -> str:
    at = [int(k) + 1 for k in where.nonzero()[0]]
    count = int(where.sum())
    place = (
        f"value {at[0]:,}" if len(at) == 1 else f"sequence {at[0]:,}, step {at[1]:,}"
    )
    times = "once" if count == 1 else f"{count:,} times, first"
    return (
        f"{value:.10g} occurs {times} at {place}, far from the other values "
        f"({low:.4g} to {high:.4g}). It looks like {what}. A single such value can "
        "change dt by orders of magnitude. Fill it or cut it, then ask again."
    )

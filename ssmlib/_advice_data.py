"""The data of a recommendation: checked, and brought to one mean and one scale."""

from __future__ import annotations

import math
from numbers import Real

from torch import Tensor

from ssmlib import _checks, _scale


def checked(
    x: Tensor, L: int | None, constant: float, raw: bool
) -> tuple[Tensor, int, float]:
    """Return the data in float64, the length and C, if all arguments are valid."""
    if isinstance(constant, bool) or not isinstance(constant, Real):
        raise TypeError(f"constant must be a number, got {type(constant).__name__}")
    constant = _checks.positive("constant", constant)
    _checks.boolean("raw", raw)
    if L is not None:
        L = _checks.integer("L", L)
    x = _checks.dense("x", x).detach()
    if x.ndim not in (1, 2) or 0 in x.shape:
        raise ValueError(
            "x must have shape (T,), one series, or (n, L), independent sequences, got "
            f"{tuple(x.shape)}"
        )
    if x.ndim == 2 and 1 in x.shape:
        column = "x[:, 0]" if x.shape[1] == 1 else "x[0]"
        raise ValueError(
            f"x must be one series (T,) or at least 20 sequences (n, L) of at least 2 "
            f"steps, got {tuple(x.shape)}; if it is one series, give {column} and L"
        )
    values = x if x.ndim == 2 else x[None]
    values = _checks.sequences("x", values).double()
    if x.ndim == 1:
        if L is None:
            raise ValueError("L must be given for one series: the length of a window")
        return values[0], L, constant
    if L not in (None, x.shape[1]):
        raise ValueError(f"L must be that of x, {x.shape[1]}, or None, got {L}")
    return values, x.shape[1], constant


def standardized(x: Tensor) -> tuple[Tensor, float, float]:
    """Return x in float64 with one mean and one scale removed, and both."""
    size = float(x.abs().max())
    if size == 0:
        raise ValueError("x must not be constant: it is zero throughout")
    # A power of two, so that the squares of extreme values are numbers.
    unit = 1.0 if 1e-100 < size < 1e100 else 2.0 ** min(1023, math.frexp(size)[1])
    small = x / unit
    mean, square = float(small.mean()), float(small.square().mean())
    if unit == 1 and abs(mean) < 1e-6 and abs(square - 1) < 1e-6:
        return x, 0.0, 1.0
    offset = float(_scale.offsets(small.flatten()))
    small = small - offset
    mean = float(small.mean())
    small, mean = small - mean, offset + mean
    scale = math.sqrt(float(small.square().mean()))
    if scale <= 1e-12 * size / unit:
        raise ValueError(
            f"x must not be constant: all its values are {float(x.flatten()[0]):.6g} "
            "up to rounding, so there is no scale to divide by"
        )
    return small / scale, mean * unit, scale * unit

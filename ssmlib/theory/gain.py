"""The gain of the SSM of a feature: its largest amplification over all frequencies."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ssmlib import _checks, _scale

#: evenly spaced frequencies, beside those near the poles
_EVEN = 512
#: frequencies near a pole, as multiples of its damping
_NEAR = (-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0)
#: halvings of the interval around the largest value
_STEPS = 60


def frequency_response(log_A_bar: Tensor, weights: Tensor, omega: Tensor) -> Tensor:
    """Return the frequency response of SSMs with the kernel 2 Re sum_n w_n exp(l a_n).

    Args:
        log_A_bar: a, the logarithms of the stored poles, complex (..., n), real parts
            below 0.
        weights: w, the products of C and B_bar, complex (..., n).
        omega: frequencies in radians per step, real (..., m).

    Returns:
        (..., m) complex128: the sum over l of kernel[l] exp(-i omega l).

    Raises:
        TypeError: if log_A_bar or weights is not complex, or omega not real.
        ValueError: for values that are not finite, a real part of 0 or more, or a
            result outside float64's range.
    """
    a, w = _modes(log_A_bar, weights)
    by = _scale.shift(w)
    found = _response(a, _scale.shifted(w, by), _reals("omega", omega))
    return _scale.restored("the response", found, by, dtype=torch.complex128)


def peak_gain(log_A_bar: Tensor, weights: Tensor) -> Tensor:
    """Return the H-infinity norm: the largest absolute value of the frequency response.

    An input of finite energy comes out with at most the square of it times its energy.
    The largest of many frequencies is found, which lie close together near the poles,
    and refined within the interval between its neighbors.

    Args:
        log_A_bar: the logarithms of the stored poles, complex (..., n), real parts
            below 0.
        weights: the products of C and B_bar, complex (..., n).

    Returns:
        (...) float64.

    Raises:
        TypeError: if log_A_bar or weights is not complex.
        ValueError: for values that are not finite, a real part of 0 or more, or a
            result outside float64's range.

    Source: S4D-DFouT (arXiv 2508.20441) evaluates layers by it; chapter
    `active-timescales`.
    """
    a, w = _modes(log_A_bar, weights)
    by = _scale.shift(w)
    w = _scale.shifted(w, by)
    even = torch.linspace(0, math.pi, _EVEN, dtype=torch.float64, device=a.device)
    near = torch.tensor(_NEAR, dtype=torch.float64, device=a.device)
    phase = torch.remainder(a.imag, 2 * math.pi)
    phase = torch.minimum(phase, 2 * math.pi - phase)  # that of the pair, in [0, pi]
    close = (phase.unsqueeze(-1) + a.real.unsqueeze(-1) * near).flatten(-2)
    omega = torch.cat([even.expand(*a.shape[:-1], _EVEN), close.clamp(0, math.pi)], -1)
    omega = omega.sort(-1).values
    size = _response(a, w, omega).abs()  # (..., m)
    top = size.argmax(-1, keepdim=True)
    low = omega.gather(-1, (top - 1).clamp(min=0))
    high = omega.gather(-1, (top + 1).clamp(max=omega.shape[-1] - 1))
    for _ in range(_STEPS):  # a search by thirds
        third = (high - low) / 3
        inner = torch.cat([low + third, high - third], -1)
        left, right = _response(a, w, inner).abs().split(1, -1)
        low = torch.where(left < right, low + third, low)
        high = torch.where(left < right, high, high - third)
    refined = _response(a, w, (low + high) / 2).abs()
    return _scale.restored("the gain", torch.cat([refined, size], -1).amax(-1), by)


def narrowest(x: Tensor, weights: Tensor, share: float) -> tuple[float, float]:
    """Return the narrowest interval that contains a share of the weights.

    Args:
        x: places (n,), real.
        weights: (n,), real, at least 0, not all 0.
        share: in (0, 1].

    Returns:
        The ends of the interval. Both are entries of x.

    Raises:
        TypeError: if x or weights is not a real tensor.
        ValueError: for other shapes or values.
    """
    x, weights = _reals("x", x), _reals("weights", weights)
    if x.ndim != 1 or weights.shape != x.shape:
        raise ValueError(
            "x and weights must both have shape (n,), got "
            f"{tuple(x.shape)} and {tuple(weights.shape)}"
        )
    if bool((weights < 0).any()) or not bool((weights > 0).any()):
        raise ValueError("weights must be at least 0, and not all 0")
    if not 0 < _checks.number("share", share) <= 1:
        raise ValueError(f"share must be in (0, 1], got {share}")
    x, order = x.sort()
    total = weights[order].cumsum(0)
    before = torch.cat([total.new_zeros(1), total[:-1]])  # of the weights left of each
    # Sums of the same weights differ by rounding, of which the share is free.
    needed = before + share * (1 - 1e-12) * total[-1]
    last = torch.searchsorted(total, needed)
    first = int((x[last.clamp(max=len(x) - 1)] - x)[last < len(x)].argmin())
    return float(x[first]), float(x[last[first]])


def _response(a: Tensor, w: Tensor, omega: Tensor) -> Tensor:
    """(..., n), (..., n), (..., m) -> (..., m)."""
    turn = torch.exp(-1j * omega).unsqueeze(-2)  # (..., 1, m)
    a, w = a.unsqueeze(-1), w.unsqueeze(-1)
    pair = w / (1 - torch.exp(a) * turn) + w.conj() / (1 - torch.exp(a.conj()) * turn)
    return pair.sum(-2)


def _reals(name: str, value: Tensor) -> Tensor:
    """Return a real tensor with values as float64."""
    value = _checks.finite(name, _checks.real(name, value)).double()
    if not value.numel():
        raise ValueError(f"{name} must not be empty")
    return value


def _modes(log_A_bar: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Return both as complex128 (..., n), checked."""
    a = _checks.finite("log_A_bar", _checks.is_complex("log_A_bar", log_A_bar))
    w = _checks.finite("weights", _checks.is_complex("weights", weights))
    if a.ndim == 0 or a.numel() == 0 or bool((a.real >= 0).any()):
        raise ValueError(
            "log_A_bar must have shape (..., n), n >= 1, and real parts below 0 (the "
            f"gain of an undamped mode is infinite), got {tuple(a.shape)}"
            + (f" and {float(a.real.max()):g}" if a.numel() else "")
        )
    if a.shape != w.shape:
        raise ValueError(
            f"weights must have the shape of log_A_bar, {tuple(a.shape)}, got "
            f"{tuple(w.shape)}"
        )
    return a.detach(), w.detach()

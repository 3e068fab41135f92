"""Poles on the unit circle for a known task: the spectrum of the input, or a delay."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ssmlib import _checks
from ssmlib.initialization.arguments import check_state_size
from ssmlib.initialization.schemes import count

#: share of the memory of the last N steps that `for_delay` gives up for a delay below N
_GIVEN_UP = 0.05


def for_spectrum(
    x: Tensor, N: int, H: int = 1, *, xi: float = 0.01
) -> tuple[Tensor, Tensor]:
    """Return poles whose frequencies divide the power of the data into equal shares.

    With the periodogram's distribution function F on (0, pi), feature h has the phases
    F^-1((n + (h + 1/2) / H) / (N/2)), n < N/2. For white data they are evenly spaced.

    Args:
        x: one series (T,), or sequences (n, L), real floating point. Means are removed.
        N: the real state size, even.
        H: number of features.
        xi: the damping, ``|lambda| = exp(-xi / 2)``, at least 0.

    Returns:
        log lambda and B_bar = 1, complex128, (H, N/2) each, as `initialize_discrete`.

    Raises:
        TypeError: if x is no real tensor, or a number has another type.
        ValueError: for a constant x, fewer than N steps, odd N, or xi < 0.

    Source: the idea of arXiv 2509.20789 (abstract); the formula is ours.
    """
    check_state_size("N", N)
    _checks.integer("H", H)
    _checks.not_negative("xi", xi)
    rows = torch.atleast_2d(_checks.finite("x", _checks.real("x", x)).double())
    if rows.ndim != 2 or rows.shape[-1] < N:
        raise ValueError(
            f"x must be (T,) or (n, L) with at least N = {N} steps, got "
            f"{tuple(x.shape)}"
        )
    rows = rows - rows.mean(-1, keepdim=True)
    size = rows.abs().max()
    if not bool(size > 0):
        raise ValueError("x must not be constant: a constant has no spectrum")
    power = (
        torch.fft.rfft(rows / size).abs().square().mean(0)[1:]
    )  # without frequency 0
    edges = math.pi * count(len(power) + 1).to(power.device) / len(power)
    F = torch.cat([power.new_zeros(1), power.cumsum(0) / power.sum()])
    h = (count(H).unsqueeze(-1) + 0.5) / H
    shares = ((count(N // 2) + h) / (N // 2)).to(power.device)
    above = torch.searchsorted(F, shares).clamp(1, len(power))
    low, high = F[above - 1], F[above]
    part = (shares - low) / (high - low).clamp(min=torch.finfo(F.dtype).tiny)
    phase = edges[above - 1] + part.clamp(0, 1) * (edges[1] - edges[0])
    log = torch.complex(torch.full_like(phase, -xi / 2), phase)
    return log, torch.ones_like(log)


def for_delay(delay: int, N: int) -> tuple[Tensor, Tensor]:
    """Return evenly spaced poles on the circle that recover a delay best.

    The memory function of N evenly spaced poles of radius r is (1 - q) q^floor(d / N)
    with q = r^(2 N). At a delay of k N or more, below (k + 1) N, it is largest at
    q = k / (k + 1). For a delay below N it rises to 1 as q falls to 0, where the
    weights of the readout grow; q is 0.05 then.

    Args:
        delay: in steps, at least 0.
        N: the real state size, even.

    Returns:
        log lambda and B_bar = 1, complex128, (1, N/2) each, as `initialize_discrete`.

    Raises:
        TypeError: if delay or N is not an integer.
        ValueError: for delay < 0 or odd N.

    Source: chapter `accuracy-and-length`.
    """
    check_state_size("N", N)
    k = _checks.integer("delay", delay, least=0) // N
    q = k / (k + 1) if k else _GIVEN_UP
    phase = 2 * math.pi * (count(N // 2) + 0.5) / N
    log = torch.complex(torch.full_like(phase, math.log(q) / (2 * N)), phase)
    return log.unsqueeze(0), torch.ones_like(log).unsqueeze(0)

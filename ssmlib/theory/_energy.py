"""The output energy of a diagonal system as sums of geometric series.

`timescale` has the model and its symbols. Results are over dt^2, for a second moment
and weights that `_scale` has shifted; `restored` takes both back.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ssmlib import _scale
from ssmlib.discretization import phi
from ssmlib.theory._arguments import READOUTS


def _expm1(z: Tensor) -> Tensor:
    """exp(z) - 1 for complex z, accurate near 0."""
    re = torch.expm1(z.real) * torch.cos(z.imag) - 2 * torch.sin(z.imag / 2).square()
    return torch.complex(re, torch.exp(z.real) * torch.sin(z.imag))


def decays(x: Tensor, n: Tensor) -> Tensor:
    """sum_{s<n} exp(x s) for real x <= 0: n at x = 0."""
    safe = torch.where(x == 0, -torch.ones_like(x), x)
    return torch.where(x == 0, n, torch.expm1(safe * n) / torch.expm1(safe))


def _turns(z: Tensor, n: Tensor) -> Tensor:
    """sum_{s<n} exp(z s) for complex z: a full turn a step is none, s being integer."""
    turns = 2 * math.pi * torch.round(z.imag / (2 * math.pi))
    z = torch.complex(z.real, z.imag - turns)
    safe = torch.where(z == 0, -torch.ones_like(z), z)
    return torch.where(z == 0, n + 0j, _expm1(safe * n) / _expm1(safe))


def scaled_energy(A: Tensor, dt: Tensor, R: Tensor, B: Tensor, readout: str) -> Tensor:
    """One dt: the double sums u^H R u and, for a real readout, u^T R u, over dt^2."""
    beta = B * phi(A * dt)  # (m,)
    z = (A * dt)[:, None]
    L = R.shape[0]
    s = torch.arange(L, dtype=torch.float64, device=A.device)
    steps = torch.exp(z * s)  # (m, L)
    row, weighted = 2 * R, None
    if R.ndim == 2:
        weighted = steps @ R.flip(0, 1).to(torch.complex128)
        hermitian = (weighted * steps.conj()).sum(-1).real
    else:
        # Pairs at lag k: L - k of them; lag 0 is counted once, the others twice.
        row[0] = R[0]
        hermitian = (row * steps.real * decays(2 * z.real, L - s)).sum(-1)
    size = beta.abs().square()
    if readout != "real":
        return READOUTS[readout] * (size * hermitian).sum()
    if weighted is not None:
        plain = (weighted * steps).sum(-1)
    else:
        plain = (row * steps * _turns(2 * z, L - s)).sum(-1)
    # Re(beta u) is half of beta u plus its conjugate.
    return (0.5 * (size * hermitian + (beta.square() * plain).real)).sum()


def restored(name: str, over: Tensor, dt: Tensor, of_R: int, of_B: int) -> Tensor:
    """dt^2 times a quantity of shifted R and B."""
    of_dt = _scale.shifts(dt)
    found = over * _scale.shifted(dt, of_dt).square()
    if not bool((over != 0).any()):
        return found
    if not bool((found != 0).any()):
        raise too_small(name)
    return _scale.restored(name, found, of_dt, of_dt, of_R, of_B, of_B)


def near_1(x: Tensor) -> Tensor:
    """Return x times the power of two that brings its largest part near 1."""
    size = _scale.largest(x)
    return x * 2.0 ** -math.frexp(size)[1] if size > 0 else x


def too_small(name: str) -> ValueError:
    """Return the error for a result that underflows."""
    return ValueError(
        f"{name} must be within float64's range, and is smaller than 2.23e-308: scale "
        "the input"
    )

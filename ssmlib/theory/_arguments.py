"""The arguments of functions of a diagonal SSM, its step and its input."""

from __future__ import annotations

import torch
from torch import Tensor

from ssmlib import _checks

# The factor before the sum over modes, in the energy and in its bound alike.
READOUTS = {"complex": 0.5, "real": 1.0, "pairs": 2.0}


def system(
    A: Tensor, dt, B: Tensor | None, readout: str
) -> tuple[Tensor, Tensor, Tensor]:
    """A and B (m,), complex128, and dt, () or (k,), float64."""
    _checks.one_of("readout", readout, READOUTS)
    A = _checks.modes("A", A)
    if B is None:
        B = torch.ones_like(A)
    if _checks.is_tensor("B", B).shape != A.shape:
        raise ValueError(
            f"B must have A's shape {tuple(A.shape)}, got {tuple(B.shape)}"
        )
    _checks.finite("B", B)
    dt = _checks.positive("dt", _checks.numbers("dt", dt, A.device))
    return A, B.to(torch.complex128), dt


def one_step(A: Tensor, dt: float) -> tuple[Tensor, Tensor]:
    """`system` for one dt."""
    A, _, step = system(A, _checks.number("dt", dt), None, "real")
    return A, step

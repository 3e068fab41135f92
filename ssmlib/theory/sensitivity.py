"""How much the state of a mode changes with its eigenvalue."""

from __future__ import annotations

import torch
from torch import Tensor

from ssmlib.theory import _poles


def sensitivity(eigenvalues: Tensor) -> Tensor:
    """Return the mean square of dx/dlambda for each mode under white input.

    The state is ``x_t = lambda x_{t-1} + u_t`` with input of variance 1, of which
    ``dx/dlambda`` is the sum over k of ``k lambda^(k-1) u_{t-k}``. Its mean square is
    ``(1 + |lambda|^2) / (1 - |lambda|^2)^3``. The state itself has the mean square
    ``1 / (1 - |lambda|^2)``.

    Args:
        eigenvalues: (m,) complex, absolute values below 1.

    Returns:
        (m,) float64.

    Raises:
        TypeError: if eigenvalues is not a complex tensor.
        ValueError: for another shape, or an eigenvalue outside the unit disc.

    Source: chapter `stable-parametrizations`.
    """
    found = torch.from_numpy(_poles.spectrum(eigenvalues))
    square = found.abs().square().to(eigenvalues.device)
    return (1 + square) / (1 - square) ** 3

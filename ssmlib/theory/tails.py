"""The last state of a random diagonal SSM, and how often its output is large."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ssmlib import _checks, _scale
from ssmlib.discretization import phi
from ssmlib.theory import _arguments


def final_state(A: Tensor, dt: float, x: Tensor) -> Tensor:
    """Return h_L of every mode, with input weights 1.

    Args:
        A: (m,) complex eigenvalues, real parts <= 0.
        dt: time per step, positive.
        x: inputs (n, L), real floating point.

    Returns:
        (n, m) complex128.

    Raises:
        TypeError: if A is not complex, x not real floating point, or dt not a number.
        ValueError: for a real part > 0, dt <= 0, values that are not finite, other
            shapes, or states outside float64's range.
    """
    A, step = _arguments.one_step(A, dt)
    x = _checks.sequences("x", x)
    s = torch.arange(x.shape[-1], dtype=torch.float64, device=A.device)
    steps = torch.exp(A[:, None] * step * s)
    beta = step * phi(A * step)
    found = (x.double().flip(-1) + 0j) @ steps.mT * beta
    return _checks.finite("the states", found)


def tail_probability(states: Tensor, level: Tensor) -> Tensor:
    """Return ``P(|y_L| > level)`` for y = Re(c^T h), c ~ CN(0, 1), over given states.

    Given the input, y is normal with variance ``|h|^2 / 2``. The result is the mean of
    its tail probabilities over the states.

    Args:
        states: final states (n, m), complex.
        level: (k,), positive.

    Returns:
        (k,) float64.

    Raises:
        TypeError: if states are not complex, or level not real.
        ValueError: for other shapes, values that are not finite, or a level that is
            not positive.
    """
    states = _checks.finite("states", _checks.is_complex("states", states))
    if states.ndim != 2 or not states.numel():
        raise ValueError(f"states must have shape (n, m), got {tuple(states.shape)}")
    level = _checks.positive("level", _checks.real("level", level))
    if level.ndim != 1 or not len(level):
        raise ValueError(f"level must have shape (k,), got {tuple(level.shape)}")
    by = _scale.shifts(states.abs().amax(-1))  # (n,)
    size = _scale.shifted(states.abs(), by[:, None]).square().sum(-1).sqrt()
    deviation = size / math.sqrt(2)  # (n,), shifted
    level = _scale.shifted(
        level[:, None].expand(-1, len(by)), by.expand(len(level), -1)
    )
    return torch.erfc(level / (math.sqrt(2) * deviation)).mean(-1)

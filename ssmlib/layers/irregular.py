"""A diagonal layer with another time between its steps: scaled, or given by times.

The state is x_l = exp(A d_l) x_{l-1} + (d_l phi(A d_l) B) u_l, with the time d_l of
step l, or its bilinear form. It is computed by a scan: log2(L) passes that join twice
as many steps each.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ssmlib import _checks
from ssmlib._literals import Discretization
from ssmlib.discretization import METHODS


class Continuous(NamedTuple):
    """A diagonal layer before its discretization.

    Attributes:
        A: (H, n) complex128; (n,) if the features share one state.
        B: (H, n) complex128; (n, H) for a shared state.
        C: (H, n) complex128.
        dt: (H, 1) float64; (n,) for a shared state.
        method: the discretization.
    """

    A: Tensor
    B: Tensor
    C: Tensor
    dt: Tensor
    method: Discretization


def intervals(timestamps: Tensor, u: Tensor) -> Tensor:
    """Return the time before each step, in steps; before the first it is 1.

    Args:
        timestamps: (L,) or (B, L), real, increasing.
        u: (B, H, L).

    Returns:
        (1, L) or (B, L) float64.

    Raises:
        TypeError: for something else than a real tensor.
        ValueError: for another shape, or times that are not finite or do not increase.
    """
    times = _checks.real("timestamps", timestamps)
    B, _, L = u.shape
    if times.shape not in ((L,), (B, L)):
        raise ValueError(
            f"timestamps must have shape ({L},) or ({B}, {L}), got {tuple(times.shape)}"
        )
    _checks.finite("timestamps", times)
    times = times.reshape(-1, L)
    apart = torch.diff(times, dim=-1)
    if _checks.readable(apart) and bool((apart <= 0).any()):
        raise ValueError(
            "timestamps must increase from step to step, got a difference of "
            f"{float(apart.min()):g}"
        )
    return torch.cat([torch.ones_like(times[:, :1]), apart], -1)


def response(
    system: Continuous, u: Tensor, apart: Tensor, state: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Return the output without the skip term, and the state after the last step.

    Args:
        system: the layer.
        u: (B, H, L), real and finite.
        apart: (1, L) or (B, L) float64: the time before each step, in steps.
        state: (B, H, n) complex128: the state before u; None for zeros.

    Returns:
        (B, H, L) float64, and (B, H, n) complex128.
    """
    dt = system.dt * apart.unsqueeze(1)  # (1 or B, H, L)
    A, B = system.A.unsqueeze(-1), system.B.unsqueeze(-1)  # (H, n, 1)
    log_A_bar, B_bar = METHODS[system.method](A, B, dt.unsqueeze(-2))
    turn = torch.exp(log_A_bar)  # (1 or B, H, n, L)
    added = B_bar * u.unsqueeze(-2)  # (B, H, n, L)
    if state is not None:
        first = added[..., :1] + turn[..., :1] * state.unsqueeze(-1)
        added = torch.cat([first, added[..., 1:]], -1)
    states = scanned(turn, added)
    y = 2 * (system.C.unsqueeze(-1) * states).real.sum(-2)
    return y, states[..., -1]


def shared_response(
    system: Continuous, u: Tensor, apart: Tensor, state: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Return the same as `response`, for features that share one state.

    Args:
        system: the layer.
        u: (B, H, L), real and finite.
        apart: (1, L) or (B, L) float64: the time before each step, in steps.
        state: (B, n) complex128: the state before u; None for zeros.

    Returns:
        (B, H, L) float64, and (B, n) complex128.
    """
    dt = system.dt.unsqueeze(-1) * apart.unsqueeze(1)  # (1 or B, n, L)
    A, one = system.A.unsqueeze(-1), torch.ones_like(system.A).unsqueeze(-1)
    log_A_bar, scale = METHODS[system.method](A, one, dt)
    turn = torch.exp(log_A_bar)
    added = scale * (system.B @ u.to(system.B.dtype))  # (B, n, L)
    if state is not None:
        first = added[..., :1] + turn[..., :1] * state.unsqueeze(-1)
        added = torch.cat([first, added[..., 1:]], -1)
    states = scanned(turn, added)
    return 2 * (system.C @ states).real, states[..., -1]


def scanned(turn: Tensor, added: Tensor) -> Tensor:
    """Return x_l = turn_l x_{l-1} + added_l with x_{-1} = 0.

    Args:
        turn: (..., L), broadcasts with added.
        added: (..., L).
    """
    L, reach = added.shape[-1], 1
    while reach < L:
        # Step l so far holds the last `reach` steps; the `reach` before join it.
        joined = added[..., reach:] + turn[..., reach:] * added[..., :-reach]
        added = torch.cat([added[..., :reach], joined], -1)
        longer = turn[..., reach:] * turn[..., :-reach]
        turn = torch.cat([turn[..., :reach], longer], -1)
        reach *= 2
    return added

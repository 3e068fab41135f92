"""A layer whose sampling differs from that of its training."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from torch import Tensor

from ssmlib import _checks
from ssmlib.discretization import METHODS
from ssmlib.kernels import full_precision
from ssmlib.layers import _arguments
from ssmlib.layers.convolution import causal, finite_part, two_sided
from ssmlib.layers.irregular import intervals, response, shared_response
from ssmlib.layers.oscillators import Oscillators
from ssmlib.layers.shared_system import Shared
from ssmlib.layers.systems import Diagonal, System

if TYPE_CHECKING:
    from ssmlib.layers.base import SSM


def resampled(
    layer: SSM,
    u: Tensor,
    state: Tensor | None,
    step_scale: float | None,
    timestamps: Tensor | None,
) -> Any:
    """Return what `SSM.forward` returns, for another time between the steps.

    Args:
        layer: the layer.
        u: (B, H, L), checked.
        state: the state before u; None for zeros.
        step_scale: a factor of dt; None for 1.
        timestamps: (L,) or (B, L), in steps; None for 0 .. L - 1.

    Raises:
        TypeError: for an argument of another type.
        ValueError: for an argument out of range, or a layer without this option.
    """
    scale = 1.0 if step_scale is None else step_scale
    scale = _checks.positive("step_scale", _checks.number("step_scale", scale))
    if state is not None:
        _arguments.check_state(layer, state, u.shape[0])
    with full_precision(u.device):
        x = u.to(layer.dtype)
        clean, broken = finite_part(x, not layer.bidirectional)
        if timestamps is None:
            y, after = _scaled(layer, clean, state, scale)
        else:
            y, after = _irregular(layer, clean, state, scale, timestamps)
        if layer.D is not None:
            y = y + layer.D.unsqueeze(-1) * clean
        if broken is not None:
            broken = broken.any(1, True) if layer.mixes_features else broken
            y = y.masked_fill(broken, math.nan)
            if after is not None:
                last = broken[:, 0, -1:] if layer.mixes_features else broken[..., -1:]
                after = after.masked_fill(last, math.nan)
    return y.to(u.dtype) if state is None else (y.to(u.dtype), after)


def _scaled(layer: SSM, x: Tensor, state: Tensor | None, scale: float) -> tuple:
    """Return the output without the skip term, and the state after it or None."""
    system = _system(layer, scale)
    if isinstance(system, Shared | Oscillators):
        y = system.outputs(x, None)
    else:
        K = system.kernel(x.shape[-1], layer.dtype)
        y = two_sided(x, K) if layer.bidirectional else causal(x, K)
    if state is None:
        return y, None
    y = y + system.response(state, x.shape[-1], layer.dtype)
    return y, system.after(x, state)


def _system(layer: SSM, scale: float) -> System:
    """Return the discretized layer with dt times a factor."""
    own = layer._continuous()
    if own is not None and not layer.mixes_features:
        log_A_bar, B_bar = METHODS[own.method](own.A, own.B, own.dt * scale)
        return Diagonal(log_A_bar, B_bar, own.C)
    found = layer._scaled_system(scale)
    if found is None:
        raise ValueError(
            "step_scale needs a layer whose modes are those of A, B and dt (S4D, "
            "S4DReal, DSS with variant 'exp', S4, S5, LinOSS), got "
            f"{type(layer).__name__}"
        )
    return found


def _irregular(
    layer: SSM, x: Tensor, state: Tensor | None, scale: float, timestamps: Tensor
) -> tuple:
    """Return the output without the skip term, and the state after it."""
    if layer.bidirectional:
        raise ValueError("timestamps go with a causal layer, got a bidirectional one")
    own = layer._continuous()
    if own is None:
        raise ValueError(
            "timestamps need a diagonal layer whose modes are those of A, B and dt "
            "(S4D, S4DReal, DSS with variant 'exp', S5), got "
            f"{type(layer).__name__}"
        )
    apart = intervals(timestamps, x) * scale
    kind = shared_response if layer.mixes_features else response
    y, after = kind(own, x, apart, state)
    return y.to(layer.dtype), after

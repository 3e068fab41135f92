"""The forms of a selective layer: its matrix, and the memory after some steps."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor


class SelectiveState(NamedTuple):
    """The state of a selective layer.

    Attributes:
        memory: (B, heads, N, H / heads).
        recent: (B, H + 2 N, 3), the projections that the convolution still reads; the
            last axis has size 0 without a convolution.
    """

    memory: Tensor
    recent: Tensor


class Parts(NamedTuple):
    """The values of each step, from which all forms are computed.

    Attributes:
        x: (B, heads, H / heads, L), the values.
        B: (B, N, L), input weights.
        C: (B, N, L), output weights.
        dt: (B, heads, L), positive.
        log_decay: (B, heads, L), -a dt.
        recent: as in `SelectiveState`, after these steps.
    """

    x: Tensor
    B: Tensor
    C: Tensor
    dt: Tensor
    log_decay: Tensor
    recent: Tensor


def attention(parts: Parts) -> Tensor:
    """Return the matrix M of each head.

    Args:
        parts: the values of each step.

    Returns:
        (B, heads, L, L); entry (i, j) is 0 for j > i.
    """
    L = parts.dt.shape[-1]
    total = parts.log_decay.double().cumsum(-1)  # whose differences cancel
    logs = (total.unsqueeze(-1) - total.unsqueeze(-2)).to(parts.dt.dtype)
    later = torch.ones(L, L, dtype=torch.bool, device=logs.device).triu(1)
    decay = torch.exp(logs.masked_fill(later, -math.inf))  # masked before exp
    scores = parts.C.mT @ parts.B  # (B, L, L)
    return scores.unsqueeze(1) * decay * parts.dt.unsqueeze(-2)


def response(parts: Parts, memory: Tensor) -> Tensor:
    """Return the part of the outputs that is due to the memory before them.

    Args:
        parts: the values of each step.
        memory: (B, heads, N, H / heads), before the steps.

    Returns:
        (B, heads, H / heads, L).
    """
    decay = torch.exp(parts.log_decay.cumsum(-1)).unsqueeze(-2)
    return decay * torch.einsum("bni,bknp->bkpi", parts.C, memory)


def memory_after(parts: Parts, memory: Tensor) -> Tensor:
    """Return the memory after all steps.

    Args:
        parts: the values of each step.
        memory: (B, heads, N, H / heads), before the steps.

    Returns:
        (B, heads, N, H / heads).
    """
    total = parts.log_decay.double().cumsum(-1)
    left = torch.exp(total[..., -1:] - total).to(parts.dt.dtype)  # (B, heads, L)
    added = torch.einsum("bkj,bnj,bkpj->bknp", left * parts.dt, parts.B, parts.x)
    return torch.exp(total[..., -1]).to(added.dtype)[..., None, None] * memory + added


def broken_state(state: SelectiveState, broken: Tensor) -> SelectiveState:
    """Return the state with NaN in the sequences that had NaN or infinity.

    Args:
        state: of all sequences.
        broken: (B,) bool, true for these sequences.
    """
    return SelectiveState(
        *(
            part.masked_fill(broken.view(-1, *[1] * (part.ndim - 1)), math.nan)
            for part in state
        )
    )

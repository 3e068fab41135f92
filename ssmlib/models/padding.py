"""Sequences of different lengths in one batch: steps after the end have no effect.

They are replaced by 0 before the first product. A mask after a product would leave 0 *
NaN = NaN in the gradient.
"""

from __future__ import annotations

import torch
from torch import Tensor


def valid_steps(lengths: Tensor | None, L: int) -> Tensor | None:
    """Return a mask that is True at the steps before the end of each sequence.

    Args:
        lengths: (B,) integers, the number of steps that count; None if all count.
        L: number of steps.

    Returns:
        (B, 1, L) bool; None if lengths is None.
    """
    if lengths is None:
        return None
    steps = torch.arange(L, device=lengths.device)
    return (steps < lengths.unsqueeze(-1)).unsqueeze(1)


def within(u: Tensor, valid: Tensor | None) -> Tensor:
    """Return u with 0 at the steps that do not count.

    Args:
        u: (B, H, L).
        valid: (B, 1, L) bool; None if all steps count.
    """
    return u if valid is None else torch.where(valid, u, 0)


def mean(u: Tensor, valid: Tensor | None) -> Tensor:
    """Return the mean over the steps that count.

    Args:
        u: (B, H, L).
        valid: (B, 1, L) bool; None if all steps count.

    Returns:
        (B, H, 1).
    """
    if valid is None:
        return u.mean(-1, keepdim=True)
    return within(u, valid).sum(-1, True) / valid.sum(-1, True)


def aligned(u: Tensor, lengths: Tensor | None) -> Tensor:
    """Return u moved so that each sequence ends at the last step, with zeros in front.

    A causal map whose state starts at 0 has the same last output with zeros in front.

    Args:
        u: (B, H, L).
        lengths: (B,) integers, the number of steps that count; None if all count.
    """
    if lengths is None:
        return u
    L = u.shape[-1]
    steps = torch.arange(L, device=u.device) - (L - lengths.unsqueeze(-1))
    moved = u.gather(-1, (steps % L).unsqueeze(1).expand_as(u))
    return torch.where((steps >= 0).unsqueeze(1), moved, 0.0)

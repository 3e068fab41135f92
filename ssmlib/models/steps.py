"""The steps of a block: its output and the state of its layer after some steps."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from ssmlib.layers import SSM, KernelSSM
from ssmlib.layers._arguments import check_causal
from ssmlib.models.blocks import Parts, enter, leave
from ssmlib.models.frozen import BlockRecurrence
from ssmlib.models.norms import BatchNorm


def initial_state(part: Parts, batch: int) -> Tensor:
    """Return a state of zeros; raise ValueError for a layer that has no step."""
    return _stepping(part.layer).initial_state(batch)


def check(module: nn.Module, parts: Iterable[Parts]) -> None:
    """Check that steps one by one give the same outputs as a whole sequence.

    Args:
        module: the block or model, with `training` and `dropout`.
        parts: its blocks.

    Raises:
        ValueError: for a layer that has no step; or a module in training mode with
            dropout or batch norm.
    """
    for part in parts:
        _stepping(part.layer)
        check_norm(part.norm)
    if module.training and module.dropout:
        raise ValueError(
            "a step has no dropout, got a module in training mode with dropout="
            f"{module.dropout}: call eval() first"
        )


def check_norm(norm: nn.Module | None) -> None:
    """Raise ValueError for a norm whose moments are those of a batch of sequences."""
    if isinstance(norm, BatchNorm) and (norm.training or norm.running_mean is None):
        raise ValueError(
            "norm 'batch' needs its running moments for a step, got a module in "
            "training mode or without them: call eval() first"
        )


def _stepping(layer: nn.Module) -> SSM:
    """Return the layer; raise ValueError if it has no step."""
    if not isinstance(layer, SSM):
        raise ValueError(
            f"layer must be an SSM to have a step, got {type(layer).__name__}, which "
            "maps whole sequences only"
        )
    if isinstance(layer, KernelSSM):
        raise ValueError(
            f"layer must have a state to have a step, got {type(layer).__name__}, "
            "which defines a kernel alone"
        )
    check_causal(layer)
    return layer


def several(part: Parts, u: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """Return the output of a block for several steps, and the state after them.

    Args:
        part: the block.
        u: (B, H, L).
        state: of its layer, before u.
    """
    y, state = part.layer(enter(part, u, None), state)
    return leave(part, u, y), state


def one(part: Parts, u: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """Return the output of a block for one step, and the state after it.

    Args:
        part: the block.
        u: (B, H, 1).
        state: of its layer, before u.
    """
    y, state = _stepping(part.layer).step(enter(part, u, None).squeeze(-1), state)
    return leave(part, u, y.unsqueeze(-1)), state


def recurrence(part: Parts, dtype: torch.dtype) -> BlockRecurrence:
    """Return the frozen step of a block.

    Args:
        part: the block, in evaluation mode.
        dtype: float32 or float64.
    """
    return BlockRecurrence(
        _stepping(part.layer).recurrence(dtype),
        None if part.mixer is None else (part.mixer, part.bias),
        part.norm,
        prenorm=part.prenorm,
        gated=part.gated,
        dtype=dtype,
    )

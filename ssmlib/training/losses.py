"""Losses of an ensemble: mean squares, or cross-entropy of classes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ssmlib.models import Ensemble
from ssmlib.training.batches import on
from ssmlib.training.slices import ALL, Slice

#: a class target that no loss counts, as PyTorch's cross_entropy has it
IGNORED = -100


def means(out: Tensor, y: Tensor) -> Tensor:
    """Return the mean loss of each model.

    Args:
        out: (E, B, ...), the outputs.
        y: (G, B, ...), the targets; G divides E.

    Returns:
        (E,).
    """
    total, count = _sums(out, y)
    return total / count


def _sums(out: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Return the sum of losses and their number, (E,) each."""
    E = out.shape[0]
    y = y.repeat_interleave(E // y.shape[0], 0)
    if y.is_floating_point():
        squares = (out - y).square().flatten(1)
        return squares.sum(1), squares.new_full((E,), squares.shape[1])
    each = nn.functional.cross_entropy(
        out.flatten(0, 1), y.flatten(0, 1), reduction="none", ignore_index=IGNORED
    )
    counted = (y != IGNORED).flatten(1).sum(1)
    return each.reshape(E, -1).sum(1), counted.to(each.dtype)


def evaluate(
    model: Ensemble,
    x: Tensor,
    y: Tensor,
    batch_size: int,
    lengths: Tensor | None = None,
    slices: Sequence[Slice] = (ALL,),
) -> tuple[Tensor, Tensor]:
    """Return the mean loss and the accuracy of each model.

    The model is left in evaluation mode.

    Args:
        model: the ensemble.
        x: (G, n, channels, L), or (G, n, L) for tokens: one part for all models, or one
            for each G-th part of the ensemble. Each batch is moved to the device of the
            model.
        y: (G, n, ...), the targets.
        batch_size: sequences per batch.
        lengths: (G, n), the number of steps that count; None if all count.
        slices: the slices of the ensemble, in order.

    Returns:
        The mean loss (E,), and the share of correct classes (E,), NaN for regression.
    """
    model.eval()
    found = []
    with torch.inference_mode():
        for part in slices:
            own = part.seeds if len(x) > 1 else slice(None)
            long = None if lengths is None else lengths[own]
            found.append(_evaluate(model, x[own], y[own], batch_size, long, part))
    loss, right = (torch.cat(parts) for parts in zip(*found, strict=True))
    return loss, right


def _evaluate(
    model: Ensemble,
    x: Tensor,
    y: Tensor,
    batch_size: int,
    lengths: Tensor | None,
    part: Slice,
) -> tuple[Tensor, Tensor]:
    """Return the results of `evaluate` for one slice and its own data."""
    classes = not y.is_floating_point()
    device = next(model.parameters()).device
    total = torch.zeros((), device=device)
    count, right = total, total
    steps = range(0, x.shape[1], batch_size)
    for own, target, long in zip(
        x.split(batch_size, 1),
        y.split(batch_size, 1),
        [None] * len(steps) if lengths is None else lengths.split(batch_size, 1),
        strict=True,
    ):
        target, long = on(device, target), None if long is None else on(device, long)
        out = model(on(device, own), lengths=long, members=part.members)
        added, n = _sums(out, target)
        total, count = total + added, count + n
        if classes:
            target = target.repeat_interleave(len(out) // len(target), 0)
            right = right + (out.argmax(2) == target).flatten(1).sum(1)
    return total / count, right / count if classes else total * math.nan

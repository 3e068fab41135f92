"""The input of a model: its checks, its padding, and the inputs of its layers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ssmlib import _checks
from ssmlib.layers._arguments import check_exporter
from ssmlib.models.blocks import encode, enter, leave, of
from ssmlib.models.padding import within

if TYPE_CHECKING:
    from ssmlib.models.model import Model


def check_shape(model: Model, x: Tensor) -> None:
    """Raise ValueError for another shape, TypeError for another type or dtype."""
    check_exporter(model, real=True)
    _checks.is_tensor("x", x)
    shape = "(B, L)" if model.tokens else f"(B, {model.channels}, L)"
    right = x.ndim == 2 if model.tokens else x.shape[1:-1] == (model.channels,)
    if not right or not x.shape[-1]:
        raise ValueError(f"x must have shape {shape} with L >= 1, got {tuple(x.shape)}")
    if model.tokens and x.dtype != torch.int64:
        raise TypeError(f"x must be tokens, int64, got {x.dtype}")


def check_dtype(model: Model, x: Tensor) -> None:
    """Raise TypeError for x of another dtype than the parameters, without autocast."""
    kind, own = "cpu" if x.is_meta else x.device.type, model.encoder.dtype
    cast = x.is_floating_point() and torch.is_autocast_enabled(kind)
    if not (model.tokens or cast or x.dtype == own):
        raise TypeError(f"x must be {own}, as the parameters are, got {x.dtype}")


def checked_lengths(lengths: Tensor | None, x: Tensor) -> Tensor | None:
    """Return lengths as int64; raise ValueError or TypeError for bad ones."""
    if lengths is None:
        return None
    if not isinstance(lengths, Tensor):
        raise TypeError(f"lengths must be a tensor, got {type(lengths).__name__}")
    if lengths.dtype == torch.bool or lengths.is_floating_point():
        raise TypeError(f"lengths must be integers, got {lengths.dtype}")
    if lengths.shape != x.shape[:1]:
        raise ValueError(
            f"lengths must have shape {tuple(x.shape[:1])}, got {tuple(lengths.shape)}"
        )
    return _checks.within("lengths", lengths, 1, x.shape[-1]).long()


def checked_masks(masks: Sequence[Tensor]) -> list[Tensor]:
    """Return the masks as a list; raise TypeError for anything but tensors."""
    if not isinstance(masks, Iterable):
        raise TypeError(
            f"masks must be a sequence of tensors, got {type(masks).__name__}"
        )
    return [_checks.is_tensor("masks", mask) for mask in masks]


def check_masks(model: Model, masks: Sequence[Tensor], x: Tensor) -> list[Tensor]:
    """Return the masks; raise ValueError unless they have the `mask_shapes`."""
    masks = checked_masks(masks)
    shapes = model.mask_shapes(len(x), x.shape[-1])
    got = [tuple(mask.shape) for mask in masks]
    if got != shapes:
        raise ValueError(f"masks must have the shapes {shapes}, got {got}")
    return masks


def padded(model: Model, x: Tensor, valid: Tensor | None) -> Tensor:
    """Return x with 0 at the steps that do not count, so that no product gives 0 * NaN.

    Args:
        model: the model that reads x.
        x: as `Model.forward`.
        valid: (B, 1, L) bool; None if all steps count.

    Raises:
        ValueError: on a CPU, for tokens out of range at the steps that count.
    """
    if not model.tokens:
        return within(x, valid)
    x = within(x.unsqueeze(1), valid).squeeze(1)
    return _checks.within("tokens of x", x, 0, model.channels - 1)


class LayerInputs(nn.Module):
    """A module that returns the inputs of a model's layers, a list of (B, H, L).

    Args:
        model: the model, which is not copied.
    """

    def __init__(self, model: Model):
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the input of each layer.

        Args:
            x: of any dtype; tokens are used as indices.
        """
        model = self.model
        x = x.long() if model.tokens else x.to(model.encoder.dtype)
        u, inputs = encode(model, x, None), []
        for k, ssm in enumerate(model.ssms):
            part = of(model, k)
            inputs.append(enter(part, u, None))
            if k + 1 < len(model.ssms):
                u = leave(part, u, ssm(inputs[-1]))
        return inputs

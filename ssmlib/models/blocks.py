"""The blocks of a model: the way of its features from the encoder to the decoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ssmlib.layers import SSM, Selective
from ssmlib.models.norms import Norm
from ssmlib.models.padding import aligned, within
from ssmlib.models.parts import mixed

if TYPE_CHECKING:
    from ssmlib.models.model import Model


@dataclass(frozen=True)
class Parts:
    """The parts of one block.

    Attributes:
        layer: the layer.
        mixer: (H, H), or (2 H, H) for a gate; None if the block is its layer alone.
        bias: (H, 1) or (2 H, 1), of the mixing; None for none.
        norm: the norm; None for none.
        prenorm: whether the norm precedes the layer.
        gated: whether half of the mixing gates the other half.
    """

    layer: nn.Module
    mixer: Tensor | None
    bias: Tensor | None
    norm: Norm | None
    prenorm: bool
    gated: bool

    @property
    def masks(self) -> int:
        """The number of dropout masks."""
        return 0 if self.mixer is None else 1 + self.gated


def of(model: Model, k: int) -> Parts:
    """Return the parts of a block of a model."""
    norm: Any = model.norms[k] if model.norms else None
    return Parts(
        layer=model.ssms[k],
        mixer=model.mixers[k] if model.mixers else None,
        bias=model.mixer_biases[k] if model.mixer_biases else None,
        norm=norm,
        prenorm=model.prenorm,
        gated=model.mix == "glu",
    )


def encode(model: Model, x: Tensor, valid: Tensor | None) -> Tensor:
    """Return the features of x, which the first block reads."""
    if model.tokens:
        u = nn.functional.embedding(x, model.encoder.mT).mT
    else:
        u = mixed(model.encoder, x)
        u = u if model.encoder_bias is None else u + model.encoder_bias
    return within(u, valid)


def through(model: Model, u: Tensor, count: int, masks, valid: Tensor | None) -> Tensor:
    """Return the output of the first `count` blocks."""
    for k in range(count):
        part = of(model, k)
        y = called(part, enter(part, u, valid), valid)
        u = leave(part, u, y, _own(part, k, masks), valid)
    return u


def called(part: Parts, u: Tensor, valid: Tensor | None) -> Tensor:
    """Return the output of the layer of a block, through its `forward`."""
    if isinstance(part.layer, SSM | Selective):  # zeros at the end have no effect
        return part.layer(u)
    return part.layer(u, valid)


def _own(part: Parts, k: int, masks: Sequence[Tensor] | None) -> Sequence[Tensor]:
    """Return the masks of block k."""
    return () if masks is None else masks[part.masks * k : part.masks * (k + 1)]


def enter(part: Parts, u: Tensor, valid: Tensor | None) -> Tensor:
    """Return the input of the layer of a block."""
    if part.prenorm and part.norm is not None:
        return within(part.norm(u, valid, clean=True), valid)
    return u


def leave(
    part: Parts,
    u: Tensor,
    y: Tensor,
    masks: Sequence[Tensor] = (),
    valid: Tensor | None = None,
) -> Tensor:
    """Return the output of a block from its input and the output of its layer."""
    if part.mixer is None:  # a linear model, or a block of its own
        return within(y, valid)
    y = nn.functional.gelu(y)
    y = mixed(part.mixer, y * masks[0] if masks else y)
    y = y if part.bias is None else y + part.bias
    if part.gated:
        y = nn.functional.glu(y, 1)
        y = y * masks[1] if masks else y
    u = u + y
    if part.norm is not None and not part.prenorm:
        u = part.norm(u, valid)
    return within(u, valid)


def drawn_masks(
    shapes: Sequence[tuple[int, ...]], share: float, like: Tensor
) -> list[Tensor]:
    """Return masks with 0 for a share of the entries, from torch's generator.

    Args:
        shapes: of the masks.
        share: the share, in [0, 1); the other entries are 1 / (1 - share).
        like: a tensor of the same dtype and device.
    """
    kept = 1 - share
    return [like.new_empty(shape).bernoulli_(kept) / kept for shape in shapes]


def first_is_folded(model: Model) -> bool:
    """Return whether a first block that is the last one needs no features."""
    return not (model.tokens or model.prenorm or model.encoder_bias is not None)


def last_alone(model: Model) -> bool:
    """Return whether the last block is needed at the last step only.

    A layer with hooks is called through its `forward`, so that they run.
    """
    own = all(
        isinstance(ssm, SSM) and not ssm.mixes_features and not _hooks(ssm)
        for ssm in model.ssms
    )
    return model.pooling == "last" and own and model.norm != "batch"


def _hooks(layer: nn.Module) -> bool:
    """Return whether a call of the layer does more than its `forward`."""
    return bool(
        layer._forward_pre_hooks
        or layer._forward_hooks
        or layer._backward_hooks
        or layer._backward_pre_hooks
    )


def last(model: Model, x: Tensor, masks, lengths, valid: Tensor | None) -> Tensor:
    """Return the output of the last block at the last step that counts: (B, H, 1).

    Sequences are moved to end together: zeros in front have the effect of no step.
    """
    k = len(model.ssms) - 1
    part = of(model, k)
    assert isinstance(part.layer, SSM)  # `last_alone` says so
    w = part.layer.last_weights(x.shape[-1])  # (H, L)
    if k == 0 and first_is_folded(model):
        x = aligned(x, lengths)
        # Encoder and kernel are linear and make one matrix, so that no (B, H, L)
        # tensor is ever formed.
        w = (model.encoder.unsqueeze(-1) * w.unsqueeze(1)).flatten(1)  # (H, c L)
        y = (w @ x.to(w.dtype).flatten(1).mT).mT.unsqueeze(-1)
        u = encode(model, x[..., -1:], None)
    else:
        u = through(model, encode(model, x, valid), k, masks, valid)
        y = (aligned(enter(part, u, valid), lengths) * w).sum(-1, keepdim=True)
        u = aligned(u, lengths)[..., -1:]
    if w.dtype == torch.float64:  # a layer may be more precise than the stack
        y = y.to(u.dtype)
    u = leave(part, u, y, _own(part, k, masks))
    return model.norms[-1](u) if model.prenorm else u

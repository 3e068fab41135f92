"""The blocks of a model: the way of its features from the encoder to the decoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ssmlib.layers import SSM, Selective
from ssmlib.models.padding import aligned, within
from ssmlib.models.parts import mixed

if TYPE_CHECKING:
    from ssmlib.models.model import Model


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
        entered = enter(model, k, u, valid)
        ssm = model.ssms[k]
        causal = isinstance(ssm, SSM | Selective)  # zeros at the end have no effect
        y = ssm(entered) if causal else ssm(entered, valid)
        u = leave(model, k, u, y, masks, valid)
    return u


def enter(model: Model, k: int, u: Tensor, valid: Tensor | None) -> Tensor:
    """Return the input of the layer of a block."""
    if model.prenorm and model.norms:
        return within(model.norms[k](u, valid, clean=True), valid)
    return u


def leave(
    model: Model,
    k: int,
    u: Tensor,
    y: Tensor,
    masks: Sequence[Tensor] | None = None,
    valid: Tensor | None = None,
) -> Tensor:
    """Return the output of a block from its input and the output of its layer."""
    if not model.mixers:  # a linear model, or a block of its own
        return within(y, valid)
    y = nn.functional.gelu(y)
    own = [] if masks is None else masks[len(masks) // len(model.ssms) * k :]
    y = mixed(model.mixers[k], y * own[0] if own else y)
    y = y + model.mixer_biases[k] if model.mixer_biases else y
    if model.mix == "glu":
        y = nn.functional.glu(y, 1)
        y = y * own[1] if own else y
    u = u + y
    if model.norm and not model.prenorm:
        u = model.norms[k](u, valid)
    return within(u, valid)


def first_is_folded(model: Model) -> bool:
    """Return whether a first block that is the last one needs no features."""
    return not (model.tokens or model.prenorm or model.encoder_bias is not None)


def last_alone(model: Model) -> bool:
    """Return whether the last block is needed at the last step only."""
    own = all(isinstance(ssm, SSM) for ssm in model.ssms)
    return model.pooling == "last" and own and model.norm != "batch"


def last(model: Model, x: Tensor, masks, lengths, valid: Tensor | None) -> Tensor:
    """Return the output of the last block at the last step that counts: (B, H, 1).

    Sequences are moved to end together: zeros in front have the effect of no step.
    """
    k = len(model.ssms) - 1
    ssm = model.ssms[k]
    assert isinstance(ssm, SSM)  # `last_alone` says so
    w = ssm.last_weights(x.shape[-1])  # (H, L)
    if k == 0 and first_is_folded(model):
        x = aligned(x, lengths)
        # Encoder and kernel are linear and make one matrix, so that no (B, H, L)
        # tensor is ever formed.
        w = (model.encoder.unsqueeze(-1) * w.unsqueeze(1)).flatten(1)  # (H, c L)
        y = (w @ x.to(w.dtype).flatten(1).mT).mT.unsqueeze(-1)
        u = encode(model, x[..., -1:], None)
    else:
        u = through(model, encode(model, x, valid), k, masks, valid)
        y = (aligned(enter(model, k, u, valid), lengths) * w).sum(-1, keepdim=True)
        u = aligned(u, lengths)[..., -1:]
    if w.dtype == torch.float64:  # a layer may be more precise than the stack
        y = y.to(u.dtype)
    u = leave(model, k, u, y, masks)
    return model.norms[-1](u) if model.prenorm else u

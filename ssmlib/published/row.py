"""One published configuration: its fields, and the model that they make."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypedDict

import torch
from torch import Tensor, nn

from ssmlib import _checks
from ssmlib._literals import InitName, Mix, NormName, Pooling
from ssmlib.initialization import Initialization
from ssmlib.layers import S4D, SSM
from ssmlib.models import Model


class Fields(TypedDict, total=False):
    """Some fields of `Published`, which rows share."""

    length: int
    channels: int
    outputs: int
    n_layers: int
    d_model: int
    norm: NormName
    prenorm: bool
    lr: float
    weight_decay: float
    batch_size: int
    epochs: int
    source: str
    steps: int | None
    warmup: int | None
    halved_every: int | None
    d_state: int
    dropout: float
    tied_dropout: bool
    dt: tuple[float, float]
    ssm_lr: float
    dt_lr: float | None
    n_ssm: int | None
    pooling: Pooling
    mix: Mix
    bidirectional: bool
    tokens: bool
    pair: bool


@dataclass(frozen=True)
class Published:
    """One row: the task, the model, and how it was trained.

    length: steps of a sequence; channels: of its input, or the number of tokens. lr,
    weight_decay: AdamW's; ssm_lr: that of A and B; dt_lr: that of dt, lr where None.
    epochs, steps and warmup (steps) of a cosine schedule; halved_every: epochs after
    which the rate is halved, in its place. n_ssm: None for one a feature. pair: two
    documents are compared. source: where the authors have it.
    """

    length: int
    channels: int
    outputs: int
    n_layers: int
    d_model: int
    norm: NormName
    prenorm: bool
    lr: float
    weight_decay: float
    batch_size: int
    epochs: int
    source: str
    steps: int | None = None
    warmup: int | None = None
    halved_every: int | None = None
    d_state: int = 64
    dropout: float = 0.0
    tied_dropout: bool = False
    dt: tuple[float, float] = (1e-3, 1e-1)
    ssm_lr: float = 1e-3
    dt_lr: float | None = 1e-3
    n_ssm: int | None = None
    pooling: Pooling = "mean"
    mix: Mix = "glu"
    bidirectional: bool = True
    tokens: bool = False
    pair: bool = False

    def model(
        self, layer: Callable[..., SSM] = S4D, *, init: InitName = "legs", seed: int = 0
    ) -> nn.Module:
        """The model, untrained, at full width; `Pair` of two where documents are.

        layer: a class that takes S4D's options; init: a scheme's name. Dropout belongs
        to training: `training.fit` and `Model.mask_shapes`. Among the layers A, P and B
        are shared as published, B trained.
        """
        if not callable(layer):
            raise TypeError(f"layer must be a class of SSM layers, got {layer!r}")
        made = Model(
            self.channels,
            self.d_model if self.pair else self.outputs,
            layer=partial(layer, n_ssm=self.n_ssm, bidirectional=self.bidirectional),
            init=Initialization(init, dt=self.dt),
            d_model=self.d_model,
            d_state=self.d_state,
            n_layers=self.n_layers,
            pooling=self.pooling,
            mix=self.mix,
            norm=self.norm,
            prenorm=self.prenorm,
            bias=True,
            tied_dropout=self.tied_dropout,
            tokens=self.tokens,
            seed=seed,
        )
        return Pair(made, self.outputs, seed) if self.pair else made


class Pair(nn.Module):
    """Two documents through one model: x (B, 2, L) tokens -> (B, outputs).

    A hidden layer on u, v, u - v and u v, u and v what the model makes of each. The
    authors' model has one linear map less before it.
    """

    def __init__(self, model: Model, outputs: int, seed: int = 0):
        super().__init__()
        H = len(model.decoder)
        _checks.integer("outputs", outputs)
        generator = torch.Generator("cpu").manual_seed(
            _checks.integer("seed", seed, least=0)
        )
        self.model = model
        self.hidden = _linear(4 * H, H, model.decoder.dtype)
        self.out = _linear(H, outputs, model.decoder.dtype)
        with torch.no_grad():
            for part in (self.hidden, self.out):
                width = part.weight.shape[1]
                part.weight.normal_(std=width**-0.5, generator=generator)
                part.bias.zero_()

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim != 3 or x.shape[1] != 2:
            raise ValueError(f"x must have shape (B, 2, L), got {tuple(x.shape)}")
        u, v = (self.model(document) for document in x.unbind(1))
        both = torch.cat([u, v, u - v, u * v], -1)
        return self.out(nn.functional.gelu(self.hidden(both)))


def _linear(inputs: int, outputs: int, dtype: torch.dtype) -> nn.Linear:
    """Without PyTorch's own initialization, which draws from the global generator."""
    given = {"device": "cpu", "dtype": dtype}
    made = nn.utils.skip_init(nn.Linear, inputs, outputs, **given)
    assert isinstance(made, nn.Linear)
    return made

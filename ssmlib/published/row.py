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
    """Some fields of `Published`, which several rows share."""

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
    """One published configuration: the task, the model, and the training.

    Args:
        length: steps of a sequence.
        channels: channels of an input, or the number of tokens.
        outputs: number of outputs.
        n_layers: number of blocks.
        d_model: number of features.
        norm: "layer" or "batch".
        prenorm: whether the norm precedes each layer.
        lr: AdamW's peak learning rate.
        weight_decay: AdamW's weight decay.
        batch_size: sequences per batch.
        epochs: number of epochs.
        source: address of the authors' configuration.
        steps: steps of the cosine schedule, if there is one.
        warmup: steps in which the rate rises, if there are any.
        halved_every: epochs after which the rate is halved, instead of a cosine
            schedule.
        d_state: real state size of a layer.
        dropout: share of features and steps that are set to 0.
        tied_dropout: whether dropout is the same at all steps.
        dt: range (low, high) of the time per step.
        ssm_lr: learning rate of A and B.
        dt_lr: learning rate of dt; None for lr.
        n_ssm: number of copies of A and B; None for one per feature.
        pooling: as `models.Model`.
        mix: as `models.Model`.
        bidirectional: whether each layer has a second kernel backward in time.
        tokens: whether the inputs are tokens.
        pair: whether two documents are compared.
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
        """Return the untrained model at full width.

        It is a `Pair` if two documents are compared. Dropout belongs to training: see
        `training.fit` and `Model.mask_shapes`. The features share A, P and B as
        published, and B is trained.

        Args:
            layer: a class of SSM layers that accepts the options of `S4D`.
            init: name of a scheme.
            seed: of the random numbers of all parameters.

        Raises:
            TypeError: if layer is not a class or function.
            ValueError: for an unknown init.
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
    """A model that reads two documents: x (B, 2, L) tokens -> (B, outputs).

    Let u and v be the outputs of the inner model for the two documents. A hidden layer
    reads u, v, u - v and u v. The authors' model has one linear map less before it.

    Args:
        model: the inner model, used for both documents.
        outputs: number of outputs, at least 1.
        seed: of the random numbers of the hidden layer and the last layer.
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
        """Return the outputs.

        Args:
            x: (B, 2, L) int64, the tokens of two documents.

        Returns:
            (B, outputs).

        Raises:
            ValueError: for x of another shape.
        """
        if x.ndim != 3 or x.shape[1] != 2:
            raise ValueError(f"x must have shape (B, 2, L), got {tuple(x.shape)}")
        u, v = (self.model(document) for document in x.unbind(1))
        both = torch.cat([u, v, u - v, u * v], -1)
        return self.out(nn.functional.gelu(self.hidden(both)))


def _linear(inputs: int, outputs: int, dtype: torch.dtype) -> nn.Linear:
    """Return a linear layer without numbers from the global generator."""
    given = {"device": "cpu", "dtype": dtype}
    made = nn.utils.skip_init(nn.Linear, inputs, outputs, **given)
    assert isinstance(made, nn.Linear)
    return made

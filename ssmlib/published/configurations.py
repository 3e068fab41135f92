"""The configurations that the S4D authors published, as data: full size, to be built.

Two versions of each: "paper", of their code at the time of the paper, and "head", what
their code had become by 2024. A test builds every one and takes a step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import partial

import torch
from torch import Tensor, nn

from ssmlib import _checks
from ssmlib.initialization import Initialization
from ssmlib.layers import S4D, SSM
from ssmlib.models import Model

VERSIONS = ("paper", "head")
_V3 = "https://github.com/state-spaces/s4/tree/v3.0.0/configs/experiment"
_HEAD = "https://github.com/state-spaces/s4/tree/main/configs/experiment"


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
    norm: str
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
    pooling: str = "mean"
    mix: str = "glu"
    bidirectional: bool = True
    tokens: bool = False
    pair: bool = False

    def model(
        self, layer: Callable[..., SSM] = S4D, *, init: str = "legs", seed: int = 0
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
        # Without PyTorch's own initialization, which draws from the global generator.
        given = {"device": "cpu", "dtype": model.decoder.dtype}
        self.hidden = nn.utils.skip_init(nn.Linear, 4 * H, H, **given)
        self.out = nn.utils.skip_init(nn.Linear, H, outputs, **given)
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


_LRA = {"norm": "batch", "prenorm": True, "lr": 0.01, "weight_decay": 0.05}
_LRA |= {"dt_lr": None, "source": f"{_V3}/lra"}
_CIFAR = {"length": 1024, "outputs": 10, "n_layers": 6, "d_model": 512}
_CIFAR |= {"norm": "layer", "prenorm": False, "dropout": 0.1, "tied_dropout": True}
_CIFAR |= {"lr": 0.01, "weight_decay": 0.05, "batch_size": 50, "epochs": 200}
_CIFAR |= {"steps": 200_000, "warmup": 1000, "n_ssm": 2}
_BIDMC = {"length": 4000, "channels": 2, "outputs": 1, "d_model": 128, "d_state": 256}
_BIDMC |= {"norm": "layer", "prenorm": True, "batch_size": 32}
_ABLATION = {"n_layers": 4, "d_model": 128, "mix": "linear", "n_ssm": 1}
_PATH = {"outputs": 2, "channels": 1, "batch_size": 16, "epochs": 50, "length": 16384}
_PATH |= _LRA | {"lr": 5e-4, "ssm_lr": 5e-4, "dt_lr": 5e-4}
_PATH |= {"warmup": 10_000}

PAPER: dict[str, Published] = {
    "listops": Published(
        **_LRA | {"prenorm": False},
        length=2048,
        channels=20,
        outputs=10,
        n_layers=8,
        d_model=128,
        batch_size=50,
        epochs=40,
        steps=80_000,
        warmup=1000,
        tokens=True,
    ),
    "text": Published(
        **_LRA,
        length=4096,
        channels=135,
        outputs=2,
        n_layers=6,
        d_model=256,
        batch_size=16,
        epochs=32,
        steps=50_000,
        warmup=1000,
        tokens=True,
    ),
    "retrieval": Published(
        **_LRA,
        length=4000,
        channels=98,
        outputs=2,
        n_layers=6,
        d_model=256,
        batch_size=64,
        epochs=20,
        steps=50_000,
        warmup=2500,
        tokens=True,
        pair=True,
    ),
    "image": Published(**_CIFAR, channels=1, dt_lr=None, source=f"{_V3}/lra"),
    "pathfinder": Published(
        **_LRA | {"lr": 0.004, "weight_decay": 0.03, "dt_lr": 1e-3},
        length=1024,
        channels=1,
        outputs=2,
        n_layers=6,
        d_model=256,
        batch_size=64,
        epochs=200,
        steps=500_000,
        warmup=2500,
        pooling="last",
    ),
    "pathx": Published(
        **_PATH, n_layers=6, d_model=256, steps=500_000, dt=(1e-4, 1e-1)
    ),
    "pathx-small": Published(
        **_PATH | {"batch_size": 32, "warmup": 5000},
        n_layers=4,
        d_model=96,
        steps=250_000,
        dt=(1e-4, 1e-2),
    ),
    "cifar": Published(**_CIFAR, channels=3, source=f"{_V3}/cifar"),
    "speech": Published(
        length=16_000,
        channels=1,
        outputs=35,
        n_layers=6,
        d_model=128,
        norm="batch",
        prenorm=True,
        lr=0.01,
        weight_decay=0.05,
        batch_size=16,
        epochs=40,
        steps=200_000,
        warmup=1000,
        n_ssm=2,
        source=f"{_V3}/sc",
    ),
    "bidmc": Published(
        **_BIDMC,
        n_layers=6,
        lr=0.01,
        weight_decay=0.05,
        epochs=500,
        halved_every=100,
        n_ssm=2,
        source=f"{_V3}/bidmc",
    ),
    "cifar-ablation": Published(
        **_CIFAR | _ABLATION | {"weight_decay": 0.01, "epochs": 100, "steps": None},
        channels=3,
        source=f"{_V3}/cifar",
    ),
    "speech-ablation": Published(
        **_ABLATION,
        length=16_000,
        channels=1,
        outputs=35,
        norm="batch",
        prenorm=True,
        lr=0.004,
        weight_decay=0.0,
        batch_size=32,
        epochs=10,
        pooling="last",
        bidirectional=False,
        source=f"{_V3}/sc",
    ),
    "bidmc-ablation": Published(
        **_BIDMC | _ABLATION,
        lr=0.004,
        weight_decay=0.01,
        epochs=200,
        halved_every=50,
        source=f"{_V3}/bidmc",
    ),
}

_SMALL = {"d_state": 4, "n_ssm": 1}
#: what differs in the later version, by row; rows that it lacks are as in the paper's
LATER: dict[str, dict] = {
    "listops": _SMALL
    | {"n_layers": 6, "d_model": 256, "batch_size": 32}
    | {"steps": 120_000, "warmup": 12_000},
    "text": _SMALL | {"warmup": 5000},
    "retrieval": _SMALL | {"warmup": 5000},
    "image": {"norm": "batch", "n_ssm": 1, "dt_lr": 1e-3}
    | {"steps": 180_000, "warmup": 18_000},
    "pathfinder": {"weight_decay": 0.05, "warmup": 50_000, "pooling": "mean"},
    "pathx": {"lr": 1e-3, "ssm_lr": 1e-3, "dt_lr": 1e-3, "warmup": 50_000},
    "bidmc": {"n_ssm": 1},
}


def names() -> tuple[str, ...]:
    """The rows there are."""
    return tuple(PAPER)


def configuration(name: str, version: str = "paper") -> Published:
    """A row by name, as at the time of the paper or as it is now.

    Raises ValueError for a name or a version that does not exist; it lists those.
    """
    _checks.one_of("name", name, PAPER)
    _checks.one_of("version", version, VERSIONS)
    row = PAPER[name]
    if version == "paper" or name not in LATER:
        return row
    changed = LATER[name]
    source = row.source.replace(_V3, _HEAD)
    assert set(changed) <= {field.name for field in fields(Published)}
    return replace(row, **changed, source=source)

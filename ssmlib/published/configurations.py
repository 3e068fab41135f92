"""The configurations that the S4D authors published, at full size.

There are two versions: "paper", of their code at the time of the paper, and "head", of
their code in 2024. A test builds every one and takes a step.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any, Unpack

from ssmlib import _checks
from ssmlib.published.row import Fields, Published

VERSIONS = ("paper", "head")
_V3 = "https://github.com/state-spaces/s4/tree/v3.0.0/configs/experiment"
_HEAD = "https://github.com/state-spaces/s4/tree/main/configs/experiment"


def _row(*parts: Fields, **own: Unpack[Fields]) -> Published:
    """Return a row of fields; later ones replace earlier ones."""
    fields: dict[str, Any] = {}
    for part in (*parts, own):
        fields.update(part)
    return Published(**fields)


_LRA: Fields = {"norm": "batch", "prenorm": True, "lr": 0.01, "weight_decay": 0.05}
_LRA |= {"dt_lr": None, "source": f"{_V3}/lra"}
_CIFAR: Fields = {"length": 1024, "outputs": 10, "n_layers": 6, "d_model": 512}
_CIFAR |= {"norm": "layer", "prenorm": False, "dropout": 0.1, "tied_dropout": True}
_CIFAR |= {"lr": 0.01, "weight_decay": 0.05, "batch_size": 50, "epochs": 200}
_CIFAR |= {"steps": 200_000, "warmup": 1000, "n_ssm": 2}
_BIDMC: Fields = {
    "length": 4000,
    "channels": 2,
    "outputs": 1,
    "d_model": 128,
    "d_state": 256,
}
_BIDMC |= {"norm": "layer", "prenorm": True, "batch_size": 32}
_ABLATION: Fields = {"n_layers": 4, "d_model": 128, "mix": "linear", "n_ssm": 1}
_PATH: Fields = {
    "outputs": 2,
    "channels": 1,
    "batch_size": 16,
    "epochs": 50,
    "length": 16384,
}
_PATH |= _LRA | {"lr": 5e-4, "ssm_lr": 5e-4, "dt_lr": 5e-4}
_PATH |= {"warmup": 10_000}

PAPER: dict[str, Published] = {
    "listops": _row(
        _LRA,
        {"prenorm": False},
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
    "text": _row(
        _LRA,
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
    "retrieval": _row(
        _LRA,
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
    "image": _row(_CIFAR, channels=1, dt_lr=None, source=f"{_V3}/lra"),
    "pathfinder": _row(
        _LRA,
        {"lr": 0.004, "weight_decay": 0.03, "dt_lr": 1e-3},
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
    "pathx": _row(_PATH, n_layers=6, d_model=256, steps=500_000, dt=(1e-4, 1e-1)),
    "pathx-small": _row(
        _PATH,
        {"batch_size": 32, "warmup": 5000},
        n_layers=4,
        d_model=96,
        steps=250_000,
        dt=(1e-4, 1e-2),
    ),
    "cifar": _row(_CIFAR, channels=3, source=f"{_V3}/cifar"),
    "speech": _row(
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
    "bidmc": _row(
        _BIDMC,
        n_layers=6,
        lr=0.01,
        weight_decay=0.05,
        epochs=500,
        halved_every=100,
        n_ssm=2,
        source=f"{_V3}/bidmc",
    ),
    "cifar-ablation": _row(
        _CIFAR,
        _ABLATION,
        {"weight_decay": 0.01, "epochs": 100, "steps": None},
        channels=3,
        source=f"{_V3}/cifar",
    ),
    "speech-ablation": _row(
        _ABLATION,
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
    "bidmc-ablation": _row(
        _BIDMC,
        _ABLATION,
        lr=0.004,
        weight_decay=0.01,
        epochs=200,
        halved_every=50,
        source=f"{_V3}/bidmc",
    ),
}

_SMALL: Fields = {"d_state": 4, "n_ssm": 1}
#: what differs in the later version, by row; rows that it lacks are as in the paper's
LATER: dict[str, Fields] = {
    "listops": _SMALL
    | {"n_layers": 6, "d_model": 256, "batch_size": 32}
    | {"steps": 120_000, "warmup": 12_000},
    "text": _SMALL | {"warmup": 5000},
    "retrieval": _SMALL | {"warmup": 5000},
    "image": {
        "norm": "batch",
        "n_ssm": 1,
        "dt_lr": 1e-3,
        "steps": 180_000,
        "warmup": 18_000,
    },
    "pathfinder": {"weight_decay": 0.05, "warmup": 50_000, "pooling": "mean"},
    "pathx": {"lr": 1e-3, "ssm_lr": 1e-3, "dt_lr": 1e-3, "warmup": 50_000},
    "bidmc": {"n_ssm": 1},
}


def names() -> tuple[str, ...]:
    """Return the names of all configurations."""
    return tuple(PAPER)


def configuration(name: str, version: str = "paper") -> Published:
    """Return a published configuration.

    Args:
        name: one of `names()`.
        version: "paper" for the authors' code at the time of the paper, "head" for
            their code in 2024.

    Raises:
        ValueError: for an unknown name or version; the message lists the known ones.
    """
    _checks.one_of("name", name, PAPER)
    _checks.one_of("version", version, VERSIONS)
    row = PAPER[name]
    if version == "paper" or name not in LATER:
        return row
    changed = LATER[name]
    source = row.source.replace(_V3, _HEAD)
    assert set(changed) <= {field.name for field in fields(Published)}
    return replace(row, **(changed | {"source": source}))

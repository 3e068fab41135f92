"""The arguments of a fit, checked together with its data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from ssmlib import _checks
from ssmlib._literals import OptimizerName, Pooling
from ssmlib.models import POOLING, Ensemble, Model
from ssmlib.models.options import LayerMaker, Shape
from ssmlib.tasks.preparation import stacked
from ssmlib.tasks.split import Split
from ssmlib.training.arguments import (
    check_batches,
    check_ids,
    check_shape,
    distinct,
    usable,
)
from ssmlib.training.checkpoint import Setting, setting
from ssmlib.training.grid import Configuration, configurations, share
from ssmlib.training.slices import Slice, slices
from ssmlib.training.steps import OPTIMIZERS


class FitOptions(Shape, total=False):
    """The options of `fit` that `compare` passes to it."""

    batch_size: int
    optimizer: OptimizerName
    warmup: float
    layer: LayerMaker
    pooling: Pooling
    device: str


@dataclass(frozen=True)
class Plan:
    """A checked fit.

    Attributes:
        data: the prepared splits, stacked: one for all seeds, or one per seed.
        outputs: number of outputs of a model.
        chosen: the configurations of the grid.
        seeds: the seeds, distinct.
        epochs: number of epochs.
        batch_size: sequences per batch, at most those of the training part.
        optimizer: a name of `OPTIMIZERS`.
        warmup: share of the steps in which the rates rise.
        layer: as `models.Model`.
        device: of the training.
        shape: further options of `models.Model`.
    """

    data: Split
    outputs: int
    chosen: list[Configuration]
    seeds: list[int]
    epochs: int
    batch_size: int
    optimizer: str
    warmup: float
    layer: LayerMaker
    device: torch.device
    shape: dict[str, Any]

    @property
    def members(self) -> list[tuple[Configuration, int]]:
        """The configuration and the seed of each model, seed by seed."""
        return [(c, seed) for seed in self.seeds for c in self.chosen]

    @property
    def classes(self) -> bool:
        """Whether the targets are classes, not numbers."""
        return not self.data.y_train.is_floating_point()

    @property
    def tokens(self) -> bool:
        """Whether the inputs are tokens."""
        return self.data.x_train.dtype == torch.int64

    @property
    def channels(self) -> int:
        """Return the channels of an input; for tokens, their number with 0."""
        if self.tokens:
            return 1 + max(int(x.max()) for _, x, _ in self.data.parts())
        return self.data.x_train.shape[2]

    @property
    def steps_per_epoch(self) -> int:
        """Whole batches in the training part."""
        return self.data.x_train.shape[1] // self.batch_size

    def check_memory(self) -> None:
        """Raise ValueError for ids of tokens or classes that need too much memory."""
        data, members = self.data, len(self.chosen) * len(self.seeds)
        d_model = _checks.integer("d_model", self.shape.get("d_model", 16))
        rows = members * d_model
        if self.tokens:
            seen = sum(x.numel() for _, x, _ in data.parts())
            check_ids("tokens of x", self.channels, seen, self.channels * rows)
        if self.classes:
            seen = sum(y.numel() for _, _, y in data.parts())
            decoded = members * self.batch_size * data.y_train[0, 0].numel()
            check_ids(
                "classes of y", self.outputs, seen, self.outputs * (rows + decoded)
            )

    def model(self) -> Ensemble:
        """Make the models as they are initialized, on the CPU."""
        channels = self.channels
        return Ensemble(
            [
                Model(
                    channels,
                    self.outputs,
                    layer=self.layer,
                    init=c.init,
                    later_dt=c.later_dt,
                    frozen=c.frozen,
                    tokens=self.tokens,
                    seed=seed,
                    **self.shape,
                )
                for c, seed in self.members
            ]
        )

    def setting(self, model: Ensemble) -> Setting:
        """Describe the fit for its checkpoint.

        Args:
            model: the ensemble as it was initialized, on the CPU.

        Raises:
            ValueError: as `checkpoint.setting`.
        """
        options = {
            "configurations": self.chosen,
            "seeds": self.seeds,
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "warmup": self.warmup,
            "optimizer": self.optimizer,
        }
        return setting(model, self.data, self.device, options)

    def slices(self, model: Ensemble) -> list[Slice]:
        """Return the slices of the ensemble that are computed one after another.

        Args:
            model: the ensemble.
        """
        x = self.data.x_train
        B, L = self.batch_size, x.shape[-1]
        return slices(model, len(self.seeds), B, L, x.device)

    def on_device(self) -> Plan:
        """Return the plan with its data on the device."""
        moved = {n: part.to(self.device) for n, part in self.data.tensors().items()}
        return replace(self, data=replace(self.data, **moved))


def plan(
    data: Split | Sequence[Split],
    grid: Mapping | Sequence[Mapping],
    *,
    seeds: Sequence[int],
    epochs: int,
    batch_size: int,
    optimizer: str,
    warmup: float,
    layer: LayerMaker,
    pooling: Pooling,
    device: str | torch.device,
    shape: Mapping[str, Any],
) -> Plan:
    """Check the arguments of `fit`.

    Args:
        data: as `fit`.
        grid: as `fit`.
        seeds: as `fit`.
        epochs: as `fit`.
        batch_size: as `fit`.
        optimizer: as `fit`.
        warmup: as `fit`.
        layer: as `fit`.
        pooling: as `fit`.
        device: as `fit`.
        shape: further options of `models.Model`.

    Raises:
        TypeError: as `fit`.
        ValueError: as `fit`, for data and options.
    """
    chosen = configurations(grid)
    seeds = distinct(seeds)
    _checks.integer("epochs", epochs)
    _checks.integer("batch_size", batch_size)
    _checks.one_of("optimizer", optimizer, OPTIMIZERS)
    _checks.one_of("pooling", pooling, POOLING)
    warmup = share("warmup", warmup)
    check_shape(shape)
    found = usable(device)
    prepared, outputs = stacked(data, len(seeds), sequence=pooling == "none")
    batch_size = min(batch_size, prepared.x_train.shape[1])
    check_batches(prepared.y_train, seeds, epochs, batch_size)
    planned = Plan(
        prepared,
        outputs,
        chosen,
        seeds,
        epochs,
        batch_size,
        optimizer,
        warmup,
        layer,
        found,
        {"pooling": pooling, **shape},
    )
    planned.check_memory()
    return planned

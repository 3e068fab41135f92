"""The arguments of a fit, checked together with its data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from ssmlib import _checks
from ssmlib._literals import OptimizerName, Pooling
from ssmlib.models import POOLING, Ensemble
from ssmlib.models.options import LayerMaker, Shape
from ssmlib.tasks.preparation import stacked
from ssmlib.tasks.split import Split
from ssmlib.training.arguments import (
    check_batches,
    check_ids,
    check_shape,
    distinct,
    usable,
    warm,
)
from ssmlib.training.batches import placed
from ssmlib.training.checkpoint import Setting, setting
from ssmlib.training.grid import Configuration, configurations, number
from ssmlib.training.recipe import Recipe
from ssmlib.training.result import Fit
from ssmlib.training.slices import Slice, slices
from ssmlib.training.start import begin, digest, done
from ssmlib.training.steps import OPTIMIZERS


class FitOptions(Shape, total=False):
    """The options of `fit` that `compare` passes to it."""

    batch_size: int
    optimizer: OptimizerName
    warmup: float
    clip: float | None
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
        warmup: share of the steps in which the rates rise, or their number as an int.
        clip: largest norm of the gradient of a model; None for no limit.
        layer: as `models.Model`.
        device: of the training.
        start: an earlier fit from which the models begin; None for none.
        done: number of its epochs.
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
    clip: float | None
    layer: LayerMaker
    device: torch.device
    start: Fit | None
    done: int
    shape: dict[str, Any]

    @property
    def recipe(self) -> Recipe:
        """The arguments of the models."""
        return Recipe(
            self.channels,
            self.outputs,
            self.tokens,
            self.data.x_train.shape[-1],
            self.chosen,
            self.seeds,
            self.layer,
            self.shape,
        )

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
        """Make the models as they begin, on the CPU.

        Raises:
            ValueError: for a start of another grid, other seeds or another shape.
        """
        recipe = self.recipe
        model = recipe.models()
        if self.start is not None:
            begin(self.start, recipe, self.classes, model)
        return model

    def setting(self, model: Ensemble) -> Setting:
        """Return the settings that a checkpoint of the fit stores.

        Args:
            model: the ensemble as it begins, on the CPU.

        Raises:
            ValueError: as `checkpoint.setting`.
        """
        options: dict[str, Any] = {
            "configurations": self.chosen,
            "seeds": self.seeds,
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "warmup": self.warmup,
            "optimizer": self.optimizer,
        }
        if self.clip is not None:
            options["clip"] = self.clip
        if self.start is not None:
            options["start"] = digest(self.start)
        return setting(model, self.data, self.device, options)

    def slices(self, model: Ensemble) -> list[Slice]:
        """Return the slices of the ensemble that are computed one after another.

        Args:
            model: the ensemble.
        """
        B, L = self.batch_size, self.data.x_train.shape[-1]
        return slices(model, len(self.seeds), B, L, self.device)

    def on_device(self) -> Plan:
        """Return the plan with its data on the device, if they fit there."""
        return replace(self, data=placed(self.data, self.device))


def plan(
    data: Split | Sequence[Split],
    grid: Mapping | Sequence[Mapping],
    *,
    seeds: Sequence[int],
    epochs: int,
    batch_size: int,
    optimizer: str,
    warmup: float,
    clip: float | None,
    layer: LayerMaker,
    pooling: Pooling,
    start: Fit | None,
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
        clip: as `fit`.
        layer: as `fit`.
        pooling: as `fit`.
        start: as `fit`.
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
    clip = None if clip is None else _checks.positive("clip", number("clip", clip))
    check_shape(shape)
    found = usable(device)
    prepared, outputs = stacked(data, len(seeds), sequence=pooling == "none")
    batch_size = min(batch_size, prepared.x_train.shape[1])
    rising = warm(warmup, epochs * (prepared.x_train.shape[1] // batch_size))
    before = done(start)
    check_batches(prepared.y_train, seeds, range(before, before + epochs), batch_size)
    planned = Plan(
        prepared,
        outputs,
        chosen,
        seeds,
        epochs,
        batch_size,
        optimizer,
        rising,
        clip,
        layer,
        found,
        start,
        before,
        {"pooling": pooling, **shape},
    )
    planned.check_memory()
    return planned

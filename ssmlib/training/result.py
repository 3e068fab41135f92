"""The result of a fit: its tables and its models; it can be saved and loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ssmlib import figures
from ssmlib._imports import optional
from ssmlib.models import Ensemble, Model
from ssmlib.models.options import LayerMaker
from ssmlib.training import saved
from ssmlib.training.grid import KEYS
from ssmlib.training.isolation import isolated

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
else:
    pd = optional("pandas", "train")


@dataclass
class Progress:
    """The progress of a fit.

    Attributes:
        alive: (E,) bool, False for models that diverged.
        survived: (E,) int64, the number of epochs with a finite loss.
        history: per epoch the losses and, for classes, the accuracy, (3, E).
    """

    alive: Tensor
    survived: Tensor
    history: list[Tensor]


@dataclass(frozen=True)
class Fit:
    """The result of `fit`.

    Attributes:
        table: one row per configuration and seed: the configuration, `seed`, `status`
            ("finished" or "diverged"), `epochs` (the number of epochs with a finite
            loss), the values of the last epoch, and `test_loss` and, for classes,
            `test_accuracy`, which are computed once, at the end.
        curves: one row per epoch and row of the table: `run` (the row of the table),
            `epoch` (from 1), `train_loss`, `valid_loss` and, for classes,
            `valid_accuracy`.
        model: all trained models; `model.member(k)` is the model of row k of the table.
        seconds: wall time of the training in this call, in seconds.
        made: how the models are made, as plain values, for `save` and for `start`.
    """

    table: pd.DataFrame
    curves: pd.DataFrame
    model: Ensemble
    seconds: float
    made: dict[str, Any] = field(default_factory=dict, repr=False)

    def best(self) -> Model:
        """Return the finished model with the lowest validation loss of its last epoch.

        Of equal ones it is the first.

        Raises:
            ValueError: if all models diverged, or no validation loss is finite.
        """
        losses = self.table.valid_loss.to_numpy(dtype=float)
        usable = (self.table.status == "finished").to_numpy() & np.isfinite(losses)
        if not usable.any():
            raise ValueError(
                "no model finished with a finite validation loss: train with lower "
                "rates"
            )
        return self.model.member(int(np.where(usable, losses, np.inf).argmin()))

    def predict(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the outputs of the best model, as `Model.predict`.

        Args:
            x: as `Model.predict`.
            lengths: as `Model.predict`.

        Raises:
            TypeError: as `Model.predict`.
            ValueError: as `best` and `Model.predict`.
        """
        return self.best().predict(x, lengths)

    def figure(self) -> Figure:
        """Draw the validation loss by epoch, one curve per configuration.

        Several seeds of a configuration are one curve with a band of one standard error
        to each side. A label states the values in which the configurations differ.
        """
        curves = self.curves.pivot(index="run", columns="epoch", values="valid_loss")
        own = self.table.drop(columns=[n for n in self.table if n not in KEYS])
        names = [n for n in own if len(set(own[n].astype(str).tolist())) > 1]
        columns = [own[n].astype(str).tolist() for n in names]
        rows = zip(*columns, strict=True) if names else [()] * len(own)
        texts = [
            ", ".join(f"{n} = {v}" for n, v in zip(names, row, strict=True))
            for row in rows
        ]
        labels = np.array([text or "validation" for text in texts])
        drawn = {}
        for label in dict.fromkeys(labels):
            draws = curves.to_numpy()[labels == label]
            drawn[label] = draws if len(draws) > 1 else draws[0]
        positive = bool(np.all(self.curves.valid_loss.to_numpy() > 0))
        epochs = curves.columns.to_numpy()
        figure, _ = figures.sweep(
            epochs,
            drawn,
            log="y" if positive else "",
            xlabel="epoch",
            ylabel="validation loss",
        )
        return figure

    @isolated()
    def save(self, path: str | Path) -> None:
        """Write the tables and all models to a file, which `load` reads.

        An existing file is replaced. An interruption leaves it as it was.

        Args:
            path: the file, in a folder that exists.

        Raises:
            TypeError: for something else than a path.
            ValueError: for a place that cannot be written to, a fit that neither `fit`
                nor `load` returned, or a table with values that a file cannot store.
        """
        if not self.made:
            raise ValueError("save needs a fit that fit or load returned")
        saved.write(path, self.table, self.curves, self.model, self.seconds, self.made)


@isolated()
def load(path: str | Path, *, layer: LayerMaker | None = None) -> Fit:
    """Read a fit from a file that `Fit.save` wrote.

    The models are on the CPU, and give the same outputs as those that were saved. No
    code is read from the file.

    Args:
        path: the file.
        layer: the layer of the fit, if it is not one of this package or a
            `functools.partial` of one with plain options.

    Raises:
        TypeError: for something else than a path.
        ValueError: for a file that is damaged, of another kind or of a newer version;
            or for a layer that is missing, or is not the layer of the fit.
    """
    return Fit(*saved.read(path, layer))


def curves_of(history: list[Tensor], classes: bool) -> pd.DataFrame:
    """Return the curves of a fit.

    Args:
        history: as `Progress`.
        classes: whether the targets are classes.
    """
    E = history[0].shape[1]
    names = ("train_loss", "valid_loss", "valid_accuracy")[: 3 if classes else 2]
    values = torch.stack(history)  # (epochs, 3, E)
    index = pd.MultiIndex.from_product(
        [range(1, len(history) + 1), range(E)], names=["epoch", "run"]
    )
    columns = {name: values[:, k].flatten().numpy() for k, name in enumerate(names)}
    return pd.DataFrame(columns, index=index).reset_index()


def table_of(
    rows: Sequence[dict],
    progress: Progress,
    curves: pd.DataFrame,
    test: tuple[Tensor, Tensor],
) -> pd.DataFrame:
    """Return one row per model: its configuration, its last epoch and its test.

    Args:
        rows: the configuration and the seed of each model.
        progress: at the end of the training.
        curves: of the fit.
        test: the loss and the accuracy of each model in the test part, (E,) each.
    """
    table = pd.DataFrame(rows)
    table["status"] = np.where(progress.alive.cpu(), "finished", "diverged")
    table["epochs"] = progress.survived.cpu().numpy()
    last = curves[curves.epoch == len(progress.history)].set_index("run")
    table = table.join(last.drop(columns="epoch"))
    loss, right = test
    table["test_loss"] = loss.cpu().numpy()
    if "valid_accuracy" in curves:
        table["test_accuracy"] = right.cpu().numpy()
    return table

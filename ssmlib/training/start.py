"""A fit that begins from the models of an earlier one."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ssmlib import _sameness
from ssmlib.models import Ensemble
from ssmlib.training import recipe
from ssmlib.training.recipe import Recipe
from ssmlib.training.result import Fit, Progress

if TYPE_CHECKING:
    import pandas as pd

#: attributes of modules that the grid and the seeds determine, or the last call
FREE = ("training", "init", "seed")


def done(start: Fit | None) -> int:
    """Return the number of epochs of an earlier fit, 0 for none.

    Args:
        start: the fit.

    Raises:
        TypeError: for something else than a fit.
        ValueError: for a fit whose models cannot be made again.
    """
    if start is None:
        return 0
    if not isinstance(start, Fit):
        raise TypeError(
            "start must be the result of fit, which has the number of epochs and the "
            f"state of each model, or None, got {type(start).__name__}"
        )
    if not start.made:
        raise ValueError("start must be a fit that fit or load returned")
    return len(_history(start))


def begin(start: Fit, wanted: Recipe, classes: bool, model: Ensemble) -> None:
    """Set the parameters and buffers of the models to those of an earlier fit.

    Args:
        start: the earlier fit.
        wanted: the recipe of the models.
        classes: whether the targets are classes.
        model: the models as they were initialized, on the CPU.

    Raises:
        ValueError: for a fit of another grid, other seeds or another shape.
    """
    one = _described(start.made, "valid_accuracy" in start.curves)
    other = _described(wanted.packed(), classes)
    found = _sameness.differences(one, other)
    if not found:
        found = _sameness.differences(*map(_structure, (start.model, model)))
    if found:
        more = f" and {len(found) - 5} more" if len(found) > 5 else ""
        raise ValueError(
            "start must be a fit of the same grid, seeds and shape; it differs in "
            f"{', '.join(found[:5])}{more} (in brackets: its value and that of this "
            "call)"
        )
    recipe.set_state(model, recipe.state(start.model))


def _described(made: dict[str, Any], classes: bool) -> dict[str, str]:
    """Return what must be the same, as texts by name."""
    found: dict[str, Any] = {
        f"grid[{k}] {key}": value
        for k, own in enumerate(made["chosen"])
        for key, value in {**own, **own["init"]}.items()
        if key != "init"
    }
    found |= {name: made[name] for name in ("seeds", "channels", "outputs", "tokens")}
    found["targets"] = "classes" if classes else "numbers"
    return {name: _sameness.text(value) for name, value in found.items()}


def _structure(model: Ensemble) -> dict[str, str]:
    return _sameness.structure(model.stacked, FREE, strict=False)


def progress(start: Fit | None, size: int, device: torch.device) -> Progress:
    """Return the progress from which a fit begins.

    Args:
        start: the earlier fit; None for none.
        size: number of models.
        device: of the training.
    """
    if start is None:
        alive = torch.ones(size, dtype=torch.bool, device=device)
        return Progress(alive, torch.zeros_like(alive, dtype=torch.int64), [])
    table = start.table.sort_index()
    alive = torch.tensor((table.status == "finished").tolist(), device=device)
    survived = torch.tensor(table.epochs.tolist(), device=device)
    return Progress(alive, survived, _history(start))


def _history(start: Fit) -> list[Tensor]:
    """Return the history, as in `Progress`, from the curves."""
    E, curves = start.model.size, start.curves.sort_values(["epoch", "run"])
    epochs = len(curves) // E
    rows = [(epoch, run) for epoch in range(1, epochs + 1) for run in range(E)]
    if list(zip(curves.epoch, curves.run, strict=True)) != rows or not rows:
        raise ValueError(
            "start must have curves with one row per epoch and model, as fit returned "
            f"them, got {len(curves)} rows for {E} models"
        )
    columns = [_column(curves, name) for name in ("train_loss", "valid_loss")]
    accuracy = torch.full_like(columns[0], torch.nan)  # of a regression
    if "valid_accuracy" in curves:
        accuracy = _column(curves, "valid_accuracy")
    return list(torch.stack([*columns, accuracy], 1).unflatten(0, (epochs, E)).mT)


def _column(curves: pd.DataFrame, name: str) -> Tensor:
    return torch.tensor(curves[name].to_numpy())


def digest(start: Fit) -> str:
    """Return the SHA-256 of the models, the status and the curves of a fit.

    Args:
        start: the fit.
    """
    values = recipe.state(start.model)
    begun = progress(start, start.model.size, torch.device("cpu"))
    tensors = {**values["stored"], **values["passing"], "alive": begun.alive}
    tensors |= {"survived": begun.survived, "history": torch.stack(begun.history)}
    content_hash = hashlib.sha256()
    for name, value in tensors.items():
        content_hash.update(f"{name} {_sameness.text(value)}".encode())
    return content_hash.hexdigest()

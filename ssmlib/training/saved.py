"""The file of a fit: its tables and the parameters of all its models."""

from __future__ import annotations

import os
import pickle
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ssmlib._imports import optional
from ssmlib.models import Ensemble
from ssmlib.models.options import LayerMaker
from ssmlib.models.packed import unpacked_layer
from ssmlib.models.plain import plain
from ssmlib.training import files, recipe

if TYPE_CHECKING:
    import pandas as pd
else:
    pd = optional("pandas", "train")

VERSION = 1
#: the first line of the file; the SHA-256 of the rest is the second
FORMAT = b"fit of ssmlib.training, format %d\n"
#: relative difference of outputs that another rounding explains
ROUNDING = 1e-3


def write(
    path: str | Path,
    table: pd.DataFrame,
    curves: pd.DataFrame,
    model: Ensemble,
    seconds: float,
    made: dict[str, Any],
) -> None:
    """Write a fit to a file, whole or not at all.

    Args:
        path: the file.
        table: of the fit.
        curves: of the fit.
        model: the trained models.
        seconds: of the training.
        made: the packed recipe of the models.

    Raises:
        TypeError: for something else than a path.
        ValueError: for a place that cannot be written to, or a value in a table that a
            file cannot store.
    """
    file = files.place("path", path)
    try:
        made = plain(made)
    except TypeError as error:
        raise ValueError(
            f"grid must hold numbers, texts and pairs of them, to be stored in a file; "
            f"{error}"
        ) from None
    content = {
        "table": _packed("table", table),
        "curves": _packed("curves", curves),
        "state": _state(model),
        "seconds": float(seconds),
        "made": made,
        "outputs": _outputs(model, made).cpu(),
    }
    files.write(file, FORMAT % VERSION, content)


def read(path: str | Path, layer: LayerMaker | None) -> tuple:
    """Return the arguments of `write` from its file, on the CPU.

    Args:
        path: the file.
        layer: a layer of the user's own; None for one of this package.

    Raises:
        TypeError: for something else than a path.
        ValueError: for a damaged file, one of another kind or of a newer version, or a
            layer that is missing or another one.
    """
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"path must be a path, got {path!r}")
    file = Path(path)
    raw = files.content("path", file)
    _check_first_line(file, raw)
    try:
        content = files.unpacked(raw, FORMAT % VERSION, "cpu")
    except pickle.UnpicklingError:
        raise ValueError(
            f"path {file} holds something else than tensors and plain values: Fit.save "
            "did not write it"
        ) from None
    if content is None:
        raise ValueError(
            f"path {file} is damaged: its content does not match its checksum; use a "
            "copy of the file, or train again"
        )
    made = content["made"]
    found = recipe.unpacked(made, unpacked_layer(made["layer"], layer))
    try:
        model = found.models()
        recipe.set_state(model, content["state"])
    except (RuntimeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"layer must be the layer of the fit, but does not fit its file: {error}"
        ) from None
    model.eval()  # as `fit` leaves it
    if not _close(_outputs(model, made), content["outputs"]):
        raise ValueError(
            "layer must be the layer of the fit, but with the same parameters its "
            "outputs differ"
        )
    tables = _unpacked(content["table"]), _unpacked(content["curves"])
    return *tables, model, content["seconds"], made


def _state(model: Ensemble) -> dict[str, Any]:
    """Return the state of the models, if a file can store it."""
    found = recipe.state(model)
    for name, value in found["stored"].items():
        try:
            found["stored"][name] = plain(value)
        except TypeError as error:
            raise ValueError(
                f"layers must have a state of tensors and plain values, to be stored "
                f"in a file, but of {name} save {error}"
            ) from None
    return found


def _check_first_line(file: Path, raw: bytes) -> None:
    """Raise ValueError for a file of another kind or of a newer version."""
    pattern = re.escape(FORMAT).replace(b"%d", rb"([1-9]\d{0,8})")
    found = re.match(pattern, raw)
    if found is None:
        kind = "its first line is not that of one, or is damaged"
        if raw.startswith(b"checkpoint of "):
            kind = "it is a checkpoint: give it to the call that wrote it"
        raise ValueError(f"path {file} is not a file of Fit.save: {kind}")
    version = int(found[1])
    if version > VERSION:
        raise ValueError(
            f"path {file} was written by a newer version of ssmlib, in format "
            f"{version}, and this one reads formats up to {VERSION}: update ssmlib"
        )


@torch.no_grad()
def _outputs(model: Ensemble, made: dict[str, Any]) -> Tensor:
    """Return outputs of each model for one input, if the layer is the user's own.

    A file stores no code of such a layer, and the same parameters in another layer may
    be another map. The outputs show this.
    """
    if not (isinstance(made["layer"], dict) and "own" in made["layer"]):
        return torch.zeros(model.size, 0)
    device = next(model.parameters()).device
    steps = torch.arange(made["length"])
    x = steps % made["channels"]
    if not made["tokens"]:
        phases = torch.arange(1, made["channels"] + 1)[:, None] * steps
        x = torch.cos(0.1 * phases)
        x = x.to(model.stacked.encoder.dtype)
    x = x.to(device)
    was_training, found = model.training, []
    model.eval()
    for k in range(model.size):  # one by one, for little memory
        out = model(x[None, None], members=slice(k, k + 1))
        found.append(out.double().flatten())
    model.train(was_training)
    return torch.stack(found)


def _close(one: Tensor, other: Tensor) -> bool:
    """Return whether outputs agree to rounding, where they are finite."""
    if one.shape != other.shape:
        return False
    size = other.nan_to_num().abs().amax(-1, keepdim=True) if other.numel() else other
    near = (one - other).abs() <= ROUNDING * size
    return bool((near | ~other.isfinite()).all())


def _packed(name: str, frame: pd.DataFrame) -> dict[str, Any]:
    """Return a table as plain values."""
    columns = {}
    for column in frame.columns:
        values = frame[column]
        try:
            columns[column] = str(values.dtype), plain(values.tolist())
        except TypeError as error:
            raise ValueError(
                f"{name} must hold numbers, texts and tuples of them, to be stored in "
                f"a file; column {column!r}: {error}"
            ) from None
    return {"columns": columns, "index": plain(frame.index.tolist())}


def _unpacked(packed: dict[str, Any]) -> pd.DataFrame:
    """Return the table that `_packed` stored."""
    index = packed["index"]
    if index == list(range(len(index))):
        index = range(len(index))
    return pd.DataFrame(
        {
            name: pd.Series(values, index=index, dtype=dtype)
            for name, (dtype, values) in packed["columns"].items()
        }
    )

"""A reader's own data: a file of theirs, or the name of a data set of ours."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ssmlib import _checks
from ssmlib._imports import optional
from ssmlib.tasks import images, series

_IMAGES = {
    "digits": images.digits,
    "mnist": images.mnist,
    "patches": images.patches,
}


def names() -> tuple[str, ...]:
    """The data sets `load` knows by name."""
    return (*series.names(), *_IMAGES)


def load(source: str, column: str | None = None) -> Tensor:
    """One series (T,) or sequences (n, L), float64, as they are in `source`.

    source: a .csv file with a header, of which `column` is read (the only one, if
    None); a .npy file with an array (T,) or (n, L), read without pickles; or
    one of `names()`, of images their training part. Raises ValueError for another
    name (the error lists them), text or gaps in a column, a column that is not
    there, other shapes; TypeError for complex numbers.
    """
    path = Path(source)
    if column is not None and path.suffix != ".csv":
        raise ValueError(f"column goes with a .csv file only, not with {source}")
    if path.suffix == ".csv":
        values = _csv(path, column)
    elif path.suffix == ".npy":
        values = _npy(path)
    elif source in _IMAGES:
        return _IMAGES[source]().x_train.double()
    else:
        try:
            _checks.one_of("source", source, names())
        except ValueError as error:
            raise ValueError(f"{error}; or a file that ends in .csv or .npy") from None
        return series.load(source).values
    if np.iscomplexobj(values):
        raise TypeError(f"{source} must hold real numbers, got {values.dtype}")
    return _checks.finite(source, torch.from_numpy(values.astype(np.float64)))


def _csv(path: Path, column: str | None) -> np.ndarray:
    pandas = optional("pandas", "data")
    if not path.is_file():
        raise ValueError(f"there is no file {path}")
    # An empty line is a gap, not nothing.
    with warnings.catch_warnings(action="error", category=pandas.errors.ParserWarning):
        try:  # decimal commas must not shift columns, nor a field become an index
            table = pandas.read_csv(path, skip_blank_lines=False, index_col=False)
        except pandas.errors.ParserWarning as error:
            raise ValueError(f"{path} has rows with more fields than names") from error
    columns = [str(name) for name in table.columns]
    if column is None and len(columns) == 1:
        (column,) = columns
    if column is None:
        raise ValueError(f"column must be given, one of {', '.join(columns)}")
    _checks.one_of("column", column, columns)
    values = table[column]
    read = pandas.to_numeric(values, errors="coerce").to_numpy(dtype=float)
    bad = np.flatnonzero(~np.isfinite(read))
    if len(bad):
        line, what = bad[0] + 2, values.iloc[bad[0]]
        what = "a gap" if pandas.isna(what) else repr(what)
        raise ValueError(
            f"column {column!r} of {path} must hold numbers throughout: line {line} "
            f"has {what} ({len(bad)} such lines); fill or cut them first"
        )
    return read


def _npy(path: Path) -> np.ndarray:
    if not path.is_file():
        raise ValueError(f"there is no file {path}")
    try:
        values = np.load(path, allow_pickle=False)
    except ValueError as error:
        raise ValueError(
            f"{path} must be a .npy file without pickles: {error}"
        ) from None
    if values.dtype.kind not in "iufc" or values.ndim not in (1, 2):
        raise ValueError(
            f"{path} must hold numbers, (T,) or (n, L), got {values.dtype} "
            f"{values.shape}"
        )
    return values

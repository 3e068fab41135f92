"""Load a user's own data: a file, or a data set of this library by its name."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ssmlib.tasks import datasets, tables
from ssmlib.tasks._headers import shown


def names() -> tuple[str, ...]:
    """Return the names of the data sets that `load` knows."""
    return datasets.names("series", "images")


def load(source: str, column: str | None = None) -> Tensor:
    """Load one series or independent sequences, in the scale that they have.

    Args:
        source: a text table whose name ends in .csv, .tsv or .txt; a .npy file with an
            array (T,) or (n, L); or one of `names()`; for an image data set,
            its training part is loaded.
        column: the column of a text table, by its name, or by its number, from 1, if
            the table has no header; None if it has one column only.

    Returns:
        (T,) or (n, L), float64.

    Raises:
        TypeError: if source is neither a string nor a path, if column is not a
            string, or if an array is complex.
        ValueError: for another name, with the names that are known; for a file that is
            missing, empty, of another kind or damaged; for text, gaps, Booleans, NaN or
            infinity; for a column that is missing or ambiguous; for other shapes.
    """
    return read(source, column)[0]


def read(source: str, column: str | None = None) -> tuple[Tensor, tuple[str, ...]]:
    """Load data as `load` does, with a sentence for each guess about the file.

    Args:
        source: as for `load`.
        column: as for `load`.

    Returns:
        The values, and the guesses.

    Raises:
        TypeError: as `load`.
        ValueError: as `load`.
    """
    if not isinstance(source, str | os.PathLike):
        raise TypeError(f"source must be a text or a path, got {type(source).__name__}")
    if column is not None and not isinstance(column, str):
        raise TypeError(
            f"column must be a text, its name or number, or None, got {column!r}"
        )
    source = os.fspath(source)
    path = Path(source)
    try:
        path.exists()
    except OSError as error:  # a name that is too long, for example
        raise ValueError(
            f"source must be a name that a file can have, got {shown(source)}: "
            f"{error.strerror}"
        ) from None
    kind = path.suffix.lower()
    if column is not None and kind not in tables.SUFFIXES:
        raise ValueError(
            f"column goes with a table ({', '.join(tables.SUFFIXES)}) only, not with "
            f"{source}"
        )
    if kind in tables.SUFFIXES:
        values, notes = tables.read(path, column)
    elif kind == ".npy":
        values, notes = _npy(path)
    elif source in datasets.names("images"):
        found = datasets.DATASETS[source].load().x_train.double()
        return found, ("The training part of the images.",)
    elif source in datasets.names("series"):
        return datasets.DATASETS[source].load().values, ()
    else:
        raise _unknown(source)
    return torch.from_numpy(np.array(values)), notes  # writable, not of a mapped file


def _unknown(source: str) -> ValueError:
    endings = ", ".join((*tables.SUFFIXES, ".npy"))
    if Path(source).exists():
        return ValueError(
            f"{source} must be a file whose name ends in {endings}: unpack it, or save "
            "it as one of these"
        )
    return ValueError(
        f"source must be one of {', '.join(sorted(names()))}, or a file that ends in "
        f"{endings}; got {shown(source)}"
    )


def _npy(path: Path) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the array of a .npy file as float64, and notes on its shape."""
    values = _mapped(path)
    kind, shape = values.dtype.kind, values.shape
    if kind == "c":
        raise TypeError(f"{path} must hold real numbers, got {values.dtype}")
    if kind not in "iuf":
        raise ValueError(
            f"{path} must hold integers or floating-point numbers, got {values.dtype}"
        )
    if values.ndim not in (1, 2) or not values.size:
        raise ValueError(
            f"{path} must hold numbers of shape (T,), one series, or (n, L), "
            f"sequences, got shape {shape}"
        )
    if kind in "iu" and max(abs(int(values.max())), abs(int(values.min()))) >= 2**53:
        raise ValueError(
            f"{path} has integers beyond 2**53, which float64 cannot represent: "
            "subtract an offset first"
        )
    with np.errstate(over="ignore"):  # beyond float64: infinity, found below
        read = np.ascontiguousarray(values, dtype=np.float64)
    bad = np.argwhere(~np.isfinite(read))
    if len(bad):
        at = ", ".join(str(k) for k in bad[0])
        raise ValueError(
            f"{path} must be finite, got {read[tuple(bad[0])]} at [{at}] ({len(bad):,} "
            "such values): fill or cut them first"
        )
    if len(shape) == 2 and 1 in shape:
        return read.reshape(-1), (f"Its shape {shape} is read as one series.",)
    notes = ("Each row of the file is one sequence.",) if len(shape) == 2 else ()
    return read, notes


def _mapped(path: Path) -> np.ndarray:
    """The array in a .npy file, not yet read, so that a wrong size costs no memory."""
    if path.is_dir():
        raise ValueError(f"{path} is a folder: name a file in it")
    if not path.is_file():
        raise ValueError(f"there is no file {path}")
    with path.open("rb") as file:
        start = file.read(6)
    if start.startswith(b"PK"):
        raise ValueError(
            f"{path} is a zip archive, as .npz files are: save one array by numpy.save"
        )
    if start != b"\x93NUMPY":
        raise ValueError(
            f"{path} must be a .npy file without pickles, as numpy.save writes it: its "
            "first bytes are not those of one" + ("" if start else ", it is empty")
        )
    try:
        values = np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError:
        raise
    except Exception as error:  # a damaged header raises nearly any kind
        reason = str(error)
        if "mmap length" in reason:
            reason = "the file is shorter than its header says"
        raise ValueError(
            f"{path} must be a complete .npy file of numbers, without pickles: {reason}"
        ) from None
    left = path.stat().st_size - values.offset - values.nbytes
    if left > 0:
        raise ValueError(
            f"{path} must hold one array alone, got {left:,} bytes after it: save each "
            "array in a file of its own"
        )
    return values

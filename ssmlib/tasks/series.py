"""Real series from installed packages, from near-white to near-constant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, overload

import numpy as np
import torch
from torch import Tensor

from ssmlib import _checks, _scale
from ssmlib._imports import optional
from ssmlib.autocorrelation import windows
from ssmlib.tasks import datasets
from ssmlib.tasks.datasets import DATASETS
from ssmlib.tasks.files import packaged
from ssmlib.tasks.split import Split, evenly

if TYPE_CHECKING:
    import pandas as pd
else:
    pd = optional("pandas", "data")


@dataclass(frozen=True)
class Series:
    """A real series and its origin.

    Attributes:
        name: its name in `names()`.
        values: (T,) float64, in `unit`.
        unit: the unit, with the time between two values.
        licence: the license, as the package states it.
        citation: a key of the book's references.
    """

    name: str
    values: Tensor
    unit: str
    licence: str
    citation: str


def _changes(table: pd.DataFrame) -> np.ndarray:
    return np.diff(_log_price(table))


def _co2(table: pd.DataFrame) -> np.ndarray:
    """Weekly; the gaps (59 of 2284 weeks) are filled by straight lines."""
    return table["co2"].interpolate().to_numpy(dtype=float)


def _log_volume(table: pd.DataFrame) -> np.ndarray:
    """Days without a volume are left out."""
    volume = table["Volume"].to_numpy(dtype=float)
    return np.log(volume[volume > 0])


def _log_price(table: pd.DataFrame) -> np.ndarray:
    return np.log(table["Adj Close"].to_numpy(dtype=float))


def _oil(table: pd.DataFrame) -> np.ndarray:
    """Days without a price are left out."""
    return np.log(table["DCOILWTICO"].dropna().to_numpy(dtype=float))


def _index(table: pd.DataFrame) -> np.ndarray:
    """Days without a value are left out."""
    return table["vix"].dropna().to_numpy(dtype=float)


def _column(name: str) -> Callable[[pd.DataFrame], np.ndarray]:
    return lambda table: table[name].to_numpy(dtype=float)


#: by name, how the values follow from the table in the file
_VALUES: dict[str, Callable[[pd.DataFrame], np.ndarray]] = {
    "seattle_rain": _column("precipitation"),
    "seattle_wind": _column("wind"),
    "sp500_returns": _changes,
    "sp500_abs_returns": lambda table: np.abs(_changes(table)),
    "co2_change": lambda table: np.diff(_co2(table)),
    "elnino": lambda table: table.to_numpy(dtype=float)[:, 1:].reshape(-1),
    "seattle_tmax": _column("temp_max"),
    "sf_temperature": _column("temp"),
    "co2": _co2,
    "sp500_log_price": _log_price,
    "seattle_temperature": _column("temp"),
    "vix": _index,
    "nasdaq_volume": _log_volume,
    "seattle_tmin": _column("temp_min"),
    "oil_change": lambda table: np.diff(_oil(table)),
    "oil_log_price": _oil,
    "market_return": _column("Mkt-RF"),
    "value_return": _column("HML"),
    "bill_rate": _column("RF"),
    "bond_yield": _column("BAA"),
    "core_inflation": lambda table: np.diff(np.log(_column("CPILFESL")(table))),
}

#: no choice in this project was made on these; chapter `real-series` tests
#: `recommend` on them
HELD_OUT = tuple(n for n, entry in DATASETS.items() if entry.held_out)


def names() -> tuple[str, ...]:
    """Return the names of the series that `load` knows."""
    return datasets.names("series")


def load(name: str) -> Series:
    """Return a real series, neither centered nor scaled.

    Args:
        name: one of `names()`.

    Raises:
        ModuleNotFoundError: if the package with the file is missing.
        ValueError: for an unknown name, or a file with other content.
    """
    about = DATASETS[_checks.one_of("name", name, names())]
    table = pd.read_csv(packaged(about.files[0]), na_values=".")
    values = torch.tensor(_VALUES[name](table), dtype=torch.float64, device="cpu")
    values = _checks.finite(name, values)
    return Series(name, values, about.unit, about.license, about.citations[0])


def block(name: str, seed: int = 0) -> Tensor:
    """Return a block of four fifths of a series, scaled by the block's first half.

    The first half of the block has mean 0 and mean square 1.

    Args:
        name: one of `names()`.
        seed: places the block, a non-negative integer.

    Returns:
        (T,) float64.

    Raises:
        ModuleNotFoundError: as `load`.
        TypeError: if seed is not an integer.
        ValueError: as `load`, and for a negative seed.
    """
    return _block(load(name).values, _checks.integer("seed", seed, least=0))


def _block(values: Tensor, seed: int) -> Tensor:
    values = _series(values)
    values = _scale.shifted(values, _scale.shift(values))  # the block has no unit
    size = len(values) * 4 // 5
    at = np.random.default_rng(seed).integers(len(values) - size + 1)
    values = values[at : at + size]
    largest = values.abs().max()
    values = values - _scale.offsets(values)
    first = values[: size // 2]
    deviation = first.std(correction=0) if len(first) else first.sum()
    if not deviation > 1e-12 * largest:
        raise ValueError(
            "values must vary in the first half of the block, which sets the scale, "
            f"got {len(first)} constant values there"
        )
    return (values - first.mean()) / deviation


@dataclass(frozen=True)
class Scaling:
    """The scaling of a series: scaled values are (values - mean) / deviation.

    Attributes:
        mean: of the training part, in the unit of the series.
        deviation: standard deviation of the training part, in that unit.
    """

    mean: float
    deviation: float

    def scaled(self, values: Tensor) -> Tensor:
        """Return values of the series as a model reads them, in float32.

        Args:
            values: of any shape, in the unit of the series.
        """
        return ((values.double() - self.mean) / self.deviation).float()

    def original(self, values: Tensor) -> Tensor:
        """Return predictions in the unit of the series, in float64.

        Args:
            values: of any shape, as a model gives them.
        """
        return values.double() * self.deviation + self.mean


@overload
def forecast(
    source: str, L: int, n: int, seed: int | None = None, horizon: int = 1
) -> Split: ...
@overload
def forecast(
    source: Tensor, L: int, n: int, seed: None = None, horizon: int = 1
) -> tuple[Split, Scaling]: ...
def forecast(
    source: str | Tensor, L: int, n: int, seed: int | None = None, horizon: int = 1
) -> Split | tuple[Split, Scaling]:
    """Return windows of a series and, as the target, a later value.

    The first half is training data, the next fifth validation data and the rest test
    data, so that training sees nothing of the future. A name stands for a `block` of
    that series. A series of the user's own is used whole, scaled to mean 0 and mean
    square 1 in its training part.

    Args:
        source: one of `names()`, or values (T,), real floating point.
        L: steps in a window.
        n: the largest number of training windows, at least 2. Each other part has at
            most n / 2 windows. The windows are evenly spaced.
        seed: places the block of a named series, a non-negative integer; None for 0.
        horizon: number of steps from the end of the window to the target.

    Returns:
        Inputs (n, L) float32 and targets (n,) float32; for values also their scaling,
        by which predictions return to the unit of the series.

    Raises:
        ModuleNotFoundError: as `load`.
        TypeError: if an argument is not an integer, or values are not real
            floating-point numbers.
        ValueError: as `load`, for an argument out of range, for windows longer than a
            part, for a seed with values, or for values of another shape, that are not
            finite or do not vary in the training part.
    """
    if not isinstance(source, Tensor):
        seed = 0 if seed is None else seed
        return forecast_of(load(source).values, L, n, seed, horizon)
    if seed is not None:
        raise ValueError(
            f"seed must be None with values, which are used whole, got {seed}"
        )
    _check_windows(L, horizon)
    values = _series(source)
    scaling = _scaling(values[: len(values) // 2])
    return _windows((values - scaling.mean) / scaling.deviation, L, n, horizon), scaling


def _series(values: Tensor) -> Tensor:
    """Return a series (T,), finite, as float64."""
    if not _checks.dense("values", values).is_floating_point():
        raise TypeError(f"values must be real floating point, got {values.dtype}")
    if values.ndim != 1:
        raise ValueError(f"values must have shape (T,), got {tuple(values.shape)}")
    return _checks.finite("values", values).double()


def _scaling(first: Tensor) -> Scaling:
    """Return the scaling by the training part of a series."""
    # From an offset near the values, so that the squares lose no digits to the mean.
    shift = _scale.offsets(first) if len(first) else first.sum()
    rest = first - shift
    deviation = float(rest.std(correction=0)) if len(first) else 0.0
    if not deviation > 1e-12 * _scale.largest(first):
        raise ValueError(
            "values must vary in the first half, which sets the scale, got "
            f"{len(first)} constant values there"
        )
    return Scaling(float(shift + rest.mean()), deviation)


def _check_windows(L: int, horizon: int) -> None:
    _checks.integer("L", L)
    _checks.integer("horizon", horizon)  # at 0 the target would be an input


def _windows(values: Tensor, L: int, n: int, horizon: int) -> Split:
    """Return windows of a scaled series and, as the target, a later value."""
    size, found = len(values), []
    counts = (_checks.integer("n", n, least=2), n // 2, n // 2)
    parts = torch.tensor_split(values, [size // 2, size * 7 // 10])
    for part, count in zip(parts, counts, strict=True):
        w = evenly(windows(part, L + horizon), count).float()
        found += [w[:, :L], w[:, -1]]
    return Split(*found)


def forecast_of(values: Tensor, L: int, n: int, seed: int, horizon: int) -> Split:
    """Return windows of any series and, as the target, a later value.

    Args:
        values: (T,) real floating point.
        L: as of `forecast`.
        n: as of `forecast`.
        seed: as of `forecast`.
        horizon: as of `forecast`.

    Raises:
        TypeError: if values are not real floating-point numbers, or another argument
            is not an integer.
        ValueError: for an argument out of range, windows longer than a part, or values
            of another shape, that are not finite or do not vary.
    """
    _check_windows(L, horizon)
    _checks.integer("seed", seed, least=0)
    return _windows(_block(values, seed), L, n, horizon)

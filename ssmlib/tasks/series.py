"""Real series, from near-white to near-constant, as installed packages carry them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ssmlib import _checks
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
    """A real series: values (T,) float64 in `unit`, and where it comes from."""

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
}

#: no choice in this project was made on these; chapter `real-series` tests
#: `recommend` on them
HELD_OUT = tuple(n for n, entry in DATASETS.items() if entry.held_out)


def names() -> tuple[str, ...]:
    """The series `load` knows."""
    return datasets.names("series")


def load(name: str) -> Series:
    """A real series by name, raw: not centred, not scaled.

    Raises ValueError for a name that is not in `names()` or a file that is not the
    one we know, ModuleNotFoundError where the package that carries it is missing.
    """
    about = DATASETS[_checks.one_of("name", name, names())]
    table = pd.read_csv(packaged(about.files[0]), na_values=".")
    values = torch.tensor(_VALUES[name](table), dtype=torch.float64)
    values = _checks.finite(name, values)
    return Series(name, values, about.unit, about.license, about.citations[0])


def block(name: str, seed: int = 0) -> Tensor:
    """Four fifths of a series, at a place that `seed` draws: (T,) float64.

    Brought to mean 0 and mean square 1 by its first half. Raises as `load`.
    """
    return _block(load(name).values, _checks.integer("seed", seed, least=0))


def _block(values: Tensor, seed: int) -> Tensor:
    size = len(values) * 4 // 5
    at = np.random.default_rng(seed).integers(len(values) - size + 1)
    values = values[at : at + size]
    first = values[: size // 2]
    return (values - first.mean()) / first.std(correction=0)


def forecast(name: str, L: int, n: int, seed: int = 0, horizon: int = 1) -> Split:
    """Windows of L steps, and as target (n,) the value `horizon` steps after each.

    Of a `block`, the first half trains (at most n windows, evenly taken), a fifth
    validates, the rest tests (n / 2 each), so that nothing of the future is seen.
    Raises as `load`, and ValueError for L, n or horizon below 1, 2 and 1, or for
    windows longer than a part.
    """
    return forecast_of(load(name).values, L, n, seed, horizon)


def forecast_of(values: Tensor, L: int, n: int, seed: int, horizon: int) -> Split:
    """`forecast` of any series, values (T,) float64."""
    _checks.integer("L", L)
    _checks.integer("horizon", horizon)  # at 0 the target would be an input
    _checks.integer("seed", seed, least=0)
    values = _block(values, seed)
    size = len(values)
    found = []
    counts = (_checks.integer("n", n, least=2), n // 2, n // 2)
    parts = torch.tensor_split(values, [size // 2, size * 7 // 10])
    for part, count in zip(parts, counts, strict=True):
        w = evenly(windows(part, L + horizon), count).float()
        found += [w[:, :L], w[:, -1]]
    return Split(*found)

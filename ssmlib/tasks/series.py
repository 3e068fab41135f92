"""Real series, from near-white to near-constant, as installed packages carry them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ssmlib import _checks, _scale
from ssmlib._imports import optional
from ssmlib.autocorrelation import windows
from ssmlib.tasks.files import packaged
from ssmlib.tasks.split import Split, evenly

_SEATTLE = (
    "vega_datasets",
    "_data/seattle-weather.csv",
    "62f0609f787158128aa2bd102967173a4953122dd4f872bf1d502cae1037df0b",
)
_SF = (
    "vega_datasets",
    "_data/sf-temps.csv",
    "3f91699707cfed43ef551394bebef4c2ebe5505157b9be7bff9558eea2fbaaec",
)
_CO2 = (
    "statsmodels",
    "datasets/co2/co2.csv",
    "16695fa2786e53414e5a6b54767a3fdf5de99cfbc68617f69d1362d92776a92f",
)
_ELNINO = (
    "statsmodels",
    "datasets/elnino/elnino.csv",
    "b647be00e0fd264be9764e317e6b963f35030014ecca2b21b204521716e463ad",
)
_SP500 = (
    "arch",
    "data/sp500/sp500.csv.gz",
    "1e028cbb9c400cc018c816ccc439b33c919387e726c3ed5ca2c05c82746059de",
)
_SEATTLE_HOURLY = (
    "vega_datasets",
    "_data/seattle-temps.csv",
    "c220666521ff4bec4ffb6f0d9acfdc5c1056564b1aad6f78d3b06aa0a0c8b085",
)
_VIX = (
    "arch",
    "data/vix/vix.csv.gz",
    "410bd07360dc798f7206d681b8347c6150e7fbd8b05fb1ae29bbe2c9985d66ef",
)
_NASDAQ = (
    "arch",
    "data/nasdaq/nasdaq.csv.gz",
    "b2009535343ebb14e0aa11ed086788d2997a416ffe4f9450eed9a561ae30ac59",
)
_NOAA = "public domain (NOAA), as vega_datasets states"
_STATSMODELS = "public domain, as statsmodels states"
_ARCH = "not stated by arch; used, not redistributed"


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


def _table(file: tuple[str, str, str], **options):
    pandas = optional("pandas", "data")
    return pandas.read_csv(packaged(*file), **options)


def _seattle(column: str) -> Callable[[], np.ndarray]:
    return lambda: _table(_SEATTLE)[column].to_numpy(dtype=float)


def _co2() -> np.ndarray:
    """Weekly; the gaps (59 of 2284 weeks) are filled by straight lines."""
    return _table(_CO2)["co2"].interpolate().to_numpy(dtype=float)


def _log_volume() -> np.ndarray:
    """Days without a volume are left out."""
    volume = _table(_NASDAQ)["Volume"].to_numpy(dtype=float)
    return np.log(volume[volume > 0])


def _log_price() -> np.ndarray:
    return np.log(_table(_SP500)["Adj Close"].to_numpy(dtype=float))


# name: (loader, unit, licence, BibTeX key in the book's references)
_REGISTRY: dict[str, tuple[Callable[[], np.ndarray], str, str, str]] = {
    "seattle_rain": (_seattle("precipitation"), "mm a day", _NOAA, "vega_datasets"),
    "seattle_wind": (_seattle("wind"), "m/s, daily", _NOAA, "vega_datasets"),
    "sp500_returns": (
        lambda: np.diff(_log_price()),
        "log return a day",
        _ARCH,
        "arch",
    ),
    "sp500_abs_returns": (
        lambda: np.abs(np.diff(_log_price())),
        "absolute log return a day",
        _ARCH,
        "arch",
    ),
    "co2_change": (lambda: np.diff(_co2()), "ppm a week", _STATSMODELS, "keeling2004"),
    "elnino": (
        lambda: _table(_ELNINO).to_numpy(dtype=float)[:, 1:].reshape(-1),
        "deg C, monthly",
        _STATSMODELS,
        "statsmodels",
    ),
    "seattle_tmax": (_seattle("temp_max"), "deg C, daily", _NOAA, "vega_datasets"),
    "sf_temperature": (
        lambda: _table(_SF)["temp"].to_numpy(dtype=float),
        "deg F, hourly",
        _NOAA,
        "vega_datasets",
    ),
    "co2": (_co2, "ppm, weekly", _STATSMODELS, "keeling2004"),
    "sp500_log_price": (_log_price, "log index, daily", _ARCH, "arch"),
    "seattle_temperature": (
        lambda: _table(_SEATTLE_HOURLY)["temp"].to_numpy(dtype=float),
        "deg F, hourly",
        _NOAA,
        "vega_datasets",
    ),
    "vix": (
        lambda: _table(_VIX, na_values=".")["vix"].dropna().to_numpy(dtype=float),
        "index, daily",
        _ARCH,
        "arch",
    ),
    "nasdaq_volume": (
        _log_volume,
        "log volume a day",
        _ARCH,
        "arch",
    ),
}

#: no choice in this project was made on these; chapter `real-series` tests
#: `recommend` on them
HELD_OUT = ("seattle_temperature", "vix", "nasdaq_volume")


def names() -> tuple[str, ...]:
    """Return the names of the series that `load` knows."""
    return tuple(_REGISTRY)


def load(name: str) -> Series:
    """Return a real series, neither centered nor scaled.

    Args:
        name: one of `names()`.

    Raises:
        ModuleNotFoundError: if the package with the file is missing.
        ValueError: for an unknown name, or a file with other content.
    """
    _checks.one_of("name", name, _REGISTRY)
    loader, unit, licence, citation = _REGISTRY[name]
    values = torch.tensor(loader(), dtype=torch.float64, device="cpu")
    return Series(name, _checks.finite(name, values), unit, licence, citation)


def block(name: str, seed: int = 0) -> Tensor:
    """Return four fifths of a series, scaled by its own first half.

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
    if not _checks.dense("values", values).is_floating_point():
        raise TypeError(f"values must be real floating point, got {values.dtype}")
    if values.ndim != 1:
        raise ValueError(f"values must have shape (T,), got {tuple(values.shape)}")
    values = _checks.finite("values", values).double()
    values = _scale.shifted(values, _scale.shift(values))  # the block has no unit
    size = len(values) * 4 // 5
    at = np.random.default_rng(seed).integers(len(values) - size + 1)
    values = values[at : at + size]
    first = values[: size // 2]
    deviation = first.std(correction=0) if len(first) else first.sum()
    if not deviation > 1e-12 * values.abs().max():
        raise ValueError(
            "values must vary in the first half of the block, which sets the scale, "
            f"got {len(first)} constant values there"
        )
    return (values - first.mean()) / deviation


def forecast(name: str, L: int, n: int, seed: int = 0, horizon: int = 1) -> Split:
    """Return windows of a series and, as the target, a later value.

    Of a `block`, the first half is training data, the next fifth validation data and
    the rest test data, so that training sees nothing of the future.

    Args:
        name: one of `names()`.
        L: steps in a window.
        n: at most this number of training windows, evenly spaced; n / 2 in the other
            parts. At least 2.
        seed: places the block, a non-negative integer.
        horizon: number of steps from the end of the window to the target.

    Returns:
        Inputs (n, L) float32 and targets (n,) float32.

    Raises:
        ModuleNotFoundError: as `load`.
        TypeError: if an argument is not an integer.
        ValueError: as `load`, for an argument out of range, or for windows longer than
            a part.
    """
    return forecast_of(load(name).values, L, n, seed, horizon)


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

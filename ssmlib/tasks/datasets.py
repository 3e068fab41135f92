"""The registry of data sets: content, source and loader of each.

`recommend`, `ssmbook doctor`, the page *Data and licenses* and the description of an
archive all read it. It has no data and loads nothing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ssmlib.tasks import _sources as sources
from ssmlib.tasks._dataset import Dataset as Dataset
from ssmlib.tasks._dataset import Kind as Kind
from ssmlib.tasks._published import IN_FOLDERS
from ssmlib.tasks._sources import File

_NOAA = "public domain (NOAA), as vega_datasets states"
_STATSMODELS = "public domain, as statsmodels states"
_ARCH = "not stated by arch; used, not redistributed"
_GENERATED = "MIT, as this library; no third-party data"
_UNSTATED = "none stated in the file; cited, not redistributed"
#: license and citations of the series in a package
_SERIES_OF = {
    "vega-datasets": (_NOAA, ("vega_datasets",)),
    "statsmodels": (_STATSMODELS, ("statsmodels",)),
    "arch": (_ARCH, ("arch",)),
}


def _series(name: str, what: str, length: str, unit: str, file: File) -> Dataset:
    license, citations = _SERIES_OF[file.package]
    return Dataset(
        name, "series", what, length, license, citations, "series:load", (file,), unit
    )


def _co2(name: str, what: str, length: str, unit: str) -> Dataset:
    found = _series(name, what, length, unit, sources.CO2)
    return replace(found, citations=("keeling2004", "statsmodels"))


def _held_out(*arguments) -> Dataset:
    return replace(_series(*arguments), held_out=True)


_FILLED = "59 missing weeks filled by straight lines"
_ALL = (
    _series(
        "seattle_rain", "precipitation", "1,461 days", "mm per day", sources.WEATHER
    ),
    _series("seattle_wind", "wind", "1,461 days", "m/s, daily", sources.WEATHER),
    _series(
        "sp500_returns",
        "S&P 500 index: daily change of its logarithm",
        "5,030 days",
        "log return per day",
        sources.SP500,
    ),
    _series(
        "sp500_abs_returns",
        "S&P 500 index: size of the daily change of its logarithm",
        "5,030 days",
        "absolute log return per day",
        sources.SP500,
    ),
    _co2(
        "co2_change",
        f"weekly change of CO₂ at Mauna Loa; {_FILLED}",
        "2,283 weeks",
        "ppm per week",
    ),
    _series(
        "elnino", "sea surface temperature", "732 months", "°C, monthly", sources.ELNINO
    ),
    _series(
        "seattle_tmax",
        "maximum temperature",
        "1,461 days",
        "°C, daily",
        sources.WEATHER,
    ),
    _series(
        "sf_temperature",
        "San Francisco temperature",
        "8,759 hours",
        "°F, hourly",
        sources.SF,
    ),
    _co2("co2", f"CO₂ at Mauna Loa; {_FILLED}", "2,284 weeks", "ppm, weekly"),
    _series(
        "sp500_log_price",
        "S&P 500 index: its logarithm",
        "5,031 days",
        "log index, daily",
        sources.SP500,
    ),
    _held_out(
        "seattle_temperature",
        "Seattle temperature",
        "8,759 hours",
        "°F, hourly",
        sources.SEATTLE,
    ),
    _held_out(
        "vix",
        "VIX index; days without a value left out",
        "1,259 days",
        "index, daily",
        sources.VIX,
    ),
    _held_out(
        "nasdaq_volume",
        "logarithm of the NASDAQ's daily volume; days without a volume left out",
        "5,029 days",
        "log volume per day",
        sources.NASDAQ,
    ),
    _held_out(
        "seattle_tmin", "lowest temperature", "1,461 days", "°C, daily", sources.WEATHER
    ),
    _held_out(
        "oil_change",
        "price of crude oil (WTI): daily change of its logarithm; days without a price "
        "left out",
        "8,320 days",
        "log return per day",
        sources.WTI,
    ),
    _held_out(
        "oil_log_price",
        "price of crude oil (WTI): its logarithm; days without a price left out",
        "8,321 days",
        "log price, daily",
        sources.WTI,
    ),
    *(
        _held_out(name, what, "1,109 months", "percent per month", sources.FRENCH)
        for name, what in {
            "market_return": "United States stock market, above the risk-free rate",
            "value_return": "stocks of high over those of low book-to-market ratio",
            "bill_rate": "risk-free rate of the United States",
        }.items()
    ),
    _held_out(
        "bond_yield",
        "yield of bonds rated BAA",
        "1,200 months",
        "percent per year, monthly",
        sources.BONDS,
    ),
    _held_out(
        "core_inflation",
        "consumer prices less food and energy: monthly change of their logarithm",
        "742 months",
        "log change per month",
        sources.CPI,
    ),
    Dataset(
        "mnist",
        "images",
        "5,000 digits of MNIST, 500 per class",
        "784 pixels",
        "CC BY-SA 3.0, as usually stated",
        ("lecun1998", "raschka2018mlxtend"),
        "images:mnist",
        (sources.MNIST,),
    ),
    Dataset(
        "digits",
        "images",
        "1,797 handwritten digits, 8 × 8",
        "64 pixels",
        "UCI repository; the package is BSD-3",
        ("pedregosa2011",),
        "images:digits",
        (sources.DIGITS,),
    ),
    Dataset(
        "patches",
        "images",
        "32 × 32 gray patches of eight photographs: astronaut, brick, camera, chelsea, "
        "coffee, grass, gravel, rocket",
        "1,024 pixels",
        "public domain or CC0, as scikit-image states for each",
        ("vanderwalt2014",),
        "images:patches",
        sources.PHOTOS,
    ),
    Dataset(
        "vowels",
        "speech",
        "Japanese Vowels: 640 utterances of nine speakers, 12 cepstral channels; UCI "
        "repository",
        "7 to 29 steps",
        _UNSTATED,
        ("kudo1999vowels", "aeon"),
        "speech:vowels",
        sources.VOWELS,
    ),
    Dataset(
        "arterial_pressure",
        "medicine",
        "record 135 of the UCR anomaly archive, the part named TEST: arterial pressure",
        "7,501 samples",
        _UNSTATED,
        ("aeon",),
        "medical:arterial_pressure",
        (sources.PRESSURE,),
    ),
    Dataset(
        "listops",
        "generated",
        "nested operations on digits, drawn as the Long Range Arena draws them",
        "any length",
        _GENERATED,
        ("nangia2018listops", "tay2021lra"),
        "listops:split",
    ),
    Dataset(
        "pathfinder",
        "generated",
        "Pathfinder-like pictures of 16 to 128 pixels, drawn from the published "
        "description and not by the original program",
        "256 to 16,384 pixels",
        _GENERATED,
        ("tay2021lra",),
        "pathfinder:split",
    ),
    Dataset(
        "block_copy",
        "generated",
        "white noise, and the scaled sum of its first tokens to be recalled at the end",
        "any length",
        _GENERATED,
        (),
        "delay:block_copy",
    ),
    Dataset(
        "copying",
        "generated",
        "random strings, each with a separator and the string again",
        "any length",
        _GENERATED,
        (),
        "recall:copying",
    ),
    Dataset(
        "key_values",
        "generated",
        "pairs of a key and a value, and the keys again, whose values are recalled",
        "any length",
        _GENERATED,
        (),
        "recall:key_values",
    ),
    *IN_FOLDERS,
)

#: every data set by its name
DATASETS: dict[str, Dataset] = {entry.name: entry for entry in _ALL}


def names(*kinds: Kind) -> tuple[str, ...]:
    """Return the data sets of some kinds that load without arguments."""
    return tuple(n for n, d in DATASETS.items() if d.kind in kinds and d.package)


def as_dicts() -> list[dict[str, Any]]:
    """Return every entry in plain types: the entry point `ssmbook.datasets`."""
    return [entry.as_dict() for entry in DATASETS.values()]

"""Medical signals: a record of arterial pressure to be forecast, and BIDMC."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ssmlib import _checks
from ssmlib.tasks import _folders, _series_file
from ssmlib.tasks.datasets import DATASETS
from ssmlib.tasks.files import carried
from ssmlib.tasks.series import forecast_of
from ssmlib.tasks.split import Split

#: published numbers of windows, of training and test
_WINDOWS = {"RR": (5471, 2399), "HR": (5550, 2399), "SpO2": (5550, 2399)}


def arterial_pressure() -> Tensor:
    """Return a record of arterial pressure, 7,501 samples in the record's own unit.

    It is record 135 of the UCR anomaly archive (KDD 2021), of a pig during internal
    bleeding. The file comes with the wheel of aeon. It is cited and not redistributed.

    Returns:
        (7501,) float64.

    Raises:
        ModuleNotFoundError: if the wheel of aeon is missing.
        ValueError: if the file has other content.
    """
    rows = np.loadtxt(
        carried(DATASETS["arterial_pressure"].files[0]), delimiter=",", skiprows=1
    )
    return torch.from_numpy(rows[:, 1].copy())


def pressure(L: int, n: int, seed: int = 0, horizon: int = 1) -> Split:
    """Return windows of the record and, as the target, a later value.

    Args:
        L: samples in a window.
        n: number of windows in the training data, as of `series.forecast`.
        seed: places the block, a non-negative integer.
        horizon: number of samples from the end of the window to the target.

    Returns:
        Inputs (n, L) and targets (n,); the parts are as of `series.forecast`.

    Raises:
        ModuleNotFoundError: if the wheel of aeon is missing.
        TypeError: if an argument is not an integer.
        ValueError: as `series.forecast`.
    """
    return forecast_of(arterial_pressure(), L, n, seed, horizon)


def bidmc(
    folder: str | Path | None = None,
    *,
    target: Literal["RR", "HR", "SpO2"] = "RR",
    seed: int | None = None,
) -> Split:
    """Return BIDMC: windows of two signals, and a vital sign to be estimated.

    Neither the signals nor the targets are scaled. Other numbers of windows than those
    of the Time Series Extrinsic Regression archive cause an `UnpublishedWarning`.

    Args:
        folder: contains BIDMC32RR_TRAIN.ts and BIDMC32RR_TEST.ts, with the target in
            place of RR. None for the folder bidmc below SSMLIB_DATA.
        target: "RR" for breaths per minute, "HR" for heartbeats per minute, "SpO2" for
            the oxygen saturation in percent.
        seed: draws the division of both files together into 70 %, 15 % and 15 %, as
            the authors of S4 divide them; windows of the same patient are then in
            several parts. None for the division of the archive, with the last seventh
            of its training file as validation data.

    Returns:
        Signals (n, 2, 4000) float32 and targets (n,) float32.

    Raises:
        FileNotFoundError: if the folder or a file is missing.
        TypeError: if folder is not a path, or seed not an integer.
        ValueError: for another target, a truncated file or that of another target, a
            value that is not a finite number, windows that differ in size, fewer than
            seven windows for training, a negative seed, or if neither folder nor
            SSMLIB_DATA is given.
    """
    _checks.one_of("target", target, _WINDOWS)
    if seed is not None:
        _checks.integer("seed", seed, least=0)
    where = _folders.place("bidmc", folder)
    problem = f"BIDMC32{target}"
    names = [f"{problem}_{part}.ts" for part in ("TRAIN", "TEST")]
    paths = _folders.files("bidmc", where, names)
    (x, y), (x_test, y_test) = (_series_file.read(path, problem) for path in paths)
    if x.shape[1:] != x_test.shape[1:]:
        raise ValueError(
            f"{paths[0]} and {names[1]} must hold windows of one size, got "
            f"{tuple(x.shape[1:])} and {tuple(x_test.shape[1:])}"
        )
    if len(x) < 7:
        raise ValueError(f"{paths[0]} must hold at least 7 windows, got {len(x)}")
    sizes = dict(zip(names, (len(x), len(x_test)), strict=True))
    published = dict(zip(names, _WINDOWS[target], strict=True))
    _folders.count("bidmc", sizes, published)
    if seed is None:
        cut = len(x) - len(x) // 7
        return Split(x[:cut], y[:cut], x[cut:], y[cut:], x_test, y_test)
    x, y = torch.cat([x, x_test]), torch.cat([y, y_test])
    order = torch.from_numpy(np.random.default_rng(seed).permutation(len(x)))
    rest = len(x) * 3 // 10
    parts = order.split([len(x) - rest, rest // 2, rest - rest // 2])
    return Split(*(a[own] for own in parts for a in (x, y)))

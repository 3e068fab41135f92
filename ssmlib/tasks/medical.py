"""A record of arterial pressure, to be forecast."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ssmlib.tasks.datasets import DATASETS
from ssmlib.tasks.files import carried
from ssmlib.tasks.series import forecast_of
from ssmlib.tasks.split import Split


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

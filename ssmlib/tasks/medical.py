"""Medical: a record of arterial pressure, to be forecast."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ssmlib.tasks.datasets import DATASETS
from ssmlib.tasks.files import carried
from ssmlib.tasks.series import forecast_of
from ssmlib.tasks.split import Split


def arterial_pressure() -> Tensor:
    """7,501 samples (T,) float64, in the record's own unit, as they are.

    Record 135 of the UCR anomaly archive (KDD 2021), a pig's internal bleeding, in the
    wheel of aeon: cited, not redistributed. Raises ModuleNotFoundError where that is
    missing, ValueError for other content.
    """
    rows = np.loadtxt(
        carried(DATASETS["arterial_pressure"].files[0]), delimiter=",", skiprows=1
    )
    return torch.from_numpy(rows[:, 1].copy())


def pressure(L: int, n: int, seed: int = 0, horizon: int = 1) -> Split:
    """Windows of L samples, and the value `horizon` samples after each.

    Parts, sizes and errors as `series.forecast`; `seed` places the block.
    """
    return forecast_of(arterial_pressure(), L, n, seed, horizon)

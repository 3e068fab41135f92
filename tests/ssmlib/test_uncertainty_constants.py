"""The interval's quantile and the order of the autoregression, each by what it does."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from ssmlib import uncertainty


def test_ends_go_out_by_the_quantile_of_95_percent():
    """Of sequences of length 1 the direction is known, and every square is seen."""
    x = torch.randn(200, 1, generator=torch.Generator().manual_seed(0)).double()
    found = uncertainty.of_sequences(x)
    squares = x.square().numpy().ravel()
    error = squares.std(ddof=1) / math.sqrt(len(x)) / squares.mean()
    spread = math.exp(stats.norm.ppf(0.95) * error)
    assert found.high / found.plain == pytest.approx(spread, rel=1e-5)
    assert found.plain / found.low == pytest.approx(spread, rel=1e-5)


def test_white_noise_has_order_zero_by_bic():
    """In at least 36 of 40 series; by AIC the order is above 0 in three of ten."""
    zero = 0
    for seed in range(40):
        x = np.random.default_rng(seed).standard_normal(500)
        r = np.array([x[: 500 - k] @ x[k:] for k in range(11)]) / 500
        zero += len(uncertainty._autoregression(r, 500)) == 0
    assert zero >= 36

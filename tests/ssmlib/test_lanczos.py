"""The largest eigenvalue of a long Toeplitz matrix, next to that of short ones."""

import math

import numpy as np
import pytest
import torch

from ssmlib import _lags, _lanczos, uncertainty
from ssmlib.autocorrelation import toeplitz_moment

L = 700
ROWS = {
    "white": (),
    "ar1": (0.95,),
    "ar2": (1.6, -0.9),  # a peak far from frequency zero
    "alternating": (-0.9,),
}


def row(coefficients, seed=0):
    generator = np.random.default_rng(seed)
    x = uncertainty._draw(np.array(coefficients), 1.0, 4 * L, generator)
    return toeplitz_moment(torch.from_numpy(x)[None])[:L]


def dense(r):
    lag = torch.arange(len(r))
    return float(torch.linalg.eigvalsh(r[(lag[:, None] - lag).abs()])[-1])


@pytest.mark.parametrize("name", ROWS)
def test_a_long_row_gives_the_dense_eigenvalue(name, monkeypatch):
    monkeypatch.setattr(_lanczos, "_LONG", 10)
    for seed in range(5):
        r = row(ROWS[name], seed)
        top = dense(r)
        assert _lanczos.toeplitz(r.numpy()) == pytest.approx(top, rel=1e-12)
        rough = _lanczos.toeplitz(r.numpy(), rough=True)
        assert rough == pytest.approx(top, rel=3e-6)


def test_extreme_rows(monkeypatch):
    """One direction, one frequency, the identity."""
    monkeypatch.setattr(_lanczos, "_LONG", 10)
    one = torch.ones(L).double()
    wave = torch.cos(0.7 * torch.arange(L).double())
    first = torch.eye(L).double()[0]
    for r in (one, wave, first):
        assert _lanczos.toeplitz(r.numpy()) == pytest.approx(dense(r), rel=1e-9)


def test_an_interval_for_a_long_window_is_the_same(monkeypatch):
    x = torch.from_numpy(uncertainty._draw(np.array([0.9]), 1.0, 4 * L, RNG))
    monkeypatch.setattr(uncertainty, "_DRAWS", 9)
    expected = uncertainty.of_series(x, L)
    monkeypatch.setattr(_lanczos, "_LONG", 10)
    monkeypatch.setattr(uncertainty, "_LONG_WINDOW", 10)
    found = uncertainty.of_series(x, L)
    for name in ("plain", "estimate", "low", "high"):
        one, other = getattr(found, name), getattr(expected, name)
        assert math.log(one / other) == pytest.approx(0, abs=3e-6)


@pytest.mark.parametrize("L", [1, 3, 100, 257])
@pytest.mark.parametrize("T", [257, 1024, 3001])
@pytest.mark.parametrize("together", [1, 2**18])
def test_sums_at_lags_are_those_one_by_one(L, T, together, monkeypatch):
    monkeypatch.setattr(_lags, "_TOGETHER", together)
    x = np.random.default_rng(T).standard_normal(T) + 0.5
    for n in (None, T - L + 1, 1):
        earlier = np.where(np.arange(T) < (T if n is None else n), x, 0)
        expected = [earlier[: T - k] @ x[k:] for k in range(L)]
        found = _lags.sums(torch.from_numpy(x), L, n).numpy()
        assert found == pytest.approx(np.array(expected), abs=1e-13 * (x @ x))


RNG = np.random.default_rng(1)

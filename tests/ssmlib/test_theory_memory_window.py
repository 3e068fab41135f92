"""The memory of a window, of a state that started at zero, and of correlated input."""

import math

import numpy as np
import pytest
import torch
from scipy.linalg import toeplitz

from ssmlib.theory import memory
from tests.ssmlib.poles import discrete, tensor
from tests.ssmlib.test_theory_memory import GOOD, POLES, by_gram


@pytest.mark.parametrize("name", POLES)
@pytest.mark.parametrize("T", [8, 300])
def test_a_window_is_that_of_its_gram_matrix(name, T):
    poles = POLES[name]
    delays = [0, 1, 5, T // 2, T - 1]
    exact = by_gram(poles, delays, T) if len(poles) < T else np.ones(len(delays))
    twice = tensor(np.flip(np.concatenate([poles, poles[:2]])).copy())
    for eigenvalues in (tensor(poles), twice):
        found = memory.finite_memory_function(eigenvalues, T).numpy()
        assert np.abs(found[delays] - exact).max() < 1e-12
        assert float(found.sum()) == pytest.approx(min(len(poles), T), abs=1e-12)


def test_a_window_shorter_than_its_modes_remember():
    """63 poles near the circle: made orthogonal only once, rows are off by 1e-8."""
    eigenvalues = discrete("lin", 64, 0.001)
    exact = by_gram(eigenvalues.numpy(), [0, 500, 1023], 1024)
    found = memory.finite_memory_function(eigenvalues, 1024)[[0, 500, 1023]].numpy()
    assert np.abs(found - exact).max() < 1e-12


def test_undamped_modes_of_a_window():
    """On the grid of the window their rows are orthogonal: n / T at every delay."""
    grid = torch.exp(2j * math.pi * torch.arange(5, dtype=torch.float64) / 40)
    found = memory.finite_memory_function(grid, 40)
    assert torch.allclose(found, torch.full_like(found, 5 / 40), atol=1e-14)


def test_correlated_input_by_plain_algebra():
    eigenvalues = discrete("lin", 8, 0.1)
    R = toeplitz(0.8 ** np.arange(60))
    V = eigenvalues.numpy()[:, None] ** np.arange(60)
    r = V @ R
    exact = (r.conj() * np.linalg.solve(V @ R @ V.conj().T, r)).sum(0).real
    row = torch.from_numpy(R[0].copy())
    for moment in (torch.from_numpy(R), row, 3 * row):
        found = memory.coloured_memory_function(eigenvalues, moment)
        assert np.abs(found.numpy() - exact).max() < 1e-10
    white = memory.coloured_memory_function(eigenvalues, torch.eye(60))
    finite = memory.finite_memory_function(eigenvalues, 60)
    assert torch.allclose(white, finite, atol=1e-13)
    constant = memory.coloured_memory_function(eigenvalues, torch.ones(60))
    assert torch.allclose(constant, torch.ones(60, dtype=torch.float64))


@pytest.mark.parametrize(
    ("name", "dt", "window", "infinite"),
    [
        ("inv", 0.01, (0.274, 0.0145, 0.0), (0.274, 0.0145, 0.0)),
        ("inv", 0.001, (0.482, 0.0237, 0.466), (0.031, 0.0125, 0.0100)),
        ("lin", 0.001, (0.525, 0.0217, 0.510), (0.031, 0.0135, 0.0134)),
    ],
)
def test_a_windows_oldest_inputs(name, dt, window, infinite):
    eigenvalues = discrete(name, 32, dt)
    delays = [0, 500, 1023]
    found = memory.finite_memory_function(eigenvalues, 1024)[delays]
    assert found.tolist() == pytest.approx(list(window), abs=1.01e-3)
    found = memory.memory_function(eigenvalues, 1024)[delays]
    assert found.tolist() == pytest.approx(list(infinite), abs=1.01e-3)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_a_moment_is_symmetric_to_rounding_alone(scale):
    """To 1e-9 of an entry, or 1e-12 of the largest one, in any scale."""
    R = torch.from_numpy(toeplitz(0.5 ** np.arange(8))) * scale
    exact = memory.coloured_memory_function(GOOD, R)
    small, large = R.clone(), R.clone()
    small[1, 0] *= 1 + 5e-10
    assert torch.allclose(memory.coloured_memory_function(GOOD, small), exact)
    large[1, 0] *= 1 + 1e-8
    with pytest.raises(ValueError, match="R must be symmetric"):
        memory.coloured_memory_function(GOOD, large)
    zero = torch.diag(R.diagonal())
    for off, refused in ((5e-13, False), (1e-11, True)):
        own = zero.clone()
        own[1, 0] = off * scale
        if refused:
            with pytest.raises(ValueError, match="R must be symmetric"):
                memory.coloured_memory_function(GOOD, own)
        else:
            memory.coloured_memory_function(GOOD, own)

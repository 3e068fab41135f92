"""The memory of a window whose steps differ in size by orders of magnitude."""

import mpmath as mp
import numpy as np
import pytest
import torch

from ssmlib.theory import memory

POLES = {
    "real": [0.5, 0.3],
    "a pair": [0.9 * np.exp(1j), 0.9 * np.exp(-1j), 0.2],
}


def exact(poles, R):
    """The definition, in 400 digits."""
    with mp.workdps(400):
        size = len(R)
        R = mp.matrix([[mp.mpf(value) for value in row] for row in R.tolist()])
        X = mp.matrix([[mp.mpc(pole) ** k for k in range(size)] for pole in poles])
        Y = X * R
        inverse = mp.inverse(Y * X.H)
        each = ((Y[:, k].H * inverse * Y[:, k])[0] / R[k, k] for k in range(size))
        return [float(mp.re(value)) for value in each]


@pytest.mark.parametrize("span", [0, 5, 20, 34, 150])
@pytest.mark.parametrize("order", [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]])
@pytest.mark.parametrize("name", POLES)
def test_the_memory_of_steps_of_any_size_is_exact(span, order, name):
    mixing = np.random.default_rng(0).normal(size=(4, 8))
    size = 10.0 ** (-np.array(order) * span / 6)  # mean squares over `span` decades
    correlated = mixing @ mixing.T
    for moment in (np.eye(4), (correlated + correlated.T) / 2):
        R = moment * size * size[:, None]
        poles = torch.tensor(POLES[name], dtype=torch.complex128)
        found = memory.coloured_memory_function(poles, torch.from_numpy(R))
        np.testing.assert_allclose(found, exact(POLES[name], R), rtol=1e-9, atol=1e-12)


def test_two_steps_of_two_modes_are_remembered_whole():
    R = torch.diag(torch.tensor([1.0, 1e-34], dtype=torch.float64))
    poles = torch.tensor([0.5, 0.3], dtype=torch.complex128)
    found = memory.coloured_memory_function(poles, R)
    assert torch.allclose(found, torch.ones(2, dtype=torch.float64))

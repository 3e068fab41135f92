"""How far memory reaches: delays, quantiles and capacities, in tables and in limits."""

import math

import mpmath
import numpy as np
import pytest
import torch

from ssmlib.theory import memory
from tests.ssmlib.poles import discrete, tensor


def test_memory_of_structured_and_plain_spectra():
    """N = 32; delays 0, 10, 31, 50, 100, 200, 500, and the mean delay."""
    k = torch.arange(1, 33, dtype=torch.float64)
    rows = {
        "inv": (discrete("inv", 32, 0.01), "274 144 133 122 102 057 0145", 190),
        "lin": (discrete("lin", 32, 0.01), "267 142 137 135 134 036 0025", 128),
        "real": (k / 33 + 0j, "1000 99846 266 150 054 007 0", 34),
    }
    for eigenvalues, places, mean in rows.values():
        found = memory.memory_function(eigenvalues, 501)[[0, 10, 31, 50, 100, 200, 500]]
        for value, digits in zip(found.tolist(), places.split(), strict=True):
            shown = 1.0 if digits == "1000" else float(f".{digits}")
            unit = 10.0 ** -max(3, len(digits))
            assert value == pytest.approx(shown, abs=1.01 * unit)
        assert memory.mean_delay(eigenvalues) == pytest.approx(mean, abs=1)


@pytest.mark.parametrize(
    ("name", "dt", "n", "values"),
    [
        ("lin", 0.03, 63, (43, 38, 86, 200)),
        ("lin", 0.01, 63, (129, 113, 258, 400)),
        ("lin", 0.003, 63, (431, 378, 861, 1323)),
        ("lin", 0.001, 63, (1295, 1136, 2584, 1997)),
        ("inv", 0.03, 64, (76, 57, 176, 286)),
        ("inv", 0.01, 64, (200, 146, 465, 715)),
        ("inv", 0.003, 64, (650, 462, 1544, 1596)),
        ("inv", 0.001, 64, (1951, 1385, 4634, 2246)),
    ],
)
def test_lengths_of_memory(name, dt, n, values):
    eigenvalues = discrete(name, 64, dt)
    assert memory.memory_capacity(eigenvalues) == n
    assert memory.mean_delay(eigenvalues) == pytest.approx(values[0], abs=0.51)
    assert memory.memory_quantile(eigenvalues, 0.5) == values[1]
    assert memory.memory_quantile(eigenvalues, 0.9) == values[2]
    below = memory.memory_function(eigenvalues, 2500) < 0.01
    assert int(below.nonzero()[0]) == values[3]


@pytest.mark.parametrize("gap", [1e-3, 1e-6, 1e-9, 1e-11])
@pytest.mark.parametrize("turn", [0.0, 0.3])
def test_quantiles_near_the_circle_are_those_of_a_geometric_series(gap, turn):
    """To what the eigenvalue's own rounding leaves: 1e-16 over the gap."""
    pole = (1 - gap) * np.exp(1j * turn)
    with mpmath.workdps(60):
        square = mpmath.mpf(pole.real) ** 2 + mpmath.mpf(pole.imag) ** 2
        for share in (1e-3, 0.5, 1 - 1e-6):
            exact = mpmath.log1p(-mpmath.mpf(share)) / mpmath.log(square)
            found = memory.memory_quantile(tensor([pole]), share)
            rounding = 1 + 1e-15 / gap * float(exact)
            assert abs(found - (math.ceil(exact) - 1)) <= rounding
    if gap < 1e-6:
        return
    later = memory.memory_capacity(tensor([pole]), found + 1)
    before = memory.memory_capacity(tensor([pole]), found)
    assert before < share <= later


def test_a_quantile_of_many_poles_is_that_of_the_sums():
    for name, dt in (("lin", 0.003), ("inv", 0.01), ("real", 0.1)):
        eigenvalues = discrete(name, 32, dt)
        n = memory.memory_capacity(eigenvalues)
        sums = memory.memory_function(eigenvalues, 20_000).cumsum(0)
        for share in (0.01, 0.3, 0.9, 0.99):
            found = memory.memory_quantile(eigenvalues, share)
            assert found == int((sums < share * n).sum())
        for T in (1, 2, 777, 20_000):
            found = memory.memory_capacity(eigenvalues, T)
            assert found == pytest.approx(float(sums[T - 1]), rel=1e-10)


def test_delays_near_the_circle_keep_their_digits():
    """(1 + |p|^2) / (1 - |p|^2), of one pole: the difference is not rounded."""
    for gap in (1e-9, 1e-13, 2.0**-53):
        pole = tensor([1 - gap])
        exact = 1 / (1 - float(pole.real)) / 2
        assert memory.mean_delay(pole) == pytest.approx(exact, rel=1e-8)
        peak = memory.group_delay(pole, torch.zeros(1))
        assert float(peak) == pytest.approx(2 / (1 - float(pole.real)), rel=1e-8)

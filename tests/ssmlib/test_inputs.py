import math

import mpmath
import pytest
import torch

from ssmlib import inputs
from ssmlib.autocorrelation import moment_largest_eigenvalue

PROCESSES = [
    inputs.white(),
    inputs.ar1(0.9),
    inputs.power_law(0.5),
    inputs.equicorrelated(0.3),
    inputs.constant(),
    inputs.sinusoid(0.7),
]


def dense(row):
    lag = torch.arange(row.numel())
    return row[(lag[:, None] - lag).abs()]


@pytest.mark.parametrize("process", PROCESSES, ids=lambda p: p.name)
def test_samples_have_the_stated_second_moment(process):
    L, n = 24, 40_000
    x = process.sample(n, L, torch.Generator().manual_seed(0))
    assert x.shape == (n, L)
    products, squares = x.mT @ x / n, x.square().mT @ x.square() / n
    error = ((squares - products.square()).clamp(min=0) / n).sqrt()
    z = (products - dense(process.moment(L))) / error.clamp(min=1e-9)
    assert float(z.abs().max()) < 4.5  # 300 correlated entries


@pytest.mark.parametrize("process", PROCESSES, ids=lambda p: p.name)
@pytest.mark.parametrize("L", [1, 2, 50, 300])
def test_largest_eigenvalue_in_closed_form(process, L):
    brute = float(torch.linalg.eigvalsh(dense(process.moment(L)))[-1])
    assert moment_largest_eigenvalue(process.moment(L)) == pytest.approx(
        brute, rel=1e-9
    )
    if process.largest_eigenvalue:
        assert process.largest_eigenvalue(L) == pytest.approx(brute, rel=1e-9)


def test_known_values():
    assert inputs.ar1(0.9).largest_eigenvalue(256) == pytest.approx(18.77931, abs=1e-5)
    assert inputs.ar1(0.99).largest_eigenvalue(1024) == pytest.approx(186.718, abs=1e-3)


@pytest.mark.parametrize("process", PROCESSES[:2], ids=lambda p: p.name)
def test_density_is_the_sum_of_the_moments(process):
    omega = torch.linspace(-3, 3, 7).double()
    k = torch.arange(1, 2000)
    row = process.moment(2000)
    brute = row[0] + 2 * (row[1:] * torch.cos(omega[:, None] * k)).sum(-1)
    assert torch.allclose(process.density(omega), brute, rtol=1e-10)


def test_same_seed_same_bits():
    a, b = (
        inputs.ar1(0.5).sample(3, 9, torch.Generator().manual_seed(5)) for _ in "ab"
    )
    assert torch.equal(a, b)


@pytest.mark.parametrize(
    ("make", "value", "message"),
    [
        (inputs.ar1, 1.0, "rho must be in"),
        (inputs.ar1, -0.1, "rho must be in"),
        (inputs.power_law, 0.0, "alpha must be positive"),
        (inputs.equicorrelated, 1.1, "r must be in"),
        (inputs.sinusoid, math.inf, "omega must be finite"),
    ],
)
def test_bad_parameters_are_refused(make, value, message):
    with pytest.raises(ValueError, match=message):
        make(value)


def test_length_below_one_is_refused():
    with pytest.raises(ValueError, match="L must be at least 1"):
        inputs.white().moment(0)


@pytest.mark.parametrize("L", [7, 100])
@pytest.mark.parametrize(
    "omega", [3.0, math.pi, 3.5, 2 * math.pi, -4.0, 1e6, 1e15, -1e15, 1e300, 1e-300]
)
def test_a_frequency_of_any_size_has_one_phase(omega, L):
    process = inputs.sinusoid(omega)
    row = process.moment(L)
    with mpmath.workdps(700):
        exact = [float(mpmath.cos(mpmath.mpf(omega) * k)) for k in range(L)]
    assert row.tolist() == pytest.approx(exact, abs=1e-13)
    top = float(torch.linalg.eigvalsh(dense(row))[-1])
    assert process.largest_eigenvalue(L) == pytest.approx(top, rel=1e-12)
    x = process.sample(20_000, L, torch.Generator().manual_seed(0))
    assert torch.allclose((x[:, :1] * x).mean(0), row, atol=0.02)

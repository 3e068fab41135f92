"""The sensitivity of a mode: against its series, autograd and a Lyapunov equation."""

import numpy as np
import pytest
import torch
from scipy.linalg import solve_discrete_lyapunov

from ssmlib.theory.sensitivity import sensitivity

POLES = [0.0, 0.5, -0.9, 0.97 * np.exp(0.3j), 0.99 * np.exp(2j)]


@pytest.mark.parametrize("pole", POLES)
def test_it_is_the_sum_of_squared_derivatives(pole):
    k = np.arange(1, 8000)
    series = np.abs(k * complex(pole) ** (k - 1)) ** 2
    found = float(sensitivity(torch.tensor([pole], dtype=torch.complex128)))
    # what is left out is below 1e-60 at |lambda| = 0.99
    assert found == pytest.approx(series.sum(), rel=1e-10)


@pytest.mark.parametrize("pole", POLES)
def test_it_is_the_stationary_variance_of_a_larger_system(pole):
    """(x, dx/dlambda) is a linear system: its covariance, by a solver."""
    A = np.array([[pole, 0], [1, pole]], dtype=complex)
    P = solve_discrete_lyapunov(A, np.diag([1.0, 0.0]))
    found = float(sensitivity(torch.tensor([pole], dtype=torch.complex128)))
    # the solver loses digits near the circle
    assert found == pytest.approx(P[1, 1].real, rel=1e-8)


def test_autograd_agrees():
    """The squared derivatives of the powers, along one real direction."""
    pole, k = torch.tensor(0.8 + 0.3j).to(torch.complex128), torch.arange(400)
    # a power is analytic, so that each direction gives |d lambda^k / d lambda|
    real = torch.tensor(pole.real.item(), dtype=torch.float64)

    def powers(x):
        own = torch.complex(x, pole.imag) ** k
        return torch.stack([own.real, own.imag])

    slope = torch.autograd.functional.jacobian(powers, real)
    found = float(sensitivity(pole[None]))
    assert found == pytest.approx(float(slope.square().sum()), rel=1e-9)


def test_bad_arguments_are_refused():
    with pytest.raises(TypeError, match="eigenvalues must be a complex tensor"):
        sensitivity(torch.tensor([0.5]))
    with pytest.raises(ValueError, match=r"\|lambda\| < 1"):
        sensitivity(torch.tensor([1.0 + 0j]))
    with pytest.raises(ValueError, match="shape"):
        sensitivity(torch.zeros(2, 2) + 0j)

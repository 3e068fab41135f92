"""Histories as coefficients: against an integrator, a filter, and smaller states."""

import math

import numpy as np
import pytest
import torch
from numpy.polynomial import legendre
from scipy.integrate import solve_ivp

from ssmlib import hippo
from ssmlib.theory import history


def samples(n: int, steps: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).normal(size=(n, steps)))


def test_legs_step_by_step_solves_its_equation():
    """By a solver of t dc/dt = A c + B u, with each sample held for one unit."""
    N, steps = 5, 6
    A, B = (part.numpy() for part in hippo.legs(N))
    u = samples(1, steps)
    c = np.zeros(N)
    for k in range(steps):
        start = max(k, 1)

        def slope(t, c, held=float(u[0, k])):
            return (A @ c + B * held) / t

        found = solve_ivp(slope, (start, start + 1), c, rtol=1e-10, atol=1e-12)
        c = found.y[:, -1]
    A_k, B_k = history.legs_steps(N, steps)
    # the solver's own error is about 1e-9
    assert history.states(A_k, B_k, u)[0].numpy() == pytest.approx(c, abs=1e-7)


@pytest.mark.parametrize("noise", [0.5, 1e6])
def test_unhippo_is_a_filter_in_information_form(noise):
    """The inverse covariance grows by B B^T / noise; the gain is P B / noise."""
    N, steps = 6, 30
    B = hippo.legs(N)[1]
    A_k, B_k = hippo.unhippo(N, steps, noise)
    u = samples(1, steps)
    one = torch.eye(N).double()
    P, c = one, torch.zeros(N).double()
    for k in range(steps):
        start = max(k, 1)
        F = torch.matrix_exp(math.log((start + 1) / start) * hippo._growing(N))
        P = torch.linalg.inv(
            torch.linalg.inv(F @ P @ F.T + one) + torch.outer(B, B) / noise
        )
        ahead = F @ c
        c = ahead + P @ B / noise * (u[0, k] - B @ ahead)
    found = history.states(A_k, B_k, u)[0]
    # two inversions per step lose some digits
    assert found.numpy() == pytest.approx(c.numpy(), rel=1e-7, abs=1e-9)


def test_several_variances_are_several_filters():
    A, B = hippo.unhippo(4, 9, torch.tensor([0.1, 100.0]))
    u = samples(3, 9)
    both = history.states(A, B, u)
    for k, noise in enumerate((0.1, 100.0)):
        own = history.states(*hippo.unhippo(4, 9, noise), u)
        # the products of a batch may be added up in another order
        assert both[k].numpy() == pytest.approx(own.numpy(), rel=1e-9, abs=1e-12)


def test_the_interval_grows_from_k_to_k_plus_1():
    """A polynomial keeps its values at the samples that it has seen."""
    N, k = 4, 5
    c = samples(1, N)[0]
    A = hippo.legs(N)[0]
    still = -A.T - torch.eye(N).double()
    grown = torch.matrix_exp(hippo.log_step(k) * still) @ c
    seen = history.reconstruct(grown, k + 1)[:k]
    known = history.reconstruct(c, k)
    assert seen.numpy() == pytest.approx(known.numpy(), rel=1e-9)


def test_fewer_coefficients_are_a_smaller_state():
    """The control of the chapter on UnHiPPO: the same samples, the same errors."""
    steps, few = 40, 6
    u, true = samples(5, steps), torch.linspace(1, 2, steps).double()
    large = history.states(*history.legs_steps(16, steps), u + true)[:, :few]
    small = history.states(*history.legs_steps(few, steps), u + true)
    # rounding, of sums over the 16 coefficients
    assert large.numpy() == pytest.approx(small.numpy(), abs=1e-10)
    errors = [
        history.relative_error(history.reconstruct(c, steps), true).numpy()
        for c in (large, small)
    ]
    assert errors[0] == pytest.approx(errors[1], rel=1e-8)


@pytest.mark.parametrize("N", [1, 2, 7])
def test_a_reconstruction_is_a_sum_of_polynomials(N):
    c, steps = samples(2, N), 11
    x = 2 * np.arange(1, steps + 1) / steps - 1
    basis = legendre.legvander(x, N - 1) * np.sqrt(2 * np.arange(N) + 1)
    found = history.reconstruct(c, steps).numpy()
    assert found == pytest.approx(c.numpy() @ basis.T, rel=1e-12)


def test_a_relative_error():
    true = torch.tensor([3.0, 4.0])
    found = torch.tensor([[3.0, 4.0], [0.0, 0.0], [3.0, 9.0]])
    assert history.relative_error(found, true).tolist() == [0.0, 1.0, 1.0]


A, B = hippo.unhippo(3, 4, 1.0)
BAD = {
    "other steps": (lambda: history.states(A, B, samples(1, 5)), "u must have shape"),
    "other shapes": (lambda: history.states(A, B[:3], samples(1, 4)), "A and B must"),
    "one matrix": (lambda: history.states(A[0], B[0], samples(1, 4)), "u must have"),
    "no coefficients": (lambda: history.reconstruct(torch.zeros(0), 4), "c must have"),
    "zeros": (
        lambda: history.relative_error(torch.ones(4), torch.zeros(4)),
        "true must not be all zeros",
    ),
    "other lengths": (
        lambda: history.relative_error(torch.ones(4), torch.ones(3)),
        "must broadcast",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_arguments_are_refused(case):
    call, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        call()

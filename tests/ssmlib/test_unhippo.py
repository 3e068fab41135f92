"""UnHiPPO: against conditioning of one joint normal law, and its published error."""

import math

import numpy as np
import pytest
import torch
from numpy.polynomial import legendre

from ssmlib import hippo

N = 5


def polynomials(n: int, x: np.ndarray) -> np.ndarray:
    """Normalized Legendre polynomials (len(x), n), whose squares have the mean 1."""
    return legendre.legvander(x, n - 1) * np.sqrt(2 * np.arange(n) + 1)


def transition(n: int, k: int) -> np.ndarray:
    start = max(k, 1)
    drift = hippo._growing(n)
    return torch.matrix_exp(math.log((start + 1) / start) * drift).numpy()


@pytest.mark.parametrize("noise", [0.3, 100.0])
def test_the_posterior_is_that_of_the_joint_law(noise):
    """c_k given y_1 .. y_k: by the covariance of all states and samples at once."""
    steps, H = 7, hippo.legs(N)[1].numpy()
    A, B = hippo.unhippo(N, steps, noise)
    y = np.random.default_rng(0).normal(size=steps)
    # c_k = F_k (c_0, w_1, .., w_k), whose entries are independent, of variance 1
    F, c = np.eye(N, N * (steps + 1)), torch.zeros(N).double()
    rows = []
    for k in range(steps):
        F = transition(N, k) @ F
        F[:, N * (k + 1) : N * (k + 2)] += np.eye(N)
        rows.append(H @ F)
        Y = np.stack(rows)
        covariance = Y @ Y.T + noise * np.eye(k + 1)
        mean = F @ Y.T @ np.linalg.solve(covariance, y[: k + 1])
        c = A[k] @ c + B[k] * y[k]
        assert c.numpy() == pytest.approx(mean, rel=1e-9, abs=1e-12)


def test_without_the_penalty_a_polynomial_stays_fixed():
    """t dc/dt = (A^T - 1) c, by values of the polynomial on the longer interval."""
    drift = (-hippo.legs(N)[0]).T - torch.eye(N).double()
    grown = torch.matrix_exp(math.log(1.25) * drift).numpy()
    c = np.random.default_rng(1).normal(size=N)
    x = np.linspace(-1, 1, 9)
    longer = polynomials(N, 2 * (x + 1) / 2 / 1.25 - 1) @ (grown @ c)
    assert longer == pytest.approx(polynomials(N, x) @ c, rel=1e-9)


def test_the_dynamics_solve_the_penalized_least_squares():
    """Independently of lstsq: the residual is orthogonal to every column."""
    A, B = hippo.legs(N)
    step = 1e-6
    slope = polynomials(N, np.array([1.0])) - polynomials(N, np.array([1 - step]))
    Q = torch.tensor(slope[0] / step)
    one = torch.eye(N).double()
    left = torch.cat([one, B[None], Q[None]])
    right = torch.cat([-A.T - one, 2 * Q[None], Q[None]])
    residual = left.T @ (left @ hippo._growing(N) - right)
    assert float(residual.abs().max()) < 1e-3 * float((left.T @ right).abs().max())


def histories(A, B, u: torch.Tensor) -> torch.Tensor:
    """The last state (n, N) of several inputs (n, steps)."""
    c = torch.zeros(len(u), len(B[0])).double()
    for k in range(u.shape[1]):
        c = c @ A[k].T + u[:, k : k + 1] * B[k]
    return c


@pytest.mark.slow
def test_it_forgets_noise_as_others_measured():
    """Relative error of a history, noise of standard deviation 1, over 40 draws.

    Another computation of the same setting, with other draws, gave 0.111 for N = 64
    and the variance 1e8, and 0.151 for HiPPO-LegS.
    """
    T, n = 500, 64
    t = np.linspace(0, 10, T)
    f = np.sin(math.pi * t) * np.exp(-np.sin(t))
    noise = np.random.default_rng(0).normal(size=(40, T))
    basis = polynomials(n, 2 * np.arange(1, T + 1) / T - 1)
    A, B = hippo.legs(n)
    one = torch.eye(n).double()
    E = [torch.matrix_exp(math.log((max(k, 1) + 1) / max(k, 1)) * A) for k in range(T)]
    plain = E, [torch.linalg.solve(A, (own - one) @ B) for own in E]
    for dynamics, known in ((hippo.unhippo(n, T, 1e8), 0.111), (plain, 0.151)):
        found = histories(*dynamics, torch.tensor(f + noise)).numpy() @ basis.T
        error = ((found - f) ** 2).sum(1) / (f**2).sum()
        spread = math.sqrt(2) * error.std(ddof=1) / math.sqrt(40)  # of both means
        assert error.mean() == pytest.approx(known, abs=4 * spread)


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        ((0, 5, 1.0), ValueError),
        ((4, 0, 1.0), ValueError),
        ((4, 5, 0.0), ValueError),
        ((4, 5, -1.0), ValueError),
        ((4.0, 5, 1.0), TypeError),
        ((4, 5, "1"), TypeError),
    ],
)
def test_bad_arguments_are_refused(arguments, kind):
    with pytest.raises(kind):
        hippo.unhippo(*arguments)

"""The delay task's least error, by sampled sequences and by published figures."""

import numpy as np
import pytest
import torch

from ssmlib import inputs
from ssmlib.initialization import initialize_discrete, lattice
from ssmlib.theory.delay_task import delay_error


def kernels(log: torch.Tensor, L: int) -> torch.Tensor:
    """Real and imaginary parts of the powers of discrete poles, (L, m)."""
    power = torch.exp(log * torch.arange(L)[:, None])
    return torch.cat([power.real, power.imag], 1)


@pytest.mark.parametrize("process", [inputs.white(), inputs.ar1(0.9)])
def test_it_is_the_error_of_a_regression_on_sampled_sequences(process):
    """Least squares over all steps of 4,000 sequences, without a matrix of r."""
    L, d = 24, 7
    F = kernels(lattice(3, 0.4, real=-0.05, first=1), L)
    rng = torch.Generator().manual_seed(0)
    u = process.sample(4000, L, rng).double()
    past = torch.nn.functional.pad(u, (L - 1, 0)).unfold(1, L, 1).flip(-1)  # (n, L, L)
    X = (past @ F).reshape(-1, F.shape[1])
    y = torch.nn.functional.pad(u, (d, 0))[:, :L].reshape(-1)
    c = torch.linalg.lstsq(X, y[:, None]).solution[:, 0]
    sampled = float((X @ c - y).square().sum() / y.square().sum())
    assert delay_error(F, d, process.moment(L)) == pytest.approx(sampled, rel=0.02)


def test_kernels_of_one_step_delay_exactly():
    assert delay_error(torch.eye(12).double(), 5, inputs.white().moment(12)) < 1e-12


def test_no_readout_of_undamped_poles_delays_by_their_period():
    """Poles that repeat after N steps give delays 0, N, 2 N, .. the same weight.

    At the delay N in a sequence of 4 N steps, by hand: the weights of the images are
    L - s = 4, 3, 2, 1 times N, and one weight w for all leaves 4 w^2 + 3 (w - 1)^2 +
    2 w^2 + w^2, least at w = 3 / 10, over 3.
    """
    N = 8
    log = initialize_discrete("dfout", N, xi=0.0)[0][0]
    F = kernels(log, 4 * N)
    # The half-step grid turns by pi in a period, so that images alternate in sign.
    found = delay_error(F, N, inputs.white().moment(4 * N))
    w = 3 / 10
    by_hand = (4 * w**2 + 3 * (1 - w) ** 2 + 3 * w**2) / 3
    assert found == pytest.approx(by_hand, abs=1e-9)


BAD = {
    "a delay beyond the sequence": (12, inputs.white().moment(12), "delay"),
    "another length": (3, inputs.white().moment(11), "shapes"),
    "no autocovariance": (
        3,
        torch.tensor(np.r_[1.0, 1.5, np.zeros(10)]),
        "r",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_arguments_are_refused(case):
    delay, r, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        delay_error(torch.eye(12).double(), delay, r)

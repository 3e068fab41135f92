"""The memory function against Gram matrices in 200 digits, and what follows from it."""

import math

import mpmath
import numpy as np
import pytest
import torch

from ssmlib import initialization
from ssmlib.theory import learning, memory
from tests.ssmlib.poles import closed, disc, discrete, tensor


def by_gram(eigenvalues, delays, T=None):
    """MF from the Gram matrix in 200 digits; of a window of T steps if T is given."""
    with mpmath.workdps(200):
        found = [mpmath.mpc(complex(v)) for v in eigenvalues]
        products = [[a * mpmath.conj(b) for b in found] for a in found]
        kept = [[1 if T is None else 1 - p**T for p in row] for row in products]
        n = range(len(found))
        gram = mpmath.matrix(
            [[kept[j][k] / (1 - products[j][k]) for k in n] for j in n]
        )
        root = mpmath.cholesky(gram)
        rows = []
        for k in n:  # forward substitution: MF is |root^-1 v|^2
            v = [found[k] ** int(delay) for delay in delays]
            for j in range(k):
                v = [a - root[k, j] * b for a, b in zip(v, rows[j], strict=True)]
            rows.append([a / root[k, k] for a in v])
        squares = [[abs(a) ** 2 for a in row] for row in rows]
        return np.array([float(sum(column)) for column in zip(*squares, strict=True)])


POLES = {
    "in the disc": disc(7),
    "conjugated": closed(disc(4)),
    "near the circle": disc(6, 0.999, 0.99999),
    "near the circle, conjugated": closed(disc(3, 0.999, 0.99999)),
    "near 1, conjugated": closed(0.9999 * np.exp(1e-3j * np.arange(1, 4))),
    "clustered": 0.9 * np.exp(0.3j) + 1e-6 * disc(5),
    "clustered, conjugated": closed(0.99 * np.exp(0.01j) + 1e-6 * disc(3)),
    "real": np.linspace(0.1, 0.95, 7) + 0j,
    "at 0": np.array([0, 0.5, -0.5j]),
    "LegS": discrete("legs", 16, 0.01).numpy(),
}


@pytest.mark.parametrize("name", POLES)
def test_it_is_that_of_the_gram_matrix(name):
    poles = POLES[name]
    delays = [0, 1, 2, 3, 10, 100, 1000]
    exact = by_gram(poles, delays)
    found = memory.memory_function(tensor(poles), 1001)[delays].numpy()
    assert np.abs(found - exact).max() < 1e-12
    twice = tensor(np.flip(np.concatenate([poles, poles[:2]])).copy())
    found = memory.memory_function(twice, 1001)[delays].numpy()
    assert np.abs(found - exact).max() < 1e-12


#: FouT's normal part does not decay: its memory has no end, and no stationary state
DAMPED = [name for name in initialization.names() if name != "fout"]


@pytest.mark.parametrize("dt", [0.1, 0.01, 0.001])
@pytest.mark.parametrize("name", DAMPED)
def test_every_scheme_to_thirteen_places(name, dt):
    eigenvalues = memory.distinct(discrete(name, 16, dt))
    delays = np.unique(np.geomspace(1, 1000, 20).astype(int))
    exact = by_gram(eigenvalues.numpy(), delays)
    found = memory.memory_function(eigenvalues, 1001)[delays].numpy()
    assert np.abs(found - exact).max() < 1e-13


def test_it_is_the_diagonal_of_a_projector():
    """And so what `recovery` finds, where an SVD can: a window, a real basis."""
    eigenvalues = discrete("lin", 16, 0.03)
    modes = eigenvalues[eigenvalues.imag > 0]
    steps = torch.arange(200)[:, None]
    powers = modes**steps
    F = torch.cat(
        [powers.real, powers.imag, eigenvalues[eigenvalues.imag == 0].real ** steps], 1
    )
    assert torch.linalg.cond(F) < 1e6
    found = memory.finite_memory_function(eigenvalues, 200)
    assert torch.allclose(learning.recovery(F), found, atol=1e-12)


def test_takenaka_malmquist_sum_is_the_same():
    poles = disc(6)
    total, chain = np.zeros(60), np.zeros(60, complex)
    chain[0] = 1
    for pole in poles:
        one = np.convolve(chain, pole ** np.arange(60))[:60]  # chain / (1 - pole z)
        total += (1 - abs(pole) ** 2) * np.abs(one) ** 2
        chain = np.append(0, one[:-1]) - pole.conj() * one
    found = memory.memory_function(tensor(poles), 60).numpy()
    assert np.abs(found - total).max() < 1e-13


def test_what_holds_for_all():
    for poles in POLES.values():
        eigenvalues = tensor(poles)
        # Further back, the rounding of MF adds up to more than is left of it.
        T = 1 + memory.memory_quantile(eigenvalues, 1 - 1e-9)
        found = memory.memory_function(eigenvalues, T)
        n = len(poles)
        assert bool((found.diff() <= 1e-15).all())
        assert found[0] == pytest.approx(1 - np.prod(np.abs(poles)) ** 2, abs=1e-14)
        bound = (n / torch.arange(1, T + 1)).clamp(max=1)
        assert bool((found <= bound + 1e-12).all())
        assert memory.memory_capacity(eigenvalues) == n
        assert memory.memory_capacity(eigenvalues, T) == pytest.approx(n, rel=2e-9)
        delay = float((torch.arange(T) * found).sum()) / n
        assert memory.mean_delay(eigenvalues) == pytest.approx(delay, rel=1e-6)
        assert delay >= (n - 1) / 2 - 1e-9


def test_mean_delay_is_the_unevenness_of_the_group_delay():
    eigenvalues = tensor(disc(5, 0.0, 0.9))
    omega = 2 * math.pi * torch.arange(4096, dtype=torch.float64) / 4096
    delay = memory.group_delay(eigenvalues, omega)
    assert float(delay.mean()) == pytest.approx(5, rel=1e-12)
    found = (float(delay.square().mean()) / 5 - 1) / 2
    assert memory.mean_delay(eigenvalues) == pytest.approx(found, rel=1e-12)


def test_a_circle_is_a_staircase():
    n, r = 10, 0.97
    circle = r * torch.exp(2j * math.pi * torch.arange(n, dtype=torch.float64) / n)
    q = r ** (2 * n)
    steps = (1 - q) * q ** (torch.arange(95) // n).double()
    assert torch.allclose(memory.memory_function(circle, 95), steps, atol=1e-14)


def test_the_spectrum_alone_decides():
    """A dense system has the memory of its eigenvalues, within cond(S) roundings."""
    rng = np.random.default_rng(0)
    A = torch.from_numpy(rng.normal(size=(8, 8)))
    A = 0.9 * A / torch.linalg.eigvals(A).abs().max()
    b = torch.from_numpy(rng.normal(size=8))
    columns = [b]
    for _ in range(600):
        columns.append(A @ columns[-1])
    V = torch.stack(columns, 1)
    S = V @ V.mT
    dense = (V * torch.linalg.solve(S, V)).sum(0)[:40]
    found = memory.memory_function(torch.linalg.eigvals(A), 40)
    off = float((found - dense).abs().max())
    assert off < 1e-15 * float(torch.linalg.cond(S))


def test_a_real_readout_of_stored_modes_is_the_closed_set():
    modes = disc(5, 0.2, 0.95)
    rows = modes[:, None] ** np.arange(800)
    V = np.concatenate([rows.real, rows.imag])
    exact = (V * np.linalg.solve(V @ V.T, V)).sum(0)[:50]
    found = memory.memory_function(tensor(closed(modes)), 50).numpy()
    assert np.abs(found - exact).max() < 1e-9
    assert memory.memory_capacity(tensor(closed(modes))) == 10


def test_a_regression_on_simulated_input_finds_it():
    """Of n samples R^2 has the error 2 sqrt(R^2 / n) (1 - R^2), and a bias N / n."""
    poles, n = closed(disc(3, 0.5, 0.95)), 100_000
    u = np.random.default_rng(0).uniform(-math.sqrt(3), math.sqrt(3), n + 500)
    x = np.zeros((6, len(u)), complex)
    for t in range(1, len(u)):
        x[:, t] = poles * x[:, t - 1] + u[t]
    x = np.concatenate([x[:3].real, x[:3].imag])[:, 500:]
    found = memory.memory_function(tensor(poles), 20).numpy()
    for delay in (0, 3, 10):
        y = u[500 - delay : len(u) - delay]
        residual = y - np.linalg.lstsq(x.T, y, rcond=None)[0] @ x
        share = 1 - residual.var() / y.var()
        error = 2 * math.sqrt(share / n) * (1 - share) + 6 / n
        assert abs(share - found[delay]) < 4 * error


def test_repeated_eigenvalues_count_once():
    """S4D-Lin, N = 64, turns past itself at dt = .1: 20 of 63 are distinct."""
    eigenvalues = discrete("lin", 64, 0.1)
    assert len(eigenvalues) == 63
    kept = memory.distinct(eigenvalues)
    assert len(kept) == 20
    assert memory.memory_function(eigenvalues, 1)[0] == pytest.approx(1 - math.exp(-2))
    assert len(memory.distinct(kept)) == 20
    assert memory.memory_capacity(eigenvalues) == 20


def test_what_stays_is_in_order_and_closed():
    poles = closed(disc(4))
    eigenvalues = tensor(np.concatenate([poles, poles + 1e-12]))
    kept = memory.distinct(eigenvalues).numpy()
    assert len(kept) == 8
    assert np.abs(kept[:, None] - closed(kept[:4])).min(1).max() < 1e-11
    assert len(memory.distinct(eigenvalues, tol=0)) == 16
    apart = tensor([0.5, 0.5 + 1e-8])
    assert len(memory.distinct(apart)) == 2
    assert len(memory.distinct(apart, tol=1e-7)) == 1


GOOD, ONE = tensor([0.5, 0.2j]), tensor([1.0])
SKEW = torch.tensor([[1.0, 0.0], [1.0, 1.0]])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: memory.memory_quantile(tensor([1 - 1e-13]), 0.5),
            ValueError,
            "1e-12",
        ),
        (
            lambda: memory.memory_function(ONE, 3),
            ValueError,
            "finite_memory_",
        ),
        (lambda: memory.finite_memory_function(tensor([1.1]), 3), ValueError, "<= 1"),
        (lambda: memory.distinct(tensor([2.0])), ValueError, "<= 1, got 2"),
        (lambda: memory.memory_function(tensor([math.nan]), 3), ValueError, "finite"),
        (lambda: memory.memory_function(tensor([]), 3), ValueError, "n >= 1"),
        (lambda: memory.memory_function(torch.ones(2), 3), TypeError, "complex"),
        (lambda: memory.memory_function(GOOD, 0), ValueError, "T must be at least 1"),
        (lambda: memory.finite_memory_function(GOOD, 0), ValueError, "T must be"),
        (lambda: memory.distinct(GOOD, tol=-1), ValueError, "tol must be"),
        (lambda: memory.memory_quantile(GOOD, 1.0), ValueError, "share must be"),
        (
            lambda: memory.coloured_memory_function(GOOD, torch.tensor([1.0, -2.0])),
            ValueError,
            "positive semidefinite",
        ),
        (
            lambda: memory.coloured_memory_function(GOOD, SKEW),
            ValueError,
            "symmetric",
        ),
        (lambda: memory.effective_capacity(GOOD, GOOD, 0.0), ValueError, "noise must"),
        (
            lambda: memory.effective_capacity(GOOD, GOOD[:1], 0.1),
            ValueError,
            r"\(N,\) or \(N, N\)",
        ),
        (
            lambda: memory.fisher_memory(ONE, GOOD[:1], 3),
            ValueError,
            "A_bar must be stable",
        ),
    ],
)
def test_bad_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call()

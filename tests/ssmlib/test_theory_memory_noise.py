"""What a readout that meets noise, or a state that does, keeps of its memory."""

import pytest
import torch

from ssmlib import hippo
from ssmlib.theory import memory
from tests.ssmlib.poles import disc, discrete, tensor


def legs(N, dt, hold=True):
    """HiPPO-LegS in its own basis, by zero-order hold, or with the continuous B."""
    A, B = hippo.legs(N)
    A_bar = torch.matrix_exp(dt * A)
    if not hold:
        return A_bar, B
    return A_bar, torch.linalg.solve(A, (A_bar - torch.eye(N, dtype=A.dtype)) @ B)


def by_doubling(A, Q):
    """sum_k A^k Q A^kH, twice as many terms a step."""
    total = Q.to(torch.complex128)
    A = A.to(torch.complex128)
    for _ in range(60):
        total = total + A @ total @ A.mH
        A = A @ A
    return total


def test_effective_capacity_is_that_of_the_summed_covariance():
    for A, B in (legs(16, 0.01), legs(8, 0.1, hold=False)):
        S = by_doubling(A, torch.outer(B, B))
        size = S.diagonal().real.sqrt()
        S = S / torch.outer(size, size)
        eye = torch.eye(len(B), dtype=S.dtype)
        for noise in (1e-1, 1e-4):
            exact = torch.linalg.solve(S + noise * eye, S).diagonal().sum().real
            found = memory.effective_capacity(A, B, noise)
            assert found == pytest.approx(float(exact), rel=1e-9)


@pytest.mark.parametrize(
    ("name", "N", "values"),
    [
        ("real", 128, (5.3, 7.7, 10.9)),
        ("legs", 64, (61.4, 64.0, 64.0)),
        ("inv", 64, (60.6, 63.9, 64.0)),
    ],
)
def test_effective_capacities_of_one_spectrum_or_another(name, N, values):
    eigenvalues = discrete(name, N, 0.01)
    for noise, value in zip((1e-2, 1e-4, 1e-7), values, strict=True):
        found = memory.effective_capacity(
            eigenvalues, torch.ones_like(eigenvalues), noise
        )
        assert found == pytest.approx(value, abs=0.051)


def test_effective_capacity_of_the_hippo_basis():
    for noise, value in zip((1e-2, 1e-4, 1e-7), (54.6, 61.3, 62.2), strict=True):
        found = memory.effective_capacity(*legs(64, 0.01, hold=False), noise)
        assert found == pytest.approx(value, abs=0.051)


def test_two_poles_grow_apart_without_a_jump():
    """What the memory function cannot do: it counts them as two, or as one."""
    apart = [
        memory.effective_capacity(tensor([0.9, 0.9 + gap]), torch.ones(2), 1e-4)
        for gap in (0, 1e-8, 1e-4, 1e-2)
    ]
    assert apart[0] == pytest.approx(apart[1], abs=1e-6)
    assert apart == sorted(apart)


def test_fisher_memory_by_definition():
    A, B = legs(8, 0.05)
    noise = by_doubling(A, torch.eye(8))
    v = (torch.linalg.matrix_power(A, 7) @ B / B.norm()).to(noise.dtype)
    exact = (v.conj() @ torch.linalg.solve(noise, v)).real
    assert memory.fisher_memory(A, B, 8)[7] == pytest.approx(float(exact), rel=1e-10)


def test_fisher_memory_of_a_normal_system_sums_to_one():
    poles = tensor(disc(6, 0, 0.95))
    weights = tensor(disc(6))
    found = memory.fisher_memory(poles, weights, 1000)
    assert float(found.sum()) == pytest.approx(1, abs=1e-12)
    turn = (
        torch.linalg.qr(
            torch.randn(6, 6, generator=torch.Generator().manual_seed(0)).double()
        )[0]
        + 0j
    )
    turned = turn @ torch.diag(poles) @ turn.mH
    dense = memory.fisher_memory(turned, turn @ weights, 1000)
    assert torch.allclose(dense, found, atol=1e-13)


@pytest.mark.parametrize(
    ("N", "dt", "total"),
    [
        *[(N, 0.01, s) for N, s in ((8, 1.130), (16, 1.654), (32, 2.391), (64, 3.258))],
        *[(N, 1e-3, s) for N, s in ((8, 1.012), (16, 1.058), (32, 1.268), (64, 2.113))],
    ],
)
def test_fisher_memory_of_hippo_exceeds_one_by_its_hold_alone(N, dt, total):
    """A + A^T = -(I + B B^T) makes it 1 for B itself; a held B is no such one."""
    T = round(40 / dt)
    assert float(memory.fisher_memory(*legs(N, dt), T).sum()) == pytest.approx(
        total, abs=0.0011
    )
    plain = memory.fisher_memory(*legs(N, dt, hold=False), T)
    assert float(plain.sum()) == pytest.approx(1, abs=1e-9)

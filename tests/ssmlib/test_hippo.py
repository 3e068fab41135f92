import math

import pytest
import torch

from ssmlib import hippo


@pytest.mark.parametrize("N", [4, 8, 64])
def test_legs_is_normal_plus_low_rank(N):
    Lambda, P, B, V = hippo.legs_nplr(N)
    A, B_legs = hippo.legs(N)
    rebuilt = V @ torch.diag(Lambda) @ V.mH - torch.outer(P, P)
    assert torch.allclose(rebuilt, A + 0j, rtol=0, atol=1e-12 * N**2)
    assert torch.allclose(V.mH @ V, torch.eye(N, dtype=V.dtype), rtol=0, atol=1e-13 * N)
    assert torch.equal(B, B_legs)


def test_legs_has_the_eigenvalues_minus_one_to_minus_N():
    A, _ = hippo.legs(8)
    assert torch.allclose(torch.diagonal(A), -torch.arange(1.0, 9.0).double())
    assert torch.count_nonzero(torch.triu(A, 1)) == 0


@pytest.mark.parametrize("N", [4, 32, 64, 256])
def test_frequencies_by_roots_are_those_of_the_eigensolver(N):
    omega = hippo.legs_frequencies(N)
    Lambda = hippo.legs_nplr(N)[0]
    by_eigh = Lambda.imag[Lambda.imag > 0].flip(0)
    assert torch.allclose(omega, by_eigh, rtol=0, atol=1e-12 * (N / 4) ** 2)


def test_the_top_frequency_is_off_by_pi_over_six():
    top = float(hippo.legs_frequencies(1024)[0])
    assert 1024**2 / math.pi - top == pytest.approx(math.pi / 6, abs=1e-5)


def test_frequencies_against_multiprecision():
    mpmath = pytest.importorskip("mpmath")
    mpmath.mp.dps = 40
    N, m = 32, 3
    theta = lambda y: sum(mpmath.atan(2 * y / (2 * k + 1)) for k in range(N))  # noqa: E731
    guess = float(hippo.legs_frequencies(N)[m])
    root = mpmath.findroot(
        lambda y: theta(y) - (mpmath.mpf(N) / 2 - m - 0.5) * mpmath.pi, guess
    )
    assert guess == pytest.approx(float(root), rel=1e-14)


def test_input_weights_are_those_of_the_eigenbasis():
    N = 64
    Lambda, _, B, V = hippo.legs_nplr(N)
    by_basis = (V.mH @ (B + 0j)).abs()[Lambda.imag > 0].flip(0)
    weights = hippo.legs_input_weights(hippo.legs_frequencies(N))
    assert torch.allclose(weights, by_basis, rtol=1e-11)
    assert float(2 * weights.square().sum()) == pytest.approx(N**2, rel=1e-12)


@pytest.mark.parametrize("s", [0.3 + 0.7j, 2j, 1.5 - 4j])
def test_transfer_identity_of_legs(s):
    """By Sherman-Morrison: half of B into the normal part is B into A, over 1 + eps."""
    N = 16
    A, B = hippo.legs(N)
    _, P, _, _ = hippo.legs_nplr(N)
    eye = torch.eye(N, dtype=torch.complex128)
    eps = math.prod((s - k) / (s + k + 1) for k in range(N))
    normal = torch.linalg.solve(s * eye - (A + torch.outer(P, P)), B / 2 + 0j)
    full = torch.linalg.solve(s * eye - A, B + 0j)
    assert torch.allclose(normal, full / (1 + eps), rtol=1e-10)


def test_fout_rotates_at_the_frequencies_of_lin():
    A, B = hippo.fout(16)
    K = A + torch.outer(B, B)
    assert torch.allclose(K, -K.T)
    found = torch.linalg.eigvals(K).imag.sort().values[8:]
    assert torch.allclose(found, math.pi * torch.arange(8).double(), atol=1e-9)


@pytest.mark.parametrize("make", [hippo.legs_nplr, hippo.legs_frequencies, hippo.fout])
def test_odd_sizes_are_refused(make):
    with pytest.raises(ValueError, match="N must be even"):
        make(7)


def test_sizes_below_one_are_refused():
    with pytest.raises(ValueError, match="N must be at least 1"):
        hippo.legs(0)

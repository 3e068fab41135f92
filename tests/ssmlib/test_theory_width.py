"""The infinite-width limit of LegS's normal part, and HiPPO's eigenvectors."""

import math

import pytest
import torch

from ssmlib import hippo
from ssmlib.discretization import dense_parts
from ssmlib.kernels import dense_kernel
from ssmlib.theory import width


@pytest.mark.parametrize("N", [2, 16, 64])
def test_the_gap_on_the_imaginary_axis(N):
    omega = torch.tensor([0.0, 0.3, 2.0, 50.0, 1e4], dtype=torch.float64)
    gap = width.transfer_gap(N, 1j * omega).abs()
    assert torch.allclose(gap, omega / torch.sqrt(N**2 + omega**2), rtol=1e-12)
    inside = width.transfer_gap(4 * N, torch.tensor(0.5 + 1j))
    assert abs(inside) < 0.1 * abs(width.transfer_gap(N, torch.tensor(0.5 + 1j)))


def test_the_transfer_functions_are_one_over_one_plus_the_gap():
    N = 16
    A, B = (part + 0j for part in hippo.legs(N))
    P = hippo.legs_nplr(N)[1]
    one = torch.eye(N, dtype=torch.complex128)
    for s in (0.3 + 0.7j, 2j, 1.5 - 4j, -0.2 + 9j):
        full = torch.linalg.solve(s * one - A, B)
        normal = torch.linalg.solve(s * one - A - torch.outer(P, P), B / 2)
        gap = width.transfer_gap(N, torch.tensor(s, dtype=torch.complex128))
        assert torch.allclose(normal, full / (1 + gap), rtol=1e-10)


def test_the_basis_is_hippo_s_response():
    """exp(A t) B of a state as large as the first rows need: A is triangular."""
    t = torch.linspace(0, 3, 13, dtype=torch.float64)
    A, B = hippo.legs(6)
    exact = torch.stack([torch.matrix_exp(A * x) @ B for x in t], -1)
    assert torch.allclose(width.legs_basis(6, t), exact, atol=1e-12)


@pytest.mark.parametrize("method", ["zoh", "bilinear"])
def test_kernels_of_the_normal_part_are_the_dense_ones(method):
    N, dt = 12, 0.03
    A, B = hippo.legs(N)
    P = hippo.legs_nplr(N)[1]
    step = torch.tensor([dt], dtype=torch.float64)
    parts = dense_parts(A + torch.outer(P, P), B / 2, step, method)
    rows = torch.eye(N, dtype=torch.float64)[:3]
    dense = dense_kernel(parts[0], parts[1], rows, 50) / dt
    found = width.normal_kernels(N, 3, dt, 50, discretization=method)
    assert torch.allclose(found, dense, atol=1e-10)
    t = torch.linspace(0, 1, 7, dtype=torch.float64)
    raw = [torch.matrix_exp((A + torch.outer(P, P)) * x) @ B / 2 for x in t]
    exact = torch.stack(raw, -1)[:3]
    assert torch.allclose(width.normal_responses(N, 3, t), exact, atol=1e-10)


def rms(N, method, dt=0.01, T=2.5, shift=0.0):
    L = round(T / dt)
    t = dt * (torch.arange(L, dtype=torch.float64) + shift)
    found = width.normal_kernels(N, 1, dt, L, discretization=method)
    return float((found - width.legs_basis(1, t)).square().mean().sqrt())


def test_discretized_kernels_converge_at_the_known_rates():
    """Computed by two others: to the last digit given."""
    zoh = {64: 0.087, 128: 0.043, 256: 0.019, 512: 0.009, 1024: 0.0036}
    for N, known in zoh.items():
        digits = 4 if N == 1024 else 3
        assert round(rms(N, "zoh"), digits) == pytest.approx(known), N
    bilinear = {64: 0.120, 128: 0.057, 256: 0.024}
    for N, known in bilinear.items():
        assert round(rms(N, "bilinear"), 3) == pytest.approx(known), N
    assert rms(512, "bilinear", shift=0.5) == pytest.approx(4e-6, rel=0.2)
    assert round(rms(1024, "zoh", shift=0.5), 4) == pytest.approx(0.0029)


def test_raw_kernels_stay_apart():
    """The response itself, over 4 units of time: as far at any size."""
    t = torch.linspace(0, 4, 4001, dtype=torch.float64)
    for N in (16, 256):
        gap = width.normal_responses(N, 4, t) - width.legs_basis(4, t)
        found = gap.square().mean(-1).sqrt()
        for value, known in zip(found, (0.247, 0.43, 0.55, 0.65), strict=True):
            assert float(value) == pytest.approx(known, rel=0.03)


@pytest.mark.parametrize("N", [1, 2, 8, 12])
def test_digits_are_those_of_the_eigenvectors(N):
    """Against the eigenvectors of a triangular matrix, solved for, in float64."""
    A, _ = hippo.legs(N)
    V = torch.eye(N, dtype=torch.float64)
    for j in range(N):
        for i in range(j + 1, N):
            V[i, j] = (A[i, j:i] @ V[j:i, j]) / (i - j)
    V = V / torch.linalg.vector_norm(V, dim=0)
    eigenvalues = -torch.arange(1.0, N + 1).double()
    assert torch.allclose(A @ V, V * eigenvalues, atol=1e-9)
    condition = torch.linalg.norm(V) * torch.linalg.norm(torch.linalg.inv(V))
    assert width.eigenvector_digits(N) == pytest.approx(
        math.log10(float(condition)), abs=1e-6
    )


def test_bad_arguments_are_refused():
    for call, message in (
        (lambda: width.normal_kernels(7, 1, 0.1, 5), "N must be even"),
        (lambda: width.normal_kernels(8, 9, 0.1, 5), "n must be in 1 .. N, 8, got 9"),
        (lambda: width.normal_kernels(8, 1, 0.0, 5), "dt must be positive"),
        (lambda: width.normal_kernels(8, 1, 0.1, 0), "L must be at least 1"),
        (lambda: width.legs_basis(0, torch.zeros(1)), "n must be at least 1"),
        (lambda: width.transfer_gap(0, torch.zeros(1)), "N must be at least 1"),
        (lambda: width.eigenvector_digits(0), "N must be at least 1"),
        (
            lambda: width.normal_kernels(8, 1, 0.1, 5, discretization="euler"),
            "discretization must be one of",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            call()

"""Zero-order hold of dense systems, next to matrix_exp and to extended precision."""

import numpy as np
import pytest
import torch

from ssmlib import _expm
from ssmlib.initialization import Initialization
from ssmlib.layers import S4


def system(N, dt, n=1):
    """A dt (n, N, N) and B dt (n, N) of HiPPO-LegS; the steps of n features differ."""
    layer = S4(n, N, init=Initialization("legs", dt=dt), dtype=torch.float64)
    step = layer.dt * torch.arange(1, n + 1).unsqueeze(-1)
    B = torch.cat([layer.B.real, layer.B.imag], -1)
    return (layer.matrix() * step.unsqueeze(-1)).detach(), (B * step).detach()


def by_matrix_exp(A, b):
    W = torch.nn.functional.pad(torch.cat([A, b.unsqueeze(-1)], -1), (0, 0, 0, 1))
    whole = torch.matrix_exp(W)
    return whole[..., :-1, :-1], whole[..., :-1, -1]


def extended(A):
    """exp(A) with the 64 binary digits of a long double, by many small halvings."""
    A = A.numpy().astype(np.longdouble)
    halvings = max(0, int(np.ceil(np.log2(float(np.abs(A).sum(0).max())))) + 2)
    A = A / np.longdouble(2) ** halvings
    found = term = np.eye(len(A), dtype=np.longdouble)
    for k in range(1, 20):
        term = term @ A / k
        found = found + term
    for _ in range(halvings):
        found = found @ found
    return found


def distance(found, exact):
    return float((found - exact).abs().max() / exact.abs().max())


@pytest.mark.parametrize("dt", [1e-4, 1e-2, 1.0])
@pytest.mark.parametrize("N", [2, 32, 64])
def test_stiff_matrices_have_an_error_like_that_of_matrix_exp(N, dt):
    """Both errors grow with the norm of A dt, by which rounding A is amplified.

    Which of the two is smaller differs between processors, that is between orders of
    summation. An unstable algorithm would lose digits by the thousand.
    """
    A, b = system(N, dt)
    W = torch.nn.functional.pad(torch.cat([A, b.unsqueeze(-1)], -1), (0, 0, 0, 1))
    whole = torch.from_numpy(extended(W[0]).astype(float))
    size = float(A.abs().sum(-1).max())
    every = zip(
        _expm.hold(A, b),
        by_matrix_exp(A, b),
        (whole[:N, :N], whole[:N, N]),
        strict=True,
    )
    for found, other, exact in every:
        error = distance(found[0], exact)
        assert error <= 10 * max(1e-15, distance(other[0], exact))
        assert error < max(1e-14, 1e-15 * size)


@pytest.mark.parametrize("N", [64, 256])
def test_within_1e_12_of_matrix_exp_where_it_is_that_accurate(N):
    A, b = system(N, 0.2 / N**2, n=3)
    for found, other in zip(_expm.hold(A, b), by_matrix_exp(A, b), strict=True):
        assert distance(found, other) < 1e-12


@pytest.mark.parametrize("size", [0.0, 1e-300, 1e-8, 0.5, 3.0, 40.0])
def test_values_and_derivatives_are_those_of_matrix_exp(size):
    """Singular, tiny and large matrices, in features that are halved differently."""
    generator = torch.Generator().manual_seed(0)
    A = torch.randn(4, 5, 5, generator=generator, dtype=torch.float64)
    A = (A - 4 * torch.eye(5)) * size * torch.tensor([1.0, 0.0, 0.1, 2.0]).view(4, 1, 1)
    b = torch.randn(4, 5, generator=generator, dtype=torch.float64)
    weights = torch.randn(2, 4, 5, 5, generator=generator, dtype=torch.float64)

    def derivatives(hold):
        a, c = A.clone().requires_grad_(), b.clone().requires_grad_()
        E, f = hold(a, c)
        value = (E * weights[0]).sum() + (f * weights[1, ..., 0]).sum()
        first = torch.autograd.grad(value, (a, c), create_graph=True)
        second = torch.autograd.grad((first[0] * weights[1]).sum(), (a, c))
        return E, f, *first, *second

    pairs = zip(derivatives(_expm.hold), derivatives(by_matrix_exp), strict=True)
    for found, expected in pairs:
        assert torch.allclose(found, expected, rtol=1e-10, atol=1e-11)


def test_derivatives_are_those_of_differences():
    A, b = system(4, 0.3, n=2)
    inputs = A.requires_grad_(), b.requires_grad_()
    assert torch.autograd.gradcheck(_expm.hold, inputs)
    assert torch.autograd.gradgradcheck(_expm.hold, inputs)


@pytest.mark.parametrize("dtype", [torch.float32, torch.complex128])
@pytest.mark.parametrize("shape", [(3, 3), (2, 3, 3), (2, 1, 3, 3), (0, 3, 3)])
def test_any_batch_and_dtype(shape, dtype):
    generator = torch.Generator().manual_seed(1)
    A = torch.randn(shape, generator=generator, dtype=dtype)
    b = torch.randn(shape[:-1], generator=generator, dtype=dtype)
    for found, other in zip(_expm.hold(A, b), by_matrix_exp(A, b), strict=True):
        assert found.dtype == dtype
        assert torch.allclose(found, other, rtol=1e-5, atol=1e-6)


def test_no_other_feature_changes_a_feature():
    A, b = system(16, 0.01, n=5)
    E, f = _expm.hold(A, b)
    for k in range(5):
        alone = _expm.hold(A[k : k + 1], b[k : k + 1])
        assert distance(E[k], alone[0][0]) < 1e-15
        assert distance(f[k], alone[1][0]) < 1e-15


def test_transforms_and_values_that_are_not_finite():
    A, b = system(4, 0.1, n=3)
    mapped = torch.func.vmap(_expm.hold)(A, b)
    for found, other in zip(_expm.hold(A, b), mapped, strict=True):
        assert torch.allclose(found, other, rtol=1e-12, atol=1e-14)
    A[1, 0, 0] = float("nan")
    assert _expm.hold(A, b)[0][1].isnan().any()

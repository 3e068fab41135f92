"""S4's kernel by its structure, next to the matrix exponential of its dense matrix."""

import mpmath
import pytest
import torch

from ssmlib.initialization import Initialization
from ssmlib.layers import S4
from ssmlib.layers.low_rank import low_rank_kernel


def layer(H=3, N=8, dt=(1e-3, 1e-1), init="legs", dtype=torch.float64, **options):
    init = Initialization(init, dt=dt)
    return S4(H, N, init=init, dtype=dtype, **options)


def plain(own, L):
    """The kernel of matrix_exp or a solve, in double precision."""
    return own.system().kernel(L, torch.float64)


def gradients(own, K):
    weights = torch.randn(K.shape, generator=torch.Generator().manual_seed(1))
    own.zero_grad()
    (K * weights.to(K)).sum().backward()
    return {n: p.grad.double() for n, p in own.named_parameters() if p.grad is not None}


def distance(found, exact):
    return float((found - exact).abs().max() / exact.abs().max())


CASES = {
    "short steps": {"dt": 1e-4},
    "long steps": {"dt": 1.0, "H": 2},
    "unequal steps": {"dt": (1e-4, 10.0), "H": 7},
    "fout": {"init": "fout"},
    "both directions": {"bidirectional": True},
    "shared": {"n_ssm": 1, "H": 4},
    "large": {"N": 64, "H": 5},
    "small": {"N": 2, "H": 1},
}


@pytest.mark.parametrize("method", ["zoh", "bilinear"])
@pytest.mark.parametrize("case", CASES)
def test_value_and_gradient_are_those_of_the_dense_matrix(case, method):
    own = layer(**CASES[case], discretization=method)
    K, exact = own.kernel(50), plain(own, 50)
    # The rounding of A dt, whose norm is up to 330 here, is amplified by that norm.
    assert distance(K, exact) < 1e-11
    found, expected = gradients(own, K), gradients(own, exact)
    for name in expected:
        assert distance(found[name], expected[name]) < 1e-10


@pytest.mark.parametrize("method", ["zoh", "bilinear"])
@pytest.mark.parametrize("L", [1, 2, 3, 7, 64, 100, 256, 1000, 5000])
def test_any_length_and_both_dtypes(L, method):
    double = layer(discretization=method, bidirectional=True)
    single = layer(discretization=method, bidirectional=True, dtype=torch.float32)
    double.load_state_dict(single.state_dict())
    exact = plain(double, L)
    expected = gradients(double, exact)
    for own, bound in ((double, 1e-11), (single, 3e-6)):  # float32's rounding: 6e-8
        K = own.kernel(L)
        assert K.dtype == own.dtype
        assert distance(K, exact) < bound
        found = gradients(own, K)
        for name in expected:
            assert distance(found[name], expected[name]) < 10 * bound


def exact_kernel(own, L):
    """(H, L), by mpmath with 60 digits."""
    mpmath.mp.dps = 60
    found = []
    for A, B, C, dt in zip(own.matrix(), own.B, own.C, own.dt, strict=True):
        A, dt = mpmath.matrix(A.tolist()), mpmath.mpf(float(dt))
        n = len(B)
        W = mpmath.zeros(2 * n + 1)
        for i in range(2 * n):
            W[i, 2 * n] = mpmath.mpf(float((B.real if i < n else B.imag)[i % n])) * dt
            for j in range(2 * n):
                W[i, j] = A[i, j] * dt
        power = mpmath.expm(W, method="taylor")
        x, values = power[: 2 * n, 2 * n], []
        weights = 2 * torch.cat([C.real, -C.imag])
        row = mpmath.matrix([weights.tolist()])
        for _ in range(L):
            values.append(float((row * x)[0]))
            x = power[: 2 * n, : 2 * n] * x
        found.append(values)
    return torch.tensor(found, dtype=torch.float64)


@pytest.mark.parametrize("dt", [1e-3, 1.0])
def test_stiff_systems_have_the_error_of_matrix_exp(dt):
    """The error grows with the norm of A dt in both, by which rounding is amplified."""
    own = layer(2, 32, dt=dt).requires_grad_(False)
    exact = exact_kernel(own, 12)
    size = float(own.matrix().abs().sum(-1).max()) * dt
    other = distance(plain(own, 12), exact)
    assert distance(own.kernel(12), exact) < max(20 * other, 1e-15 * size, 1e-14)


def test_undamped_and_equal_modes():
    """Neither a real part of 0 nor two equal eigenvalues are special."""
    own = layer(2, 8, dt=0.3)
    with torch.no_grad():
        own.A_re.zero_()
        own.A_im[0].fill_(3.0)
        own.A_im[1].zero_()
        own.P_re[1].zero_()
        own.P_im[1].zero_()
    K, exact = own.kernel(40), plain(own, 40)
    assert distance(K, exact) < 1e-12  # as above, with a norm of 5
    found, expected = gradients(own, K), gradients(own, exact)
    for name in expected:
        assert distance(found[name], expected[name]) < 1e-11


@pytest.mark.parametrize("method", ["zoh", "bilinear"])
def test_higher_derivatives_are_those_of_the_dense_matrix(method):
    own = layer(2, 4, discretization=method)
    parameters = [p for name, p in own.named_parameters() if name != "D"]

    def second(kernel):
        value = kernel(9).square().sum()
        first = torch.autograd.grad(value, parameters, create_graph=True)
        total = sum((g * g.detach().cos()).sum() for g in first)
        return torch.autograd.grad(total, parameters)

    for found, expected in zip(
        second(own.kernel), second(lambda L: plain(own, L)), strict=True
    ):
        assert distance(found, expected) < 1e-10  # of rounding, amplified twice


def test_gradients_are_those_of_differences():
    own = layer(2, 4)
    inputs = [x.detach().requires_grad_() for x in (own.A, own.P, own.B, own.C, own.dt)]

    def kernel(*inputs):
        return low_rank_kernel(*inputs, "zoh", 9, torch.float64)

    assert torch.autograd.gradcheck(kernel, inputs)
    assert torch.autograd.gradgradcheck(kernel, inputs)


def test_transforms_of_functions():
    own = layer(2, 4)
    parameters = {n: p.detach() for n, p in own.named_parameters()}

    def value(parameters):
        u = torch.ones(1, 2, 9, dtype=torch.float64)
        return torch.func.functional_call(own, parameters, (u,)).square().sum()

    own.zero_grad()
    value(dict(own.named_parameters())).backward()
    found = torch.func.grad(value)(parameters)
    tangents = {n: torch.ones_like(p) for n, p in parameters.items()}
    _, slope = torch.func.jvp(value, (parameters,), (tangents,))
    with torch.autograd.forward_ad.dual_level():
        make = torch.autograd.forward_ad.make_dual
        dual = {n: make(p, tangents[n]) for n, p in parameters.items()}
        other = torch.autograd.forward_ad.unpack_dual(value(dual)).tangent
    expected = {n: p.grad for n, p in own.named_parameters()}
    total = sum(float(g.sum()) for g in expected.values())
    for n, gradient in expected.items():
        assert distance(found[n], gradient) < 1e-10  # rounding
    assert float(slope) == pytest.approx(total, rel=1e-10)
    assert float(other) == pytest.approx(total, rel=1e-10)


def test_the_matrix_of_a_subclass_counts():
    class Slower(S4):
        def matrix(self):
            return super().matrix() / 2

    own, other = Slower(2, 8), S4(2, 8)
    assert torch.equal(own.kernel(20), own.system().kernel(20, own.dtype))
    assert not torch.allclose(own.kernel(20), other.kernel(20))


@pytest.mark.parametrize("method", ["zoh", "bilinear"])
def test_values_that_are_not_finite_reach_the_kernel(method):
    own = layer(3, 4, discretization=method)
    with torch.no_grad():
        own.C_re[1, 0] = float("nan")
    K = own.kernel(5)
    assert K[1].isnan().any()
    assert K[[0, 2]].isfinite().all()
    with torch.no_grad():
        own.A_re[1, 0] = float("nan")
    assert own.kernel(5)[1].isnan().any()


def test_frozen_parts_and_no_gradient():
    own = layer(frozen=("A", "B", "dt"))
    K = own.kernel(30)
    with torch.no_grad():
        assert torch.equal(own.kernel(30), K)
    expected = gradients(own, plain(own, 30))
    assert distance(gradients(own, K)["C_re"], expected["C_re"]) < 1e-12

"""A dense state's kernel three ways, its low-rank form, and what changes none."""

import pytest
import torch

from ssmlib.discretization import dense_parts
from ssmlib.initialization import Initialization
from ssmlib.kernels import (
    dense_final_state,
    dense_kernel,
    dense_kernel_reference,
    dplr_kernel_reference,
    krylov,
)
from ssmlib.layers import S4, S4D

LENGTHS = (1, 2, 3, 7, 64, 65, 127, 128, 1000)


def drawn(*shape, seed=0):
    return torch.randn(
        shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    )


def system(H=3, N=6):
    """A stable dense system, discretized."""
    A = drawn(H, N, N) - 4 * torch.eye(N, dtype=torch.float64)
    return *dense_parts(A, drawn(H, N), 0.1, "zoh"), drawn(H, N, seed=1)


@pytest.mark.parametrize("L", LENGTHS)
def test_fast_is_plain_forward_and_backward(L):
    parts = [part.requires_grad_() for part in system()]
    results = []
    for kernel in (dense_kernel, dense_kernel_reference):
        K = kernel(*parts, L)
        value = (K * torch.linspace(-1, 1, L)).sum()
        gradients = torch.autograd.grad(value, parts, materialize_grads=True)
        results.append([K.detach(), *gradients])
    for one, other in zip(*results, strict=True):
        assert float((one - other).abs().max()) <= 1e-12 * float(other.abs().max())


def test_the_last_product_alone_is_in_float32():
    """So that the error is that of one product of N terms, whatever the length."""
    layer = S4(8, 64, dt=1e-3, dtype=torch.float64)
    A_bar, B_bar, C = vars(layer.system()).values()
    for L in (256, 65536):
        exact = dense_kernel(A_bar, B_bar, C, L).detach()
        rounded = dense_kernel(A_bar, B_bar, C, L, torch.float32).detach()
        assert rounded.dtype == torch.float32
        assert float((rounded - exact).abs().max() / exact.abs().max()) < 1e-5


def test_krylov_is_powers_one_by_one():
    A, x = drawn(2, 4, 4) / 3, drawn(2, 4)
    found, power = krylov(A, x, 5)
    for j in range(5):
        expected = torch.linalg.matrix_power(A, j) @ x.unsqueeze(-1)
        assert torch.allclose(found[..., j : j + 1], expected)
    assert torch.allclose(power, torch.linalg.matrix_power(A, 8))


@pytest.mark.parametrize("L", LENGTHS)
def test_the_final_state_is_where_the_steps_stand(L):
    A_bar, B_bar, _ = system()
    u, state = drawn(2, 3, L), drawn(2, 3, 6, seed=2)
    x = state
    for u_l in u.unbind(-1):
        x = (A_bar @ x.unsqueeze(-1)).squeeze(-1) + B_bar * u_l.unsqueeze(-1)
    assert torch.allclose(dense_final_state(A_bar, B_bar, u, state), x, atol=1e-13)


@pytest.mark.parametrize("L", [1, 2, 9, 50, 64])
@pytest.mark.parametrize("scheme", ["legs", "fout"])
def test_s4_s_kernel_is_the_paper_s_cauchy_form(scheme, L):
    """Bilinear: the dense powers against Cauchy sums, modes moved off HiPPO's."""
    layer = S4(
        3, 8, init=scheme, discretization="bilinear", dtype=torch.float64, dt=0.1
    )
    with torch.no_grad():
        for p in layer.parameters():
            p.add_(0.1 * drawn(*p.shape))
        layer.A_re.clamp_(max=-0.1)
    cauchy = dplr_kernel_reference(layer.A, layer.P, layer.B, layer.C, layer.dt, L)
    K = layer.kernel(L)
    error = (K - cauchy).detach().abs().max() / K.detach().abs().max()
    assert float(error) < 1e-11


def test_the_cauchy_form_refuses_undamped_modes():
    layer = S4(2, 8, init="fout")
    with pytest.raises(ValueError, match="A must have real parts below 0, got 0"):
        dplr_kernel_reference(layer.A, layer.P, layer.B, layer.C, layer.dt, 5)
    with pytest.raises(ValueError, match="L must be at least 1"):
        dplr_kernel_reference(layer.A, layer.P, layer.B, layer.C, layer.dt, 0)
    with pytest.raises(ValueError, match="L must be at least 1"):
        dense_kernel(*system(), 0)


def test_a_hippo_layer_has_hippo_s_transfer_function():
    """In its real basis: B^T (s - A)^-1 B = 1 - prod_k (s - k) / (s + k + 1)."""
    N = 12
    layer = S4(1, N, dtype=torch.float64)
    A, B = layer.matrix()[0] + 0j, torch.cat([layer.B.real, layer.B.imag], -1)[0] + 0j
    for s in (0.3 + 0.7j, 2j, 1.5 - 4j):
        # Twice, for the states are real and imaginary parts of one of each pair.
        found = 2 * B @ torch.linalg.solve(s * torch.eye(N, dtype=A.dtype) - A, B)
        product = torch.prod(
            torch.tensor([(s - k) / (s + k + 1) for k in range(N)], dtype=A.dtype)
        )
        assert complex(found) == pytest.approx(complex(1 - product), rel=1e-10)


@pytest.mark.parametrize("layer", [S4, S4D])
def test_zoh_at_twice_the_step_is_every_sample_doubled(layer):
    """At 2 dt on u: at dt on u with each sample twice, read at every second step."""
    u = drawn(2, 3, 20)
    options = {"dtype": torch.float64, "init": Initialization("legs", dt=0.02)}
    fine = layer(3, 8, **options, skip=False)
    coarse = layer(3, 8, **options, skip=False)
    with torch.no_grad():
        coarse.log_dt.add_(torch.log(torch.tensor(2.0, dtype=torch.float64)))
    doubled = fine(u.repeat_interleave(2, -1))[..., 1::2]
    assert torch.allclose(coarse(u), doubled, rtol=0, atol=5e-15)
    # And not on a signal of which every second sample was left out.
    smooth = torch.sin(torch.arange(40.0).double() / 3).expand(2, 3, 40)
    every = fine(smooth)[..., 1::2]
    assert float((coarse(smooth[..., 1::2]) - every).detach().abs().max()) > 1e-3


@pytest.mark.parametrize("layer", [S4, S4D])
@pytest.mark.parametrize("discretization", ["zoh", "bilinear"])
def test_what_leaves_a_kernel_as_it_is(layer, discretization):
    """B by c and C by 1/c; and, for S4, P by a phase with B and 1/C."""
    layer = layer(2, 8, init="legs", discretization=discretization, dtype=torch.float64)
    K = layer.kernel(40).detach()
    turn = torch.polar(drawn(4).exp(), drawn(4, seed=5))
    state = {name: value.clone() for name, value in layer.state_dict().items()}

    def put(letter, value):
        state[f"{letter}_re"], state[f"{letter}_im"] = value.real, value.imag

    size = turn if type(layer) is S4D else turn / turn.abs()
    put("B", layer.B.detach() * size)
    put("C", layer.C.detach() / size)
    if type(layer) is S4:
        put("P", layer.P.detach() * size)
    layer.load_state_dict(state)
    assert torch.allclose(layer.kernel(40), K, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("method", ["zoh", "bilinear"])
def test_dense_parts_of_a_diagonal_matrix_are_the_diagonal_ones(method):
    from ssmlib.discretization import METHODS

    A, B = -drawn(3, 4).abs(), drawn(3, 4, seed=1)
    A[0, 0] = 0  # an integrator
    dt = drawn(3, 1, seed=2).abs()
    A_bar, B_bar = dense_parts(torch.diag_embed(A), B, dt, method)
    log_A_bar, expected = METHODS[method](A + 0j, B + 0j, dt)
    assert torch.allclose(torch.diagonal(A_bar, dim1=-2, dim2=-1) + 0j, log_A_bar.exp())
    assert torch.allclose(B_bar + 0j, expected)

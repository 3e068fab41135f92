import math

import pytest
import torch

from ssmlib.kernels import final_states, log_vandermonde, log_vandermonde_reference


def modes(*shape, dtype=torch.complex128, real=-0.5, dt=0.02, seed=0):
    generator = torch.Generator().manual_seed(seed)
    v = torch.randn(*shape, dtype=torch.complex128, generator=generator)
    n = torch.arange(shape[-1], dtype=torch.float64).expand(shape)
    x = torch.complex(torch.full(shape, real, dtype=torch.float64), math.pi * n) * dt
    return v.to(dtype), x.to(dtype)


@pytest.mark.parametrize("L", [1, 2, 3, 16, 17, 99, 100, 1024])
@pytest.mark.parametrize("shape", [(1,), (5,), (3, 8), (2, 3, 4)])
@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
def test_fast_is_plain_forward_and_backward(shape, L, dtype):
    tolerance = 1e-12 if dtype == torch.complex128 else 2e-5
    gradients = []
    for kernel in (log_vandermonde, log_vandermonde_reference):
        v, x = (t.requires_grad_() for t in modes(*shape, dtype=dtype))
        K = kernel(v, x, L)
        assert K.shape == (*shape[:-1], L)
        assert K.dtype == v.real.dtype
        (K * torch.linspace(-1, 1, L, dtype=K.dtype)).sum().backward()
        gradients.append((K.detach(), v.grad, x.grad))
    for fast, plain in zip(*gradients, strict=True):
        assert torch.allclose(
            fast, plain, rtol=0, atol=tolerance * float(plain.abs().max())
        )


def test_gradcheck():
    v, x = (t.requires_grad_() for t in modes(2, 3))
    assert torch.autograd.gradcheck(lambda v, x: log_vandermonde(v, x, 10), (v, x))


@pytest.mark.parametrize("real", [0.0, -0.5])
def test_error_in_float32_does_not_grow_with_length(real):
    L = 2**14
    v, x = modes(4, 32, dtype=torch.complex64, real=real, dt=0.01)
    exact = log_vandermonde_reference(v.to(torch.complex128), x.to(torch.complex128), L)
    error = (log_vandermonde(v, x, L) - exact).abs().max() / exact.abs().max()
    assert float(error) <= 2e-6


def test_leading_dimensions_broadcast():
    v, _ = modes(5, 1, 4)
    _, x = modes(3, 4)
    assert torch.allclose(
        log_vandermonde(v, x, 20), log_vandermonde_reference(v, x, 20), atol=1e-12
    )


def test_final_states_is_where_the_recurrence_stands():
    _, x = modes(3, 4)
    u = torch.randn(2, 3, 37, generator=torch.Generator().manual_seed(1)).double()
    state = torch.zeros(2, 3, 4, dtype=torch.complex128)
    for l in range(37):
        state = torch.exp(x) * state + u[..., l, None]
    assert torch.allclose(final_states(u, x), state, rtol=1e-12)


def test_phases_under_autocast_are_those_without():
    v, x = modes(4, 16, dtype=torch.complex64)
    plain = log_vandermonde(v, x, 500)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(log_vandermonde(v, x, 500), plain)


@pytest.mark.parametrize("kernel", [log_vandermonde, log_vandermonde_reference])
def test_bad_arguments_are_refused(kernel):
    v, x = modes(3, 4)
    with pytest.raises(ValueError, match="L must be at least 1"):
        kernel(v, x, 0)
    with pytest.raises(TypeError, match="L must be an int"):
        kernel(v, x, 10.0)
    with pytest.raises(TypeError, match="share one dtype"):
        kernel(v.to(torch.complex64), x, 10)
    with pytest.raises(TypeError, match="share one dtype"):
        kernel(v.real, x.real, 10)
    with pytest.raises(ValueError, match="same last dimension"):
        kernel(v[..., :3], x, 10)
    with pytest.raises(ValueError, match="must broadcast"):
        kernel(v[:2], x, 10)

"""The kernel's gradient in closed form is that of the operations it is made of."""

import math

import pytest
import torch
from torch.autograd import forward_ad
from torch.func import grad, hessian, jacfwd, jacrev, jvp, vmap

from ssmlib.kernels import (
    log_vandermonde,
    log_vandermonde_reference,
    powers,
    vandermonde_product,
)
from ssmlib.kernels.tables import REAL, conjugate, split, stacked, tables
from ssmlib.layers import S4D


def plain(v, x, L, dtype):
    """The kernel by operations that autograd records one by one."""
    coarse, fine = tables(x, *split(L), dtype)
    weights = conjugate(2 * v).to(coarse.dtype).unsqueeze(-1)
    K = stacked(weights * coarse).mT @ stacked(fine)
    return K.flatten(-2)[..., :L]


def modes(*shape, dtype=torch.complex128, seed=0):
    generator = torch.Generator().manual_seed(seed)
    v = torch.randn(*shape, dtype=torch.complex128, generator=generator)
    dt = torch.exp(math.log(100) * torch.rand(*shape[:-1], 1, generator=generator))
    n = torch.arange(shape[-1], dtype=torch.float64).expand(shape)
    x = torch.complex(torch.full(shape, -0.5, dtype=torch.float64), math.pi * n)
    return v.to(dtype), (1e-3 * dt * x).to(dtype)


def gradients(kernel, v, x, L, dtype):
    """K and the gradients of a weighted sum of it."""
    v, x = v.clone().requires_grad_(), x.clone().requires_grad_()
    K = kernel(v, x, L, dtype)
    G = torch.randn(K.shape, generator=torch.Generator().manual_seed(1)).to(K)
    (K * G).sum().backward()
    return K.detach(), v.grad, x.grad


def error(found, expected):
    found, expected = found.detach(), expected.detach()
    return float((found - expected).abs().max() / expected.abs().max())


@pytest.mark.parametrize("L", [2, 17, 1000])
@pytest.mark.parametrize("shape", [(5,), (3, 8), (2, 3, 4)])
@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
def test_first_gradients(dtype, shape, L):
    v, x = modes(*shape, dtype=dtype)
    found = gradients(vandermonde_product, v, x, L, REAL[dtype])
    expected = gradients(plain, v, x, L, REAL[dtype])
    assert torch.equal(found[0], expected[0])
    for one, other in zip(found[1:], expected[1:], strict=True):
        assert one.dtype == dtype
        assert error(one, other) < (1e-6 if dtype == torch.complex64 else 1e-14)


def test_a_product_in_lower_precision_than_its_inputs():
    v, x = modes(3, 8)
    found = gradients(vandermonde_product, v, x, 200, torch.float32)
    expected = gradients(plain, v, x, 200, torch.float32)
    assert torch.equal(found[0], expected[0])
    for one, other in zip(found[1:], expected[1:], strict=True):
        assert one.dtype == torch.complex128
        assert error(one, other) < 1e-6


@pytest.mark.parametrize("L", [2**14, 2**20])
def test_gradients_in_float32_are_exact_at_great_length(L):
    v, x = modes(4, 8, dtype=torch.complex64)
    found = gradients(vandermonde_product, v, x, L, torch.float32)
    exact = gradients(plain, v.cdouble(), x.cdouble(), L, torch.float64)
    for one, other in zip(found[1:], exact[1:], strict=True):
        assert error(one, other) < 2e-6


def test_one_input_may_be_fixed():
    v, x = modes(3, 4)
    expected = gradients(plain, v, x, 20, torch.float64)
    for k, which in enumerate(("v", "x")):
        own = {"v": v.clone(), "x": x.clone()}
        own[which].requires_grad_()
        K = vandermonde_product(*own.values(), 20, torch.float64)
        G = torch.randn(K.shape, generator=torch.Generator().manual_seed(1)).to(K)
        (K * G).sum().backward()
        assert error(own[which].grad, expected[k + 1]) < 1e-14


def test_derivatives_of_gradients_and_tangents():
    v, x = (t.requires_grad_() for t in modes(2, 3))

    def kernel(v, x):
        return vandermonde_product(v, x, 10, torch.float64)

    forward = {"check_forward_ad": True, "check_batched_forward_grad": True}
    assert torch.autograd.gradcheck(kernel, (v, x), check_batched_grad=True, **forward)
    assert torch.autograd.gradgradcheck(kernel, (v, x), check_fwd_over_rev=True)


WEIGHTS = torch.randn(2, 10, generator=torch.Generator().manual_seed(2)).double()


def scalar(kernel):
    """A function of four real (2, 3): the parts of v and x."""

    def value(parts):
        v_re, v_im, x_re, x_im = parts
        v, x = torch.complex(v_re, v_im), torch.complex(x_re, x_im)
        return (kernel(v, x, 10, torch.float64) * WEIGHTS).square().sum()

    return value


def along(f):
    return lambda p: jvp(f, (p,), (torch.ones_like(p),))[1]


TRANSFORMS = {
    "grad": grad,
    "jacrev": jacrev,
    "jacfwd": jacfwd,
    "hessian": hessian,
    "reverse over reverse": lambda f: jacrev(jacrev(f)),
    "reverse over forward": lambda f: jacrev(jacfwd(f)),
    "gradient of a tangent": lambda f: grad(along(f)),
    "third": lambda f: jacrev(jacfwd(jacrev(f))),
}
BATCHED = {
    "values": vmap,
    "gradients": lambda f: vmap(grad(f)),
    "gradient of a batch": lambda f: grad(lambda p: vmap(f)(p).sum()),
    "hessians": lambda f: vmap(hessian(f)),
    "two axes": lambda f: lambda p: vmap(vmap(f))(torch.stack([p, 2 * p])),
}


@pytest.mark.parametrize("name", [*TRANSFORMS, *BATCHED])
def test_transforms(name):
    v, x = modes(2, 3)
    p = torch.stack([v.real, v.imag, x.real, x.imag])
    if name in BATCHED:
        p = torch.stack([p, 1.1 * p, 0.9 * p])
    transform = (TRANSFORMS | BATCHED)[name]
    found, expected = (transform(scalar(f))(p) for f in (vandermonde_product, plain))
    assert error(found, expected) < 1e-13


NESTED = {
    "forward over forward": lambda f: jacfwd(jacfwd(f)),
    "tangent of a tangent": lambda f: along(along(f)),
    "tangents in a batch": lambda f: lambda p: vmap(along(along(f)))(p[None])[0],
    "gradient of tangents": lambda f: grad(along(along(f))),
    "reverse between": lambda f: along(lambda p: jacrev(along(f))(p).sum()),
    "third": lambda f: along(along(along(f))),
}


@pytest.mark.parametrize("name", NESTED)
def test_nested_forward_mode(name):
    """PyTorch calls a `jvp` of one's own with forward mode turned off."""
    v, x = modes(2, 3)
    p = torch.stack([v.real, v.imag, 10 * x.real, 10 * x.imag])

    def sums(kernel):
        def value(parts):
            v, x = torch.complex(*parts[:2]), torch.complex(*parts[2:])
            return (kernel(v, x) * WEIGHTS).square().sum()

        return value

    def of_kernel(kernel):
        return sums(lambda v, x: kernel(v, x, 10))

    def of_powers(powers):
        return sums(lambda v, x: (v.unsqueeze(-1) * powers(x)).real.sum(-2))

    l = torch.arange(10)
    pairs = (
        (of_kernel(log_vandermonde), of_kernel(log_vandermonde_reference)),
        (
            of_powers(lambda x: powers(x, 10, torch.float64)),
            of_powers(lambda x: torch.exp(x.unsqueeze(-1) * l)),
        ),
    )
    for fast, plain in pairs:
        assert error(NESTED[name](fast)(p), NESTED[name](plain)(p)) < 1e-12


@pytest.mark.parametrize("in_dims", [(0, None), (None, 0), (1, 0)])
def test_vmap_over_either_input(in_dims):
    v, x = modes(2, 3)
    many = [
        t if at is None else torch.stack([t, 0.5 * t], at)
        for t, at in zip((v, x), in_dims, strict=True)
    ]

    def kernel(v, x):
        return vandermonde_product(v, x, 10, torch.float64)

    found = vmap(kernel, in_dims=in_dims)(*many)
    own = [t if at is None else 0.5 * t for t, at in zip((v, x), in_dims, strict=True)]
    assert torch.equal(found[0], kernel(v, x))
    assert torch.equal(found[1], kernel(*own))


def test_a_tangent_of_one_input():
    v, x = modes(2, 3)
    with forward_ad.dual_level():
        for k in range(2):
            for kernel in (vandermonde_product, plain):
                own = [v, x]
                own[k] = forward_ad.make_dual(own[k], torch.ones_like(own[k]))
                tangent = forward_ad.unpack_dual(
                    kernel(*own, 10, torch.float64)
                ).tangent
                if kernel is vandermonde_product:
                    found = tangent
            assert error(found, tangent) < 1e-14


def test_a_layer_s_gradients(monkeypatch):
    """With a kernel that two passes differentiate, and a penalty of the gradient."""
    layer = S4D(4, 8)
    u = torch.randn(2, 4, 50, generator=torch.Generator().manual_seed(0))

    def penalized():
        parameters = list(layer.parameters())
        loss = layer(u).square().mean()
        first = torch.autograd.grad(loss, parameters, create_graph=True)
        penalty = sum(g.square().sum() for g in first)
        return [*first, *torch.autograd.grad(loss + penalty, parameters)]

    found = penalized()
    monkeypatch.setattr("ssmlib.layers.systems.vandermonde_product", plain)
    for one, other in zip(found, penalized(), strict=True):
        assert error(one, other) < 1e-5

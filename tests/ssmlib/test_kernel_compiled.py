"""The real arithmetic that a compiler gets is that of the complex modes."""

import math

import pytest
import torch

from ssmlib.discretization import phi, real_phi
from ssmlib.kernels import real_product, vandermonde_product
from ssmlib.layers import DSS, S4D, S4DReal

SIZES = {torch.float32: 2e-6, torch.float64: 1e-12}


def gap(found, expected):
    """The largest difference, relative to the largest value unless all are 0."""
    largest = float(expected.abs().max())
    return float((found - expected).abs().max()) / (largest or 1.0)


def agree(found, expected, leaves, tolerance):
    """The values agree, and so do the gradients of a weighted sum."""
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype
    weights = torch.linspace(-1, 1, found.numel(), dtype=found.dtype).view_as(found)

    def gradients(value):
        return torch.autograd.grad((value * weights).sum(), leaves, retain_graph=True)

    moved = zip(gradients(found), gradients(expected), strict=True)
    for one, other in [(found, expected), *moved]:
        assert gap(one.detach(), other.detach()) < tolerance


@pytest.mark.parametrize("L", [1, 2, 31, 32, 33, 500, 2**14])
@pytest.mark.parametrize("shape", [(5,), (3, 8), (2, 3, 4)])
@pytest.mark.parametrize("dtype", SIZES)
def test_the_real_product_is_the_kernel(dtype, shape, L):
    generator = torch.Generator().manual_seed(0)
    draw = {"dtype": torch.complex128, "generator": generator}
    v = torch.randn(*shape, **draw).requires_grad_()
    n = torch.arange(shape[-1], dtype=torch.float64).expand(shape)
    x = torch.complex(torch.full(shape, -0.5 / L, dtype=n.dtype), 0.3 * math.pi * n)
    x.requires_grad_()
    found = real_product((v.real, v.imag), (x.real, x.imag), L, dtype)
    expected = vandermonde_product(v, x, L, dtype)
    agree(found, expected, (v, x), max(SIZES[dtype], 1e-15 * L))  # phases of L radians


def test_leading_dimensions_broadcast():
    v = torch.randn(2, 3, 4, dtype=torch.complex128)
    x = -torch.rand(3, 4, dtype=torch.complex128)
    found = real_product((v.real, v.imag), (x.real, x.imag), 40, torch.float64)
    expected = vandermonde_product(v, x.expand_as(v), 40, torch.float64)
    assert gap(found, expected) < 1e-12


@pytest.mark.parametrize("size", [0.0, 1e-12, 1e-3, 0.2499, 0.2501, 3.0, 40.0])
def test_phi_in_real_numbers(size):
    angle = torch.linspace(math.pi / 2, 3 * math.pi / 2, 9, dtype=torch.float64)
    z = torch.polar(torch.full_like(angle, size), angle).requires_grad_()
    for part in range(2):
        found = real_phi(z.real, z.imag)[part]
        agree(found, (phi(z).real, phi(z).imag)[part] + 0.0, (z,), 1e-13)


LAYERS = {
    "default": {},
    "float64": {"dtype": torch.float64},
    "bidirectional": {"bidirectional": True},
    "shared and frozen": {"n_ssm": 2, "frozen": ("A", "B")},
    "exp": {"real_transform": "exp", "init": "legs"},
    "softplus": {"real_transform": "softplus"},
    "stable": {"real_transform": "stable"},
    "undamped": {"init": (torch.zeros(4) + 1j, torch.ones(4) + 0j)},
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_s_parts_are_its_modes(name):
    layer = S4D(4, 8, **LAYERS[name])
    log_A_bar, B_bar, C = layer.modes()
    (v, x), leaves = layer._real_parts(), (layer.C_re, layer.log_dt)
    for found, expected in ((v, C * B_bar), (x, log_A_bar)):
        used = leaves if found is v else leaves[1:]
        agree(found[0], expected.real, used, 1e-12)
        agree(found[1], expected.imag, used, 1e-12)


def changed(name):
    """A subclass of S4D that defines one of the parts itself."""
    base = getattr(S4D, name)
    own = property(base.fget) if isinstance(base, property) else lambda *a: base(*a)
    return type("Changed", (S4D,), {name: own})


@pytest.mark.parametrize("name", ["modes", "discretize", "A", "B", "C", "dt"])
def test_a_subclass_with_other_modes_has_no_such_parts(name):
    assert changed(name)(4, 8)._real_parts() is None
    assert type("Same", (S4D,), {})(4, 8)._real_parts() is not None


@pytest.mark.parametrize(
    "layer",
    [
        DSS(4, 8, length=9),
        DSS(4, 8, variant="exp"),
        S4DReal(4, 8),
        S4D(4, 8, discretization="bilinear"),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_other_layers_have_no_such_parts(layer):
    assert layer._real_parts() is None

"""A value that is not finite changes no earlier output, in each form of a layer."""

import math
from functools import partial

import pytest
import torch
from torch.func import functional_call, grad, vmap

from ssmlib.layers import DSS, S4, S4D, S4DReal, convolution, diagonal
from tests.ssmlib.test_layers import Kernel

LAYERS = {
    "S4D": S4D,
    "S4": S4,
    "DSS": partial(DSS, length=8192),
    "S4DReal": S4DReal,
    "kernel": Kernel,
}
BAD = (math.nan, math.inf, -math.inf)


def signal(L, bad=None):
    """(2, 3, L); bad at the step before the last of one sequence and feature."""
    u = torch.randn(2, 3, L, generator=torch.Generator().manual_seed(L))
    if bad is not None:
        u[1, 2, L - 2] = bad
    return u


def made(name, **options):
    return LAYERS[name](3, 8, seed=1, **options)


def check(found, expected, L, whole=False):
    """NaN from the step on in the one row, and no other change."""
    touched = torch.zeros(2, 3, L, dtype=torch.bool)
    touched[1, 2, 0 if whole else L - 2 :] = True
    assert torch.equal(found.isnan(), touched)
    assert torch.allclose(found[~touched], expected[~touched], atol=1e-5)


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("L", [2, 50, 300, 5000])
@pytest.mark.parametrize("name", LAYERS)
def test_no_earlier_output_and_no_other_row_changes(name, L, bad):
    if (name, L) == ("S4", 5000):
        L = 1000
    layer = made(name)
    y = layer(signal(L, bad))
    check(y.detach(), layer(signal(L)).detach(), L)
    y[..., : L - 2].sum().backward() if L > 2 else y[0].sum().backward()
    assert all(p.grad.isfinite().all() for p in layer.parameters())


def test_the_input_is_not_changed():
    u = signal(50, math.nan)
    before = u.clone()
    made("S4D")(u)
    assert torch.equal(u.isnan(), before.isnan())


@pytest.mark.parametrize("name", LAYERS)
def test_a_bidirectional_output_depends_on_every_step(name):
    if name == "kernel":
        return
    layer = made(name, bidirectional=True)
    for bad in BAD:
        found = layer(signal(50, bad)).detach()
        check(found, layer(signal(50)).detach(), 50, whole=True)


def test_with_a_state_the_state_after_is_not_finite():
    layer = made("S4D")
    state = layer.initial_state(2)
    y, after = layer(signal(50, math.nan), state)
    check(y.detach(), layer(signal(50)).detach(), 50)
    assert bool(after[1, 2].isnan().all())
    assert bool(after[0].isfinite().all())


@pytest.mark.slow
def test_forms_of_pytorch_agree():
    """vmap, grad within vmap, compile and export."""
    layer, u, bad = made("S4D"), signal(50), signal(50, math.nan)
    expected = layer(u).detach()
    check(vmap(layer)(torch.stack([bad, bad]))[1].detach(), expected, 50)
    check(torch.compile(layer, backend="aot_eager")(bad).detach(), expected, 50)
    program = torch.export.export(layer, (u,)).module()
    check(program(bad).detach(), expected, 50)

    def loss(C, u):
        return functional_call(layer, {"C_re": C}, (u,))[..., :40].sum()

    C = layer.C_re.detach()
    found = vmap(grad(loss), (None, 0))(C, torch.stack([bad, u]))
    assert torch.allclose(found[0], found[1], rtol=1e-4, atol=1e-4)


def test_where_the_values_are_not_read_the_result_is_the_same(monkeypatch):
    """The form that other devices take, on finite inputs too."""
    layer = made("S4D")
    expected = layer(signal(50))
    monkeypatch.setattr(convolution, "_known_finite", lambda u: False)
    assert torch.equal(layer(signal(50)), expected)
    check(layer(signal(50, math.nan)).detach(), expected.detach(), 50)


@pytest.mark.parametrize("M", [0, 64])
@pytest.mark.parametrize("size", [1.0, 1e6])
def test_rounding_is_relative_to_the_largest_input(size, M, monkeypatch):
    """As the docstring of SSM says, also before the step of the large value."""
    monkeypatch.setattr(diagonal, "chunk_length", lambda *_: M)
    layer = made("S4D")
    u = signal(300)
    u[..., -1] = size
    exact = made("S4D", dtype=torch.float64)(u.double())
    error = (layer(u) - exact)[..., :-1].abs().amax((0, 2))
    allowed = 1e-6 * u.abs().max() * layer.kernel(300).abs().sum(-1)
    assert bool((error < allowed).all())

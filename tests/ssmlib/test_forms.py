"""The same map in every form, against the plain sum in float64, with gradients."""

import functools
import itertools
import math

import pytest
import torch

from ssmlib.initialization import Initialization
from ssmlib.layers import S4D
from ssmlib.layers.chunks import _Scan, chunked
from ssmlib.layers.convolution import causal, silent

#: shared with the benchmarks' promise for a kernel: rounding, of max |y|
ROUNDING = 2e-6
LENGTHS = (1, 2, 3, 7, 64, 65, 127, 128, 500, 1009)
BEGIN = {
    "damped": Initialization(),
    "undamped": Initialization(real=0.0),
    "legs": Initialization("legs", dt=0.05),
}


def layer_and_input(L, name="damped", dtype=torch.float32, **options):
    layer = S4D(2, 8, init=BEGIN[name], seed=1, dtype=dtype, **options)
    u = torch.randn(2, 2, L, generator=torch.Generator().manual_seed(2)).to(dtype)
    return layer, u


def oracle(layer, u):
    """The map as it is defined, from the layer's parameters, in float64."""
    L = u.shape[-1]
    A = torch.complex(layer.A_re.double(), layer.A_im.double())
    B = torch.complex(layer.B_re.double(), layer.B_im.double())
    C = torch.complex(layer.C_re.double(), layer.C_im.double())
    dt = torch.exp(layer.log_dt.double()).unsqueeze(-1)
    z = A * dt
    B_bar = B * dt * sum(z**k * (1 / math.factorial(k + 1)) for k in range(20))
    powers = torch.exp(z.unsqueeze(-1) * torch.arange(L, dtype=torch.float64))
    K = 2 * ((C * B_bar).unsqueeze(-1) * powers).real.sum(-2)  # (H, L)
    lag = torch.arange(L) - torch.arange(L).unsqueeze(-1)  # output - input
    shifted = torch.where(lag >= 0, K[:, lag.clamp(min=0)], 0.0)  # (H, L, L)
    y = torch.einsum("bhk,hkl->bhl", u.double(), shifted)
    return y + layer.D.double()[:, None] * u.double()


def results(form, layer, u):
    """Output, and the gradients of a weighted sum of it."""
    layer.zero_grad()
    u = u.detach().clone().requires_grad_()
    y = form(layer, u)
    weights = torch.linspace(-1, 1, y.numel(), dtype=y.dtype).view_as(y)
    (y * weights).sum().backward()
    return [y.detach(), u.grad, *(p.grad.clone() for p in layer.parameters())]


@functools.cache
def expected(L, name, dtype):
    """What the oracle gives, for all forms."""
    return results(oracle, *layer_and_input(L, name, dtype))


def convolution(layer, u):
    return causal(u, layer.impulse_response(u.shape[-1]))


def chunks(M):
    def form(layer, u):
        log_A_bar, B_bar, C = layer.modes()
        return chunked(u, C * B_bar, log_A_bar, layer.D, M)

    return form


def steps(layer, u):
    state, outputs = layer.initial_state(len(u)), []
    for u_t in u.unbind(-1):
        y_t, state = layer.step(u_t, state)
        outputs.append(y_t)
    return torch.stack(outputs, -1)


def handed_over(layer, u):
    L = u.shape[-1]
    state, outputs = layer.initial_state(len(u)), []
    for part in u.split(max(1, L // 3), -1):
        y, state = layer(part, state)
        outputs.append(y)
    return torch.cat(outputs, -1)


FORMS = {
    "layer": lambda layer, u: layer(u),
    "convolution": convolution,
    "chunks of 64": chunks(64),
    "chunks of 128": chunks(128),
    "steps": steps,
    "state handed over": handed_over,
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("L", "name"),
    # At 3,000 steps the damped states have forgotten what went before.
    [*itertools.product(LENGTHS, BEGIN), (3000, "undamped")],
)
@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_the_map(form, L, name):
    if form == "steps" and L > 70:
        pytest.skip("long loops are in the test of the recurrence")
    for dtype, tolerance in ((torch.float64, 1e-12), (torch.float32, ROUNDING)):
        layer, u = layer_and_input(L, name, dtype)
        found, exact = results(FORMS[form], layer, u), expected(L, name, dtype)
        # Gradients sum over L steps and weights that cancel: ten times the output's.
        for k, (one, other) in enumerate(zip(found, exact, strict=True)):
            error = float((one - other).abs().max() / other.abs().max())
            assert error < (tolerance if k == 0 else 10 * tolerance), k


@pytest.mark.parametrize("name", BEGIN)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_recurrence_is_the_map(dtype, name):
    L = 1000
    layer, u = layer_and_input(L, name, torch.float64)
    exact = oracle(layer, u).detach()
    recurrence = layer.recurrence(dtype)
    state, outputs = recurrence.initial_state(2), []
    with torch.inference_mode():
        for u_t in u.to(dtype).unbind(-1):
            y_t, state = recurrence(u_t, state)
            outputs.append(y_t)
    error = (torch.stack(outputs, -1) - exact).abs().max() / exact.abs().max()
    # Rounding of the decay adds up: at most one unit a step.
    assert float(error) < L * torch.finfo(dtype).eps
    layer.log_dt.data.add_(1)  # frozen: it does not follow
    assert torch.equal(recurrence(u[..., 0].to(dtype), 0 * state)[0], outputs[0])


def test_the_layer_takes_chunks_where_they_are_faster():
    layer, _ = layer_and_input(1)
    u = torch.randn(1, 2, 4100, generator=torch.Generator().manual_seed(0))
    exact = results(oracle, layer, u)
    for found, expected in zip(results(FORMS["layer"], layer, u), exact, strict=True):
        error = (found - expected).abs().max() / expected.abs().max()
        assert float(error) < 10 * ROUNDING
    assert torch.equal(layer(u), chunks(64)(layer, u))
    assert torch.equal(layer(u[..., :4095]), convolution(layer, u[..., :4095]))


@pytest.mark.parametrize("form", FORMS)
def test_silence_is_exact(form):
    """Forward 0 to the last bit; the derivative there is the map's own."""
    layer, u = layer_and_input(150)
    u[0, :, :70] = 0
    u[1, 0, :149] = 0
    u[1, 1] = 0
    y = FORMS[form](layer, u)
    assert bool((y[silent(u)] == 0).all())
    assert not y[1, 1].any()
    assert bool(y[0, :, 70].all())
    for found, exact in zip(
        results(FORMS[form], layer, u), results(oracle, layer, u), strict=True
    ):
        error = (found - exact).abs().max() / exact.abs().max()
        assert float(error) < 10 * ROUNDING


@pytest.mark.parametrize("M", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("reverse", [False, True])
def test_the_scan_and_its_derivatives(reverse, M):
    generator = torch.Generator().manual_seed(0)
    draw = {"dtype": torch.complex128, "generator": generator}
    v = torch.randn(2, 4, 2, 2, **draw).requires_grad_()
    a = (0.5 * torch.randn(2, 1, 2, **draw)).requires_grad_()
    state, rows = torch.zeros(2, 2, 2, dtype=torch.complex128), []
    for v_k in reversed(v.unbind(1)) if reverse else v.unbind(1):
        rows.append(state)
        state = a * state + v_k
    rows = rows[::-1] if reverse else rows
    assert torch.allclose(_Scan.apply(v, a, reverse, M), torch.stack(rows, 1))

    def scan(v, a):
        return _Scan.apply(v, a, reverse, M)

    assert torch.autograd.gradcheck(scan, (v, a), check_forward_ad=True)
    assert torch.autograd.gradgradcheck(scan, (v, a))

"""The selective layer: its matrix against its recurrence, and its initial laws."""

import math

import pytest
import torch

from ssmlib.layers import S4D, Selective, SelectiveState
from ssmlib.models import Ensemble, Model

#: Rounding of float64 sums of at most 40 terms of order 10.
NEAR = {"rtol": 1e-10, "atol": 1e-11}
OPTIONS = {
    "default": {},
    "mimetic": {"transition": "mimetic", "correlated": True},
    "convolved": {"convolution": "default"},
    "all": {"transition": "mimetic", "correlated": True, "convolution": "identity"},
}


def made(name="default", **options):
    shape = {"d_model": 6, "d_state": 5, "heads": 3, "dtype": torch.float64}
    return Selective(**shape | {"seed": 3} | OPTIONS[name] | options)


def signal(L=20, seed=0):
    generator = torch.Generator("cpu").manual_seed(seed)
    return torch.randn(2, 6, L, generator=generator, dtype=torch.float64)


def plain(layer, u):
    """The sum of the docstring, term by term, from the parameters."""
    H, L = u.shape[1:]
    N, P = layer.d_state, H // layer.heads
    a, y = layer.A_log.exp(), layer.D[:, None] * u
    channels = torch.cat([u, layer.W_B @ u, layer.W_C @ u], 1)
    if layer.taps is not None:
        width = layer.taps.shape[1]
        seen = torch.zeros_like(channels)
        for k in range(min(width, L)):  # k steps back
            late = channels[..., : L - k] * layer.taps[:, width - 1 - k, None]
            seen = seen + torch.nn.functional.pad(late, (k, 0))
        channels = seen
    x, keys, queries = channels[:, :H], channels[:, H : H + N], channels[:, H + N :]
    raw = layer.W_delta @ u + layer.dt_bias[:, None]
    dt = torch.log1p(torch.exp(raw))
    rows = []
    for i in range(L):
        row = y[..., i]
        for j in range(i + 1):
            similar = (queries[..., i] * keys[..., j]).sum(1)  # (B,)
            decay = torch.exp(-a * dt[..., j + 1 : i + 1].sum(-1))  # (B, heads)
            weight = similar[:, None] * decay * dt[..., j]
            row = row + weight.repeat_interleave(P, 1) * x[..., j]
        rows.append(row)
    return torch.stack(rows, -1)


def stepped(layer, u):
    state, outputs = layer.initial_state(len(u)), []
    for u_t in u.unbind(-1):
        y_t, state = layer.step(u_t, state)
        outputs.append(y_t)
    return torch.stack(outputs, -1)


def in_parts(layer, u):
    first, state = layer(u[..., :7], layer.initial_state(len(u)))
    return torch.cat([first, layer(u[..., 7:], state)[0]], -1)


def from_map(layer, u):
    """By the public matrix, for a layer without convolution."""
    M = layer.attention_map(u)
    x = u.unflatten(1, (layer.heads, -1))
    y = torch.einsum("bkij,bkpj->bkpi", M, x).flatten(1, 2)
    return y + layer.D[:, None] * u


def results(form, layer, u):
    layer.zero_grad()
    u = u.clone().requires_grad_()
    y = form(layer, u)
    (y * torch.linspace(-1, 1, y.numel(), dtype=y.dtype).view_as(y)).sum().backward()
    return [y.detach(), u.grad, *(p.grad.clone() for p in layer.parameters())]


@pytest.mark.parametrize("L", [1, 2, 20])
@pytest.mark.parametrize("name", OPTIONS)
def test_every_form_is_the_sum_in_values_and_gradients(name, L):
    layer, u = made(name), signal(L)
    expected = results(plain, layer, u)
    forms = [lambda layer, u: layer(u), stepped]
    forms += [in_parts] if L > 7 else []
    forms += [from_map] if layer.taps is None else []
    for form in forms:
        for one, other in zip(results(form, layer, u), expected, strict=True):
            torch.testing.assert_close(one, other, **NEAR)


def test_the_state_after_a_pass_is_that_of_the_steps():
    layer, u = made("all"), signal()
    _, whole = layer(u, layer.initial_state(2))
    state = layer.initial_state(2)
    for u_t in u.unbind(-1):
        _, state = layer.step(u_t, state)
    for one, other in zip(whole, state, strict=True):
        torch.testing.assert_close(one, other, **NEAR)


def test_long_sequences_in_single_precision():
    """Decays over 2,000 steps are differences of large sums."""
    layer = made(transition="default", seed=1)
    u = signal(2000, 1)[:1]
    with torch.no_grad():
        exact = layer(u)
        found = layer.float()(u.float())
    # Sums of 2,000 terms round by about 1e-7 times their absolute sum.
    gap = (found.double() - exact).abs().max() / exact.abs().max()
    assert float(gap) < 3e-6


def test_large_decays_give_finite_gradients():
    """Above the diagonal the exponent is positive and would overflow."""
    layer = made()
    torch.nn.init.constant_(layer.A_log, 6.0)
    torch.nn.init.constant_(layer.dt_bias, 50.0)
    values = results(lambda layer, u: layer(u), layer, signal())
    assert all(bool(value.isfinite().all()) for value in values)


def test_mamba_s_law():
    """Kolmogorov-Smirnov: 1.63 / sqrt(n) is exceeded with the probability 0.01."""
    n = 4096
    layer = Selective(n, 2, heads=n, seed=5, dtype=torch.float64).requires_grad_(False)
    dt = torch.nn.functional.softplus(layer.dt_bias)
    uniform = [(layer.A_log.exp() - 1) / 15, (dt.log10() + 3) / 2]
    grid = (torch.arange(n, dtype=torch.float64) + 0.5) / n
    for values in uniform:
        gap = (values.sort().values - grid).abs().max()
        assert float(gap) < 1.63 / math.sqrt(n)
    assert abs(float(torch.corrcoef(torch.stack(uniform))[0, 1])) < 4 / math.sqrt(n)


def test_the_mimetic_transition_is_near_the_identity():
    layer = made("mimetic").requires_grad_(False)
    assert torch.allclose(layer.A_log, torch.full_like(layer.A_log, -8.0))
    bias = torch.full_like(layer.dt_bias, math.log(math.e - 1))
    assert torch.allclose(layer.dt_bias, bias)
    u = torch.zeros(1, 6, 2, dtype=torch.float64)
    M = Selective.attention_map(layer, u + 1)[0]
    decay = M[:, 1, 0] / M[:, 1, 1]  # one step, of equal inputs
    assert float((decay - math.exp(-math.exp(-8))).abs().max()) < 1e-4
    torch.testing.assert_close(layer.W_delta, made().W_delta / 100)


def test_correlation_makes_equal_inputs_attend():
    """C . B of equal inputs has the mean sqrt(N / 2), of others 0; each spread is 1."""
    H, N = 4096, 64
    generator = torch.Generator("cpu").manual_seed(1)
    u = torch.randn(1, H, 16, generator=generator)
    for correlated, expected in ((True, math.sqrt(N / 2)), (False, 0.0)):
        layer = Selective(H, N, correlated=correlated, transition="mimetic")
        with torch.no_grad():
            scores = (layer.W_C @ u).mT @ (layer.W_B @ u)
        equal = scores[0].diagonal()
        others = scores[0][~torch.eye(16, dtype=torch.bool)]
        # 16 draws, of the standard deviation of about 1 each: 4 standard errors
        assert abs(float(equal.mean()) - expected) < 1.2
        # 240 products, of few independent rows
        assert float(others.square().mean()) == pytest.approx(1, rel=0.4)


def test_an_identity_convolution_changes_nothing():
    plain_layer, u = made("mimetic"), signal()
    torch.testing.assert_close(made("all")(u), plain_layer(u), **NEAR)
    drawn = made("mimetic", convolution="default")(u)
    assert (drawn - plain_layer(u)).abs().max() > 1


def test_options_change_the_same_random_numbers():
    one, other = made(), made("all")
    assert torch.equal(one.W_B, other.W_B)
    assert torch.equal(one.D, other.D)
    expected = (one.W_C + one.W_B) / math.sqrt(2)
    torch.testing.assert_close(other.W_C, expected, **NEAR)
    assert torch.equal(made().W_C, one.W_C)
    assert not torch.equal(made(seed=4).W_C, one.W_C)


def test_no_output_depends_on_a_later_input():
    u = signal()
    broken = u.clone()
    broken[0, 2, 11] = math.nan
    layer = made("all")
    y, after = layer(broken, layer.initial_state(2))
    torch.testing.assert_close(y[..., :11], layer(u)[..., :11], **NEAR)
    torch.testing.assert_close(y[1], layer(u)[1], **NEAR)
    assert bool(y[0, :, 11:].isnan().all())
    assert bool(after.memory[0].isnan().all())
    assert bool(after.memory[1].isfinite().all())


def test_reset_returns_the_first_values():
    layer = made("all")
    first = {name: p.detach().clone() for name, p in layer.named_parameters()}
    for p in layer.parameters():
        torch.nn.init.zeros_(p)
    layer.reset_parameters()
    assert all(torch.equal(p, first[name]) for name, p in layer.named_parameters())


def test_a_stack_takes_it_with_lengths_and_many_at_once():
    options = {"layer": Selective, "tokens": True, "pooling": "none", "d_state": 4}
    models = [Model(5, 3, n_layers=2, seed=k, **options) for k in range(2)]
    x = torch.randint(1, 5, (3, 7), generator=torch.Generator().manual_seed(0))
    lengths = torch.tensor([7, 4, 2])
    found = Ensemble(models)(x[None], lengths=lengths[None])
    for k, model in enumerate(models):
        # float32 sums in another order
        torch.testing.assert_close(
            found[k], model(x, lengths=lengths), rtol=1e-4, atol=1e-5
        )
        alone = model(x[1:2, :4])
        torch.testing.assert_close(alone, found[k][1:2, :, :4], rtol=1e-4, atol=1e-5)


U, U_T = torch.ones(2, 6, 9), torch.ones(2, 6)
BAD = {
    "d_model": (lambda: Selective(0), ValueError, "d_model must be at least 1"),
    "d_state": (lambda: Selective(2, 0), ValueError, "d_state must be at least 1"),
    "heads": (
        lambda: Selective(6, heads=4),
        ValueError,
        "heads must divide d_model = 6",
    ),
    "heads type": (lambda: Selective(6, heads=2.0), TypeError, "heads must be an int"),
    "init": (lambda: Selective(6, init="legs"), ValueError, "init must be the default"),
    "transition": (
        lambda: Selective(6, transition="no"),
        ValueError,
        "transition must be one of default, mimetic",
    ),
    "correlated": (lambda: Selective(6, correlated=1), TypeError, "correlated must be"),
    "convolution": (
        lambda: Selective(6, convolution="no"),
        ValueError,
        "convolution must be one of default, identity",
    ),
    "seed": (lambda: Selective(6, seed=-1), ValueError, "seed must be"),
    "dtype": (lambda: Selective(6, dtype=torch.float16), TypeError, "dtype must be"),
    "u shape": (lambda: Selective(6)(U[0]), ValueError, "u must have shape"),
    "u type": (lambda: Selective(6)(U.long()), TypeError, "u must be real"),
    "state": (
        lambda: Selective(6)(U, Selective(6, heads=2).initial_state(2)),
        ValueError,
        "state must be this layer's own",
    ),
    "state of S4D": (
        lambda: Selective(6)(U, S4D(6).initial_state(2)),
        ValueError,
        "state must be this layer's own",
    ),
    "map": (
        lambda: Selective(6).attention_map(U / 0),
        ValueError,
        "u must be finite",
    ),
    "map shape": (lambda: Selective(6).attention_map(U[0]), ValueError, "u must have"),
    "map type": (lambda: Selective(6).attention_map(1), TypeError, "u must be a tens"),
    "u_t": (
        lambda: Selective(6).step(U, Selective(6).initial_state(2)),
        ValueError,
        "u_t must have shape",
    ),
    "u_t type": (
        lambda: Selective(6).step(U_T.long(), Selective(6).initial_state(2)),
        TypeError,
        "u_t must be real",
    ),
    "step state": (
        lambda: Selective(6).step(U_T, SelectiveState(U, U)),
        ValueError,
        "state must be this layer's own",
    ),
    "batch": (lambda: Selective(6).initial_state(-1), ValueError, "batch must be"),
    "batch type": (lambda: Selective(6).initial_state(2.0), TypeError, "batch must be"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_arguments_are_refused(name):
    call, error, message = BAD[name]
    with pytest.raises(error, match=message):
        call()


def test_nothing_depends_on_defaults_of_torch():
    first, u = made("all").state_dict(), signal().float()
    torch.set_default_dtype(torch.float64)
    try:
        with torch.device("meta"):
            drawn = Selective(6, 5, heads=3, seed=3, device="cpu", **OPTIONS["all"])
            y = drawn(u)
    finally:
        torch.set_default_dtype(torch.float32)
    assert y.dtype == torch.float32
    for name, value in drawn.state_dict().items():
        assert torch.equal(value, first[name].float())


def test_every_operation_is_on_one_device():
    """Tensors without values stand for a GPU."""
    layer = Selective(6, 5, heads=3, device="meta", **OPTIONS["all"])
    u = torch.empty(2, 6, 9, device="meta", requires_grad=True)
    y, state = layer(u, layer.initial_state(2))
    layer.step(u[..., 0], state)[0].sum().backward()
    y, _ = layer(u, layer.initial_state(2))
    y.sum().backward()
    assert layer.attention_map(u).device.type == "meta"
    assert all(p.grad.device.type == "meta" for p in layer.parameters())

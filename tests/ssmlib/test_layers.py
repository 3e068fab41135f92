import math

import pytest
import torch

from ssmlib.initialization import initialize, names
from ssmlib.kernels import log_vandermonde_reference
from ssmlib.layers import S4D, concatenate, optimizer, parameter_groups

OPTIONS = [
    {},
    {"init": "legs"},
    {"init": "real"},
    {"discretization": "bilinear"},
    {"init": initialize("lin", 16, real=0.0)},
    {"skip": False},
]


def layer_and_input(L=150, dtype=torch.float32, **options):
    layer = S4D(3, 16, seed=1, dtype=dtype, **options)
    u = torch.randn(2, 3, L, generator=torch.Generator().manual_seed(2), dtype=dtype)
    return layer, u


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize(
    ("dtype", "atol"), [(torch.float32, 1e-4), (torch.float64, 1e-11)]
)
def test_convolution_is_recurrence(options, dtype, atol):
    layer, u = layer_and_input(dtype=dtype, **options)
    state, outputs = layer.initial_state(2), []
    for l in range(u.shape[-1]):
        y_t, state = layer.step(u[..., l], state)
        outputs.append(y_t)
    y, after = layer(u, layer.initial_state(2))
    assert torch.allclose(torch.stack(outputs, -1), y, rtol=0, atol=atol)
    assert torch.allclose(layer(u), y, rtol=0, atol=atol)
    assert torch.allclose(after, state, rtol=1e-10)


def test_recurrence_stays_with_the_convolution_over_long_sequences():
    layer = S4D(2, 8, init=initialize("lin", 8, real=0.0), seed=0)
    u = torch.randn(1, 2, 8192, generator=torch.Generator().manual_seed(0))
    state, last = layer.initial_state(1), None
    for l in range(u.shape[-1]):
        last, state = layer.step(u[..., l], state)
    y = layer(u)
    error = (last - y[..., -1]).abs().max() / y.abs().max()
    assert float(error.detach()) < 1e-5


@pytest.mark.parametrize("options", OPTIONS)
def test_handing_the_state_over_is_one_pass(options):
    layer, u = layer_and_input(dtype=torch.float64, **options)
    first, state = layer(u[..., :37], layer.initial_state(2))
    second, _ = layer(u[..., 37:], state)
    assert torch.allclose(torch.cat([first, second], -1), layer(u), rtol=0, atol=1e-11)


def test_kernel_is_the_impulse_response_and_the_plain_sum():
    layer, _ = layer_and_input(dtype=torch.float64, skip=False)
    impulse = torch.zeros(1, 3, 40, dtype=torch.float64)
    impulse[..., 0] = 1
    assert torch.allclose(layer.kernel(40), layer(impulse)[0], atol=1e-12)
    dt = torch.exp(layer.log_dt)[:, None]
    v = torch.complex(layer.C_re, layer.C_im) * (torch.exp(layer.A * dt) - 1) / layer.A
    plain = log_vandermonde_reference(v, layer.A * dt, 40)
    assert torch.allclose(layer.kernel(40), plain, atol=1e-12)


def test_bidirectional_sees_both_sides():
    layer, u = layer_and_input(
        L=20, dtype=torch.float64, bidirectional=True, skip=False
    )
    forward, backward = layer.kernel(20)
    y = layer(u)
    for l in range(20):
        past = sum(forward[:, k] * u[..., l - k] for k in range(l + 1))
        future = sum(backward[:, k] * u[..., l + 1 + k] for k in range(19 - l))
        assert torch.allclose(y[..., l], past + future, atol=1e-10)


def test_bidirectional_has_no_step_and_no_state():
    layer, u = layer_and_input(bidirectional=True)
    state = layer.initial_state(2)
    with pytest.raises(ValueError, match="bidirectional"):
        layer.step(u[..., 0], state)
    with pytest.raises(ValueError, match="bidirectional"):
        layer(u, state)


@pytest.mark.parametrize(("preferred", "moves"), [(-1.0, True), (1.0, False)])
def test_a_real_part_of_zero_moves_only_where_it_may(preferred, moves):
    """One step of a loss that falls as the real part goes to either side."""
    layer = S4D(2, 8, init=initialize("lin", 8, real=0.0), skip=False)
    adamw = optimizer(layer, lr=1e-2)
    (-preferred * layer.A.real.sum()).backward()
    assert bool((layer.A_re.grad != 0).all())
    adamw.step()
    assert bool((layer.A_re < 0).all()) is moves
    assert bool((layer.A_re == 0).all()) is not moves


def test_the_map_never_uses_a_positive_real_part():
    layer, u = layer_and_input()
    at_zero = S4D(3, 16, seed=1, init=initialize("lin", 16, real=0.0))
    with torch.no_grad():
        layer.A_re.fill_(0.3)
    assert torch.equal(layer(u), at_zero(u))
    layer.project_()
    assert bool((layer.A_re == 0).all())


def test_optimizer_groups_hold_every_parameter_once():
    model = torch.nn.Sequential(S4D(3, 8), torch.nn.Linear(3, 3), S4D(3, 8, skip=False))
    rest, ssm = parameter_groups(model, lr=0.1, weight_decay=0.05)
    ids = [id(p) for group in (rest, ssm) for p in group["params"]]
    assert sorted(ids) == sorted(id(p) for p in model.parameters())
    assert len(ssm["params"]) == 10
    assert (ssm["lr"], ssm["weight_decay"]) == (1e-3, 0.0)
    assert (rest["lr"], rest["weight_decay"]) == (0.1, 0.05)


@pytest.mark.parametrize("name", names())
def test_every_scheme_trains(name):
    layer, u = layer_and_input(init=name)
    layer(u).square().mean().backward()
    for parameter in layer.parameters():
        assert bool(torch.isfinite(parameter.grad).all())


def test_phases_under_autocast_are_those_without():
    layer, u = layer_and_input()
    plain, kernel = layer(u), layer.kernel(99)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(layer(u), plain)
        assert torch.equal(layer.kernel(99), kernel)
        half = layer(u.bfloat16())
    assert half.dtype == torch.bfloat16
    assert torch.allclose(
        half.float(), layer(u.bfloat16().float()), atol=2e-2, rtol=1e-2
    )


def test_a_random_scheme_follows_the_seed():
    first, same, other = (S4D(2, 8, init="rand", seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first.A, same.A)
    assert not torch.equal(first.A, other.A)


def test_half_precision_parameters_are_refused():
    layer, u = layer_and_input()
    with pytest.raises(TypeError, match="float32 or float64"):
        layer.bfloat16()(u)


def test_initial_parameters():
    layer = S4D(5000, 4, seed=0, dt_min=1e-2, dt_max=1e-1)
    dt = torch.exp(layer.log_dt)
    assert 1e-2 <= dt.min().item() < dt.max().item() <= 1e-1
    power = (layer.C_re.square() + layer.C_im.square()).mean()
    assert power.item() == pytest.approx(1.0, abs=4 / math.sqrt(10_000))
    same = S4D(5000, 4, seed=0, dt_min=1e-2, dt_max=1e-1)
    assert all(map(torch.equal, layer.parameters(), same.parameters()))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"d_model": 0}, ValueError, "d_model must be at least 1"),
        ({"d_state": 7}, ValueError, "d_state must be even"),
        ({"init": "lim"}, ValueError, "must be one of"),
        ({"discretization": "euler"}, ValueError, "discretization must be one of"),
        ({"dt_min": 0.0}, ValueError, "dt_min"),
        ({"dt_min": 0.2}, ValueError, "dt_min"),
        ({"dtype": torch.float16}, TypeError, "float32 or float64"),
        ({"init": initialize("lin", 8)}, ValueError, "init must be a pair"),
        (
            {"init": (torch.ones(32) + 0j, torch.ones(32) + 0j)},
            ValueError,
            "real parts <= 0",
        ),
    ],
)
def test_bad_arguments_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        S4D(**{"d_model": 2} | arguments)


def test_bad_inputs_are_refused():
    layer, u = layer_and_input()
    with pytest.raises(ValueError, match="u must have shape"):
        layer(u[0])
    with pytest.raises(ValueError, match="u must have shape"):
        layer(u[:, :2])
    with pytest.raises(TypeError, match="u must be real floating point"):
        layer(u.long())
    with pytest.raises(ValueError, match="state must have shape"):
        layer(u, layer.initial_state(3))
    with pytest.raises(ValueError, match="u_t must have shape"):
        layer.step(u, layer.initial_state(2))
    with pytest.raises(ValueError, match="L must be at least 1"):
        layer.kernel(0)


@pytest.mark.parametrize("options", [{}, {"bidirectional": True}, {"skip": False}])
def test_concatenated_layers_are_the_same_maps(options):
    layers = [S4D(2, 8, seed=1, **options), S4D(3, 8, init="inv", seed=2, **options)]
    whole = concatenate(layers)
    u = torch.randn(2, 5, 40, generator=torch.Generator().manual_seed(0))
    apart = torch.cat([layers[0](u[:, :2]), layers[1](u[:, 2:])], 1)
    assert torch.allclose(whole(u), apart, atol=1e-5)
    whole(u).sum().backward()
    assert all(p.grad is None for layer in layers for p in layer.parameters())


def test_only_layers_of_one_kind_are_concatenated():
    with pytest.raises(ValueError, match="at least one layer"):
        concatenate([])
    with pytest.raises(ValueError, match="differ in d_model only"):
        concatenate([S4D(2, 8), S4D(2, 16)])

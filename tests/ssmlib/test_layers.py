import math
from dataclasses import replace

import pytest
import torch

from ssmlib.initialization import Initialization, initialize, names
from ssmlib.kernels import log_vandermonde_reference
from ssmlib.layers import (
    DSS,
    S4,
    S4D,
    SSM,
    DiagonalSSM,
    KernelSSM,
    ModalSSM,
    S4DReal,
    optimizer,
    parameter_groups,
)

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


@pytest.mark.slow
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
    with pytest.raises(ValueError, match="bidirectional"):
        layer.recurrence()


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
    layer = S4D(5000, 4, seed=0, dt=(1e-2, 1e-1))
    dt = torch.exp(layer.log_dt)
    assert 1e-2 <= dt.min().item() < dt.max().item() <= 1e-1
    power = (layer.C_re.square() + layer.C_im.square()).mean()
    assert power.item() == pytest.approx(1.0, abs=4 / math.sqrt(10_000))
    same = S4D(5000, 4, seed=0, dt=(1e-2, 1e-1))
    assert all(map(torch.equal, layer.parameters(), same.parameters()))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"d_model": 0}, ValueError, "d_model must be at least 1"),
        ({"d_state": 7}, ValueError, "d_state must be even"),
        ({"init": "lim"}, ValueError, "must be one of"),
        ({"discretization": "euler"}, ValueError, "discretization must be one of"),
        ({"dt": 0.0}, ValueError, "dt must be positive and finite"),
        ({"dt": math.inf}, ValueError, "dt must be positive and finite"),
        ({"dt": (0.2, 0.1)}, ValueError, "low <= high in a range, got .0.2, 0.1."),
        ({"dt": [0.1, 0.2]}, TypeError, "a number or a range"),
        ({"dt": True}, TypeError, "a number or a range"),
        (
            {"init": Initialization(dt=0.1), "dt": 0.1},
            ValueError,
            "dt cannot be given beside an Initialization",
        ),
        ({"init": 3}, TypeError, "init must be a name, a pair"),
        ({"seed": -1}, ValueError, "seed must be at least 0"),
        ({"dtype": torch.float16}, TypeError, "float32 or float64"),
        ({"init": initialize("lin", 8)}, ValueError, "init must hold 32 modes"),
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
    with pytest.raises(ValueError, match="state must be this layer's own"):
        layer(u, layer.initial_state(3))
    with pytest.raises(ValueError, match="state must be this layer's own"):
        layer(u, S4D(3, 8).initial_state(2))
    with pytest.raises(ValueError, match="state must be this layer's own"):
        layer.step(u[..., 0], layer.recurrence().initial_state(2))
    with pytest.raises(ValueError, match="u_t must have shape"):
        layer.step(u, layer.initial_state(2))
    with pytest.raises(ValueError, match="L must be at least 1"):
        layer.kernel(0)


@pytest.mark.parametrize("options", [{}, {"bidirectional": True}, {"skip": False}])
def test_last_weights_are_those_of_the_last_output(options):
    layer, u = layer_and_input(dtype=torch.float64, **options)
    w = layer.last_weights(u.shape[-1])
    assert torch.allclose((u * w).sum(-1), layer(u)[..., -1], atol=1e-12)


def test_c_d_and_dt_do_not_depend_on_the_scheme():
    """So that two schemes are compared on the same draws."""
    first, second = (S4D(4, 8, init=init, seed=3) for init in ("lin", "rand"))
    for name in ("log_dt", "C_re", "C_im", "D"):
        assert torch.equal(getattr(first, name), getattr(second, name)), name


def test_reset_parameters_begins_anew():
    layer = S4D(3, 8, init="random_imag", seed=2, bidirectional=True)
    start = [p.detach().clone() for p in layer.parameters()]
    with torch.no_grad():
        for p in layer.parameters():
            p.add_(1)
    layer.reset_parameters()
    assert all(map(torch.equal, start, layer.parameters()))
    layer.reset_parameters(torch.Generator().manual_seed(7))
    other = S4D(3, 8, init="random_imag", seed=7, bidirectional=True)
    assert all(map(torch.equal, other.parameters(), layer.parameters()))


class Kernel(KernelSSM):
    """A layer that gives a kernel and no modes: a decaying exponential."""

    def initial_values(self, generator):
        like = {"generator": generator, "dtype": torch.float64}
        return {"rate": torch.rand(self.d_model, **like)}

    def kernel(self, L):
        steps = torch.arange(L, device=self.rate.device)
        return torch.exp(-self.rate[:, None] * steps)


def test_a_layer_may_give_its_kernel_alone():
    layer = Kernel(2)
    u = torch.randn(1, 2, 9)
    by_hand = [(layer.kernel(9).flip(-1)[:, 8 - l :] * u[0, :, : l + 1]).sum(-1)
               for l in range(9)]  # fmt: skip
    expected = torch.stack(by_hand, -1) + layer.D[:, None] * u[0]
    assert torch.allclose(layer(u)[0], expected, atol=1e-5)
    state = layer.initial_state(1)
    for call in (layer.recurrence, lambda: layer.step(u[..., 0], state)):
        with pytest.raises(NotImplementedError, match="Kernel defines a kernel and no"):
            call()


CLASSES = {
    "nothing": (SSM, {}, r"must define initial_values\(generator\) and system\(\); a"),
    "values alone": (
        SSM,
        {"initial_values": 0},
        r"must define system\(\); a layer that",
    ),
    "modes": (SSM, {"initial_values": 0, "modes": 0}, r"modes\(\) is a DiagonalSSM"),
    "kernel": (
        SSM,
        {"initial_values": 0, "kernel": 0},
        r"kernel\(L\) alone a KernelSSM",
    ),
    "diagonal": (DiagonalSSM, {"initial_values": 0}, r"must define modes\(\)$"),
    "kernel alone": (KernelSSM, {"initial_values": 0}, r"must define kernel\(L\)$"),
    "modal": (ModalSSM, {}, r"must define system\(\); a"),
    "misnamed": (Kernel, {"nonpositive": ("A_re",)}, "names 'A_re' in ssm_parameters"),
    "unsorted": (Kernel, {"ssm_parameters": ("A_re",)}, "Own must map A, B, dt"),
}


@pytest.mark.parametrize("case", CLASSES.values(), ids=CLASSES)
def test_a_subclass_that_lacks_a_part_is_named(case):
    base, parts, message = case
    own = type("Own", (base,), parts)
    with pytest.raises(TypeError, match=message):
        own(2)


@pytest.mark.parametrize("base", [SSM, DiagonalSSM, KernelSSM, ModalSSM])
def test_a_base_class_makes_no_layer(base):
    with pytest.raises(TypeError, match=f"{base.__name__} must define "):
        base(2)


def test_each_layer_is_of_the_kind_of_its_state():
    for layer in (S4D, S4DReal, DSS):
        assert issubclass(layer, DiagonalSSM)
    assert issubclass(S4, ModalSSM)
    assert not issubclass(S4, DiagonalSSM)


def windowed(self, L):
    """A kernel that is 0 after 9 steps."""
    return S4D.kernel(self, L) * (torch.arange(L) < 9)


class Mixed:
    kernel = windowed


class Half(S4D):
    def system(self):
        system = super().system()
        return replace(system, C=system.C / 2)


@pytest.mark.parametrize(
    "layer",
    [type("Own", (S4D,), {"kernel": windowed}), type("Own", (Mixed, S4D), {}), Half],
    ids=["kernel", "mixin", "system"],
)
def test_a_diagonal_layer_with_a_kernel_of_its_own_uses_it_at_every_length(layer):
    """Chunks, which long inputs take, are computed from the modes alone."""
    layer = layer(2, 4, skip=False)
    u = torch.zeros(1, 2, 5000)
    u[..., 0] = 1
    assert torch.allclose(layer(u)[0], layer.kernel(5000), atol=1e-6)

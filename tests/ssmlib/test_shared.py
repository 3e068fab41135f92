"""Layers whose features share one state, against their recurrence written as a loop."""

import math
from functools import partial

import pytest
import torch

from ssmlib import hippo
from ssmlib.initialization import Initialization
from ssmlib.layers import LRU, S4D, S5, s5
from ssmlib.layers.shared_states import states_before
from ssmlib.models import Ensemble, Model
from ssmlib.tasks import images
from ssmlib.training import fit
from tests.ssmlib.test_layer_oracle import derivatives, relative

H, N = 3, 8
LAYERS = {
    "LRU": LRU,
    "LRU, evenly spaced": partial(LRU, init="dfout"),
    "S5": partial(S5, dt=(0.05, 0.3)),
    "S5, blocks": partial(S5, blocks=2, dt=(0.05, 0.3)),
    "S5, bilinear": partial(S5, discretization="bilinear", dt=(0.05, 0.3)),
}
each_layer = pytest.mark.parametrize("name", LAYERS)
both_ways = pytest.mark.parametrize("bidirectional", [False, True])
#: the relative rounding error of each dtype, of sums over some dozens of terms
ROUNDING = {torch.float64: 1e-12, torch.float32: 2e-6}


def signal(L, B=2, dtype=torch.float64):
    return torch.randn(B, H, L, generator=torch.Generator().manual_seed(L)).to(dtype)


def made(name, dtype=torch.float64, **options):
    return LAYERS[name](H, N, seed=1, dtype=dtype, **options)


def recurrence_of(layer):
    """(A_bar, B_bar, C, D) from the parameters, as their names say."""
    p = {name: value.double() for name, value in layer.named_parameters()}
    B, C = (torch.complex(p[f"{k}_re"], p[f"{k}_im"]) for k in "BC")
    if isinstance(layer, LRU):
        A_bar = torch.polar(
            torch.exp(-torch.exp(p["nu_log"])), torch.exp(p["theta_log"])
        )
        return A_bar, torch.exp(p["gamma_log"])[:, None] * B, C, p["D"]
    A, dt = torch.complex(p["A_re"], p["A_im"]), torch.exp(p["log_dt"])
    if layer.discretization == "zoh":
        A_bar = torch.exp(A * dt)
        return A_bar, ((A_bar - 1) / A)[:, None] * B, C, p["D"]
    below = 1 - A * dt / 2
    return (1 + A * dt / 2) / below, (dt / below)[:, None] * B, C, p["D"]


def loop(layer, u):
    A_bar, B_bar, C, D = recurrence_of(layer)
    u, L = u.double(), u.shape[-1]
    entered = torch.einsum("pk,bkl->lbp", B_bar, u + 0j)
    C, *back = C if C.ndim == 3 else (C,)
    x, rows = torch.zeros_like(entered[0]), []
    for v in entered:
        x = A_bar * x + v
        rows.append(2 * (x @ C.mT).real)
    y = torch.stack(rows, -1) + D[:, None] * u
    for C in back:
        x, rows = torch.zeros_like(entered[0]), []
        for l in reversed(range(L)):
            rows.append(2 * (x @ C.mT).real)  # inputs after l only
            x = A_bar * x + entered[l]
        y = y + torch.stack(rows[::-1], -1)
    return y


@each_layer
@both_ways
@pytest.mark.parametrize("L", [1, 2, 5, 11, 64])
def test_a_layer_is_its_loop_with_two_derivatives(name, bidirectional, L):
    # Two derivatives add up some hundred roundings.
    for dtype, tolerance in ((torch.float64, 1e-10), (torch.float32, 5e-5)):
        layer = made(name, dtype, bidirectional=bidirectional)
        u = signal(L, dtype=dtype)
        found = derivatives(lambda layer, u: layer(u), layer, u)
        exact = derivatives(loop, layer.double(), u.double())
        for k, (one, other) in enumerate(zip(found, exact, strict=True)):
            assert relative(one, other) < tolerance, k


@each_layer
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_long_sequence_is_its_loop(name, dtype):
    layer, u = made(name, dtype), signal(3001, dtype=dtype)
    # The states within a chunk of 55 steps are carried in the layer's dtype.
    assert relative(layer(u), loop(layer, u)) < 2 * ROUNDING[dtype]


@each_layer
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_every_form_is_the_same_map(name, dtype):
    layer, u = made(name, dtype), signal(150, dtype=dtype)
    exact = loop(layer, u).detach()
    state, steps = layer.initial_state(2), []
    assert state.shape == (2, N // 2)
    for u_t in u[..., :20].unbind(-1):
        y_t, state = layer.step(u_t, state)
        steps.append(y_t)
    rest, state = layer(u[..., 20:90], state)
    last, state = layer(u[..., 90:], state)
    found = [torch.cat([torch.stack(steps, -1), rest, last], -1)]
    frozen = layer.recurrence()
    own, steps = frozen.initial_state(2), []
    for u_t in u[..., :20].unbind(-1):
        y_t, own = frozen(u_t, own)
        steps.append(y_t)
    block, own = frozen(u[..., 20:21], own)
    steps += [block.squeeze(-1)]
    block, own = frozen(u[..., 21:], own)
    found += [torch.cat([torch.stack(steps, -1), block], -1)]
    K = layer.impulse_response(150)
    assert K.shape == (H, H, 150)
    found += [
        torch.stack(
            [torch.einsum("hkl,bkl->bh", K[..., : t + 1].flip(-1), u[..., : t + 1])
             for t in range(150)], -1)]  # fmt: skip
    for y in found:
        # Steps in float32 turn the phases by a rounding each.
        assert relative(y, exact) < 10 * ROUNDING[dtype]
    assert relative(torch.complex(*own.chunk(2, -1)), state) < 100 * ROUNDING[dtype]
    w = layer.last_weights(150)
    assert relative(torch.einsum("hkl,bkl->bh", w, u), exact[..., -1]) < 1e-5


def test_the_kernel_of_both_directions():
    layer, u = made("S5", bidirectional=True), signal(20)
    K = layer.impulse_response(20)
    assert K.shape == (2, H, H, 20)
    y = loop(layer, u)
    for t in range(20):
        past = torch.einsum("hkl,bkl->bh", K[0, ..., : t + 1].flip(-1), u[..., : t + 1])
        ahead = torch.einsum("hkl,bkl->bh", K[1, ..., : 19 - t], u[..., t + 1 :])
        assert relative(past + ahead, y[..., t]) < 1e-12


@each_layer
def test_bidirectional_has_no_state(name):
    layer = made(name, bidirectional=True)
    for call in (
        lambda: layer.step(torch.ones(2, H).double(), layer.initial_state(2)),
        lambda: layer(signal(4), layer.initial_state(2)),
        layer.recurrence,
    ):
        with pytest.raises(ValueError, match="a bidirectional layer has no state"):
            call()


@each_layer
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_bad_value_reaches_its_own_sequence_from_its_step_on(name, bad):
    layer, u = made(name), signal(100)
    clean, frozen = layer(u), layer.recurrence()
    zeros = frozen.initial_state(2)
    block, after = frozen(u, zeros)
    u[1, 2, 40] = bad
    for y, exact in ((layer(u), clean), (frozen(u, zeros)[0], block)):
        assert y[1, :, 40:].isnan().all()
        assert torch.equal(y[1, :, :40], exact[1, :, :40])
        assert torch.equal(y[0], exact[0])
    state = frozen(u, zeros)[1]
    assert state[1].isnan().all()
    assert torch.equal(state[0], after[0])
    both = made(name, bidirectional=True)(u)
    assert both[1].isnan().all()
    assert both[0].isfinite().all()


@each_layer
def test_silence_is_exact(name):
    u = signal(100, dtype=torch.float32)
    u[0, :, :40] = 0
    u[1] = 0
    y = made(name, torch.float32)(u)
    assert not y[0, :, :40].any()
    assert not y[1].any()
    assert y[0, :, 40].all()


@pytest.mark.parametrize("L", [1, 2, 3, 50])
def test_the_form_of_a_compiler_is_the_scan(L, monkeypatch):
    draw = {"dtype": torch.complex128, "generator": torch.Generator().manual_seed(0)}
    v, x = torch.randn(L, 2, 4, **draw), torch.randn(4, **draw)
    x = torch.complex(-0.1 * x.real.abs(), x.imag)
    scan = states_before(v, x)
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    assert torch.allclose(states_before(v, x), scan, rtol=1e-12, atol=1e-12)


def test_an_empty_batch():
    layer = made("LRU")
    assert layer(signal(5)[:0]).shape == (0, H, 5)
    y, state = layer.recurrence()(signal(5)[:0], layer.recurrence().initial_state(0))
    assert y.shape == (0, H, 5)
    assert state.shape == (0, N)
    zeros = layer.recurrence().initial_state(2)
    assert torch.equal(layer.recurrence()(signal(5)[..., :0], zeros)[1], zeros)


def test_a_recurrence_may_have_a_pole_of_zero():
    """In float32 a strongly damped pole is 0, and its logarithm minus infinity."""
    layer = S5(H, N, dt=1e4)
    frozen, u = layer.recurrence(), signal(20, dtype=torch.float32)
    assert not frozen.scale.any()
    assert relative(frozen(u, frozen.initial_state(2))[0], layer(u)) < 1e-5


# How they begin.


def test_white_input_of_variance_1_gives_the_states_of_lru_the_mean_square_1():
    """The states' variances are |B_bar|^2 / (1 - |lambda|^2), summed over inputs."""
    layer = LRU(200, 400, dtype=torch.float64)
    log, B_bar, _ = layer.modes()
    square = (B_bar.abs().square().sum(-1) / -torch.expm1(2 * log.real)).detach()
    # Each is a mean of 400 squares with variance 2, and there are 200 of them.
    assert float(square.mean()) == pytest.approx(1, abs=5 * math.sqrt(2 / 80_000))
    assert float((square - 1).abs().max()) < 6 * math.sqrt(2 / 400)


def test_white_input_of_variance_1_through_the_layer():
    """The same of the output: C has 2 N entries of variance 1 / (2 N), read twice."""
    options = Initialization("lru", options={"r_max": 0.9})
    layer = LRU(64, 256, init=options, skip=False)
    u = torch.randn(16, 64, 400, generator=torch.Generator().manual_seed(0))
    y = layer(u)[..., 200:]  # what is left of the beginning is below 1e-9
    # 4 (N/2) (1 / (2 N)) E|x|^2 = 1, up to the draw of B and C, about 2 in 100.
    assert float(y.square().mean()) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("blocks", [1, 2])
@pytest.mark.parametrize("rule", ["zoh", "bilinear"])
def test_s5_begins_as_hippo_in_its_eigenbasis(blocks, rule, monkeypatch):
    """Its kernel is that of the real system whose matrix is the normal part of LegS."""
    drawn = []

    def lecun(shape, inputs, generator):
        drawn.append(torch.randn(shape, generator=generator, dtype=torch.float64))
        return drawn[-1]

    monkeypatch.setattr(s5, "_lecun", lecun)
    dt, n = 0.1, N // blocks
    options = {"blocks": blocks, "dt": dt, "discretization": rule}
    layer = S5(H, N, dtype=torch.float64, **options)
    A, B = hippo.legs(n)
    M = torch.block_diag(*[A + torch.outer(B, B) / 2] * blocks)  # the normal part
    B, C = drawn[0], torch.view_as_complex(drawn[1][0])
    one = torch.eye(N, dtype=torch.float64)
    if rule == "zoh":
        A_bar = torch.linalg.matrix_exp(dt * M)
        B_bar = torch.linalg.solve(M, (A_bar - one) @ B)
    else:
        A_bar = torch.linalg.solve(one - dt / 2 * M, one + dt / 2 * M)
        B_bar = dt * torch.linalg.solve(one - dt / 2 * M, B)
    # Of a complex C, stored modes leave out the conjugates: their own weights
    # are conj(C V), so the map is the real system's with the real C of both.
    V = torch.block_diag(*[hippo.legs_nplr(n)[3][:, n // 2 :]] * blocks)
    real = 2 * ((C @ V) @ V.mH).real
    powers = [torch.linalg.matrix_power(A_bar, l) for l in range(12)]
    K = torch.stack([real @ power @ B_bar for power in powers], -1)
    assert relative(layer.kernel(12), K) < 1e-12


def test_the_eigenvalues_of_s5_are_those_of_its_blocks():
    layer = S5(H, N, blocks=2, dtype=torch.float64)
    found = torch.complex(layer.A_re, layer.A_im)
    exact = hippo.legs_nplr(N // 2)[0]
    exact = exact[exact.imag > 0].flip(0).repeat(2)
    assert torch.allclose(found, exact, rtol=1e-9)
    scaled = S5(H, N, init=Initialization("legs", real=-0.1, imag_scale=2.0), blocks=2)
    assert torch.allclose(scaled.A_im.double(), 2 * exact.imag, rtol=1e-6)
    assert bool((scaled.A_re == torch.tensor(-0.1)).all())


def test_each_mode_of_s5_has_a_step_of_its_own():
    log_dt = S5(H, 4000, blocks=500, dtype=torch.float64).log_dt
    share = (log_dt - math.log(1e-3)) / math.log(100)
    distance = (share.sort().values - torch.linspace(0, 1, 2000)).abs().max()
    assert float(distance) < 1.95 / math.sqrt(2000)  # Kolmogorov-Smirnov, level 0.1 %


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: S5(H, 8, blocks=3), "blocks must divide d_state / 2, got 3"),
        (lambda: S5(H, 12, blocks=4), "blocks must divide d_state / 2, got 4"),
        (lambda: S5(H, 8, blocks=0), "blocks must be at least 1"),
        (lambda: S5(H, 7), "blocks must divide d_state / 2, got 1 for d_state 7"),
        (lambda: S5(H, 8, init="lin"), "init of S5 must be 'legs'"),
        (lambda: S5(H, 8, init=Initialization("legs", B="hippo")), "init of S5 must"),
        (lambda: S5(H, 8, discretization="euler"), "discretization must be one of"),
        (lambda: LRU(H, 7), "d_state must be even"),
        (lambda: LRU(H, 8, init="lin"), "init must be stated in discrete time"),
        (lambda: LRU(H, 8, init="post"), "init of LRU must have poles with a radius"),
        (
            lambda: LRU(H, 4, init=(torch.full((1, 2), 1j), torch.ones(1, 2))),
            "init of LRU must have poles with a radius below 1",
        ),
        (
            lambda: LRU(H, 4, init=(torch.full((H, 2), -1 + 1j), torch.ones(H, 2))),
            "init must hold the poles of 1 features",
        ),
    ],
)
def test_bad_options_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("own", [LRU, S5])
def test_a_state_is_a_layer_s_own(own):
    layer = own(H, N)
    for other in (S4D(H, N), own(H, N + 2)):
        with pytest.raises(ValueError, match="state must be this layer's own"):
            layer(torch.ones(2, H, 3), other.initial_state(2))
    with pytest.raises(ValueError, match="state must be this recurrence's own"):
        layer.recurrence()(torch.ones(2, H), torch.ones(2, N + 2))
    with pytest.raises(ValueError, match=r"u_t must have shape \(B, 3\), or"):
        layer.recurrence()(torch.ones(2, H + 1, 5), torch.ones(2, N))


@pytest.mark.parametrize("own", [LRU, S5])
def test_frozen_parts_are_buffers_and_seeds_decide(own):
    layer, frozen = own(H, N, seed=2), own(H, N, seed=2, frozen=("A", "B", "dt"))
    assert {n for n, _ in frozen.named_buffers()} == set(layer.ssm_names())
    u = signal(9, dtype=torch.float32)
    assert torch.equal(layer(u), frozen(u))
    with torch.no_grad():
        for p in layer.parameters():
            p.add_(1)
    layer.reset_parameters()
    assert torch.equal(layer(u), frozen(u))
    assert not torch.equal(own(H, N, seed=3)(u), layer(u))


# In models.


@pytest.mark.parametrize(("own", "init"), [(LRU, "lru"), (S5, "legs")])
@pytest.mark.parametrize("pooling", ["last", "mean", "none"])
def test_members_of_an_ensemble_are_the_models(own, init, pooling):
    options = {"d_model": 4, "d_state": 8, "n_layers": 2, "pooling": pooling}
    models = [Model(2, 3, layer=own, init=init, seed=s, **options) for s in (1, 2)]
    x = torch.randn(1, 5, 2, 40, generator=torch.Generator().manual_seed(0))
    together = Ensemble(models)
    y = together(x)
    y.square().sum().backward()
    for k, model in enumerate(models):
        alone = model(x[0])
        # float32, in another order of operations
        assert torch.allclose(y[k], alone, rtol=1e-4, atol=1e-5)
        alone.square().sum().backward()
        for name, p in model.named_parameters():
            found = dict(together.stacked.named_parameters())[name].grad[k]
            assert torch.allclose(found, p.grad, rtol=1e-3, atol=1e-3), name


@pytest.mark.parametrize(("own", "init"), [(LRU, "lru"), (S5, "legs")])
def test_steps_after_the_end_of_a_sequence_have_no_effect(own, init):
    model = Model(2, 3, layer=own, init=init, d_state=8, n_layers=2)
    x = torch.randn(3, 2, 30, generator=torch.Generator().manual_seed(0))
    lengths = torch.tensor([30, 7, 1])
    y = model(x, lengths=lengths)
    for k, L in enumerate(lengths.tolist()):
        assert torch.allclose(y[k], model(x[k : k + 1, :, :L])[0], atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(("own", "init"), [(LRU, "lru"), (S5, "legs")])
def test_they_are_trained(own, init):
    grid = {"init": [init], "frozen": [(), ("A",)]}
    found = fit(images.digits(), grid, layer=own, epochs=2, d_state=16)
    curves = found.curves
    for run in (0, 1):
        losses = curves[curves["run"] == run]["train_loss"].tolist()
        assert losses[-1] < losses[0]


@pytest.mark.parametrize("make", [LRU, S5])
def test_a_frozen_step_continues_from_the_state_of_the_layer(make):
    layer = make(3, 8, dtype=torch.float64)
    u = torch.randn(2, 3, 9, generator=torch.Generator().manual_seed(0)).double()
    with torch.no_grad():
        _, state = layer(u[..., :5], layer.initial_state(2))
        expected, _ = layer(u[..., 5:], state)
    frozen = layer.recurrence()
    found, _ = frozen(u[..., 5:], frozen.from_state(state))
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)

"""LinOSS against its two equations, solved for each step, and against authors' arrays.

`published_linoss.json` has arrays that the authors' code computed, in float32, and its
commits. Of the laws it has quantiles of 20,000 draws.
"""

import json
import math
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from ssmlib.initialization import Initialization, initialize_discrete, oscillators
from ssmlib.layers import S4D, LinOSS, Shared, optimizer
from ssmlib.models import Ensemble, Model
from ssmlib.tasks import images
from ssmlib.training import fit
from tests.ssmlib.test_layer_oracle import derivatives, relative
from tests.ssmlib.test_shared_published import KS, from_quantiles

H, N = 3, 8
LAYERS = {
    "imex, damped": LinOSS,
    "imex": partial(LinOSS, damping=False),
    "im": partial(LinOSS, damping=False, discretization="im"),
}
each_layer = pytest.mark.parametrize("name", LAYERS)
both_ways = pytest.mark.parametrize("bidirectional", [False, True])
FOUND = json.loads(
    Path(__file__).with_name("published_linoss.json").read_text(encoding="utf-8")
)
#: of sums over some dozens of terms
ROUNDING = {torch.float64: 1e-12, torch.float32: 5e-6}


def signal(L, B=2, dtype=torch.float64):
    return torch.randn(B, H, L, generator=torch.Generator().manual_seed(L)).to(dtype)


def made(name, dtype=torch.float64, **options):
    return LAYERS[name](H, N, seed=1, dtype=dtype, **options)


def loop(layer, u):
    """Step by step, by the two equations solved for the new z and y."""
    p = {name: value.double() for name, value in layer.named_parameters()}
    A, dt, u, L = p["A_diag"], torch.sigmoid(p["dt_logit"]), u.double(), u.shape[-1]
    G = p.get("G_diag", torch.zeros_like(A))
    v = torch.einsum("nk,bkl->lbn", p["B"], u)

    def positions(v):
        z = y = torch.zeros_like(v[0])
        found = [y]
        for v_l in v:
            if layer.discretization == "im":  # z = z + dt (-A (y + dt z) + v)
                z = (z + dt * (v_l - A * y)) / (1 + dt**2 * A)
            else:  # z = z + dt (-A y - G z + v)
                z = (z + dt * (v_l - A * y)) / (1 + dt * G)
            y = y + dt * z
            found.append(y)
        return torch.stack(found)

    C, *back = p["C"] if p["C"].ndim == 3 else (p["C"],)
    y = torch.einsum("hn,lbn->bhl", C, positions(v)[1:])
    for C in back:  # inputs after l only
        y = y + torch.einsum("hn,lbn->bhl", C, positions(v.flip(0))[:L].flip(0))
    return y + p["D"][:, None] * u


def set_to(layer, **values):
    """The layer with other values in all entries of its parameters."""
    with torch.no_grad():
        for name, value in values.items():
            getattr(layer, name)[:] = torch.as_tensor(value, dtype=layer.dtype)
    return layer


def at_an_edge(which, dt=0.5, G=0.3, dtype=torch.float64):
    """Undamped with A = 0, or damped with the lowest or highest A of complex pairs."""
    logit = math.log(dt / (1 - dt))
    if which == "ramp":
        return set_to(made("imex", dtype), A_diag=0.0, dt_logit=logit)
    root, sign = math.sqrt(1 + dt * G), {"low": -1, "high": 1}[which]
    A = (2 + dt * G + sign * 2 * root) / dt**2
    return set_to(made("imex, damped", dtype), A_diag=A, G_diag=G, dt_logit=logit)


@each_layer
@both_ways
@pytest.mark.parametrize("L", [2, 5, 64])
def test_a_layer_is_its_loop_with_two_derivatives(name, bidirectional, L):
    # Two derivatives add up some hundred roundings of values up to about 100.
    for dtype, tolerance in ((torch.float64, 1e-10), (torch.float32, 1e-4)):
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
    # Undamped, phases are off by about 3,001 roundings of float64.
    tolerance = {torch.float64: 1e-10, torch.float32: 2e-6}[dtype]
    for part in (u, u[..., :1]):
        assert relative(layer(part), loop(layer, part)) < tolerance


@pytest.mark.parametrize("which", ["low", "high", "ramp"])
def test_a_layer_is_its_loop_where_the_poles_are_equal(which):
    layer, u = at_an_edge(which), signal(40)
    found = derivatives(lambda layer, u: layer(u), layer, u)
    # A power series in the step: none of the derivatives is singular there.
    for k, (one, other) in enumerate(
        zip(found, derivatives(loop, layer, u), strict=True)
    ):
        assert relative(one, other) < 1e-9, k
    short = at_an_edge(which, dtype=torch.float32)
    # The edge itself is rounded: the phase is up to sqrt(6e-8) away, for 40 steps.
    assert relative(short(u.float()), layer(u)) < 1e-4


def test_the_modal_form_is_refused_where_the_poles_are_equal():
    with pytest.raises(ValueError, match="modes need two different poles"):
        at_an_edge("ramp").modes()


@each_layer
@both_ways
def test_the_modes_are_the_same_map(name, bidirectional):
    layer, u = made(name, bidirectional=bidirectional), signal(100)
    assert relative(Shared(*layer.modes()).outputs(u, layer.D), layer(u)) < 1e-11


@each_layer
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_every_form_is_the_same_map(name, dtype):
    layer, u = made(name, dtype), signal(150, dtype=dtype)
    exact = loop(layer, u).detach()
    state, steps = layer.initial_state(2), []
    assert state.shape == (2, N)
    for u_t in u[..., :20].unbind(-1):
        y_t, state = layer.step(u_t, state)
        steps.append(y_t)
    rest, state = layer(u[..., 20:90], state)
    frozen = layer.recurrence()
    end, _ = frozen(u[..., 90:], frozen.from_state(state))
    last, state = layer(u[..., 90:], state)
    begin = torch.stack(steps, -1)
    found = [torch.cat([begin, rest, x], -1) for x in (last, end)]
    own, steps = frozen.initial_state(2), []
    for u_t in u[..., :20].unbind(-1):
        y_t, own = frozen(u_t, own)
        steps.append(y_t)
    block, own = frozen(u[..., 20:], own)
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
    assert relative(own.transpose(0, 1).flatten(1), state) < 100 * ROUNDING[dtype]
    w = layer.last_weights(150)
    assert relative(torch.einsum("hkl,bkl->bh", w, u), exact[..., -1]) < 1e-5


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
        # A Fourier transform of another input has other roundings.
        assert torch.allclose(y[1, :, :40], exact[1, :, :40], rtol=0, atol=1e-12)
        assert torch.allclose(y[0], exact[0], rtol=0, atol=1e-12)
    state = frozen(u, zeros)[1]
    assert state[:, 1].isnan().all()
    assert torch.allclose(state[:, 0], after[:, 0], rtol=0, atol=1e-12)
    scaled, after = layer(u, layer.initial_state(2), step_scale=0.5)
    assert scaled[1, :, 40:].isnan().all()
    assert scaled.isnan().sum() == 60 * H
    assert after.isnan().all(-1).tolist() == [False, True]


@each_layer
def test_silence_is_exact(name):
    u = signal(100, dtype=torch.float32)
    u[0, :, :40] = 0
    u[1] = 0
    y = made(name, torch.float32)(u)
    assert not y[0, :, :40].any()
    assert not y[1].any()
    assert y[0, :, 40].all()


# The formulas of poles and edges.


def matrices(rule, n=500, seed=0):
    """Random oscillators, with A on both sides of the edges, and eigenvalues."""
    draw = np.random.default_rng(seed)
    dt, G = draw.uniform(0.01, 1, n), draw.exponential(5, n) * (rule == "imex")
    A = draw.exponential(4, n) * (1 + dt * G) / dt**2
    # z' and y' from the equations: (1 + dt G) z' + dt A y'* = z + dt v, y' - dt z' = y
    left = np.zeros((n, 2, 2))
    right = np.tile(np.eye(2), (n, 1, 1))
    left[:, 0, 0], left[:, 1, 0], left[:, 1, 1] = 1 + dt * G, -dt, 1
    (left if rule == "im" else right)[:, 0, 1] = dt * A * (1 if rule == "im" else -1)
    M = np.linalg.solve(left, right)
    F = np.linalg.solve(left, np.stack([dt, 0 * dt], -1)[..., None])[..., 0]
    return [torch.from_numpy(x) for x in (A, G, dt, M, F)]


@pytest.mark.parametrize("rule", oscillators.RULES)
def test_a_step_solves_the_two_equations(rule):
    A, G, dt, M, F = matrices(rule)
    found = oscillators.transition(A, G, dt, rule)
    for one, exact in zip(found, (M, F), strict=True):
        assert torch.allclose(one, exact, rtol=1e-9, atol=1e-9)  # A is up to 1e5
    S = 1 / (1 + (dt * G if rule == "imex" else dt**2 * A))
    assert torch.allclose(torch.linalg.det(M), S, rtol=1e-9)


def test_poles_are_complex_between_the_edges_and_stable_up_to_a_largest_A():
    A, G, dt, M, _ = matrices("imex")
    low, high = oscillators.edges(G, dt)
    between, z = (A > low) & (A < high), torch.linalg.eigvals(M)
    assert 20 < int(between.sum()) < 480
    assert torch.equal(z.imag.abs().amax(-1) > 1e-9, between)
    stable = A <= oscillators.largest_stable(G, dt)
    assert int((stable & (A > high)).sum()) > 5  # two negative poles inside
    assert (z.abs().amax(-1) <= 1 + 1e-12)[stable].all()
    assert (z.abs().amax(-1) > 1)[~stable].all()
    assert (z.real > 0)[A < low].all()
    radius = z.abs()[between]
    S = 1 / (1 + dt * G)
    assert torch.allclose(radius, S[between].sqrt().unsqueeze(-1).expand(-1, 2))


@pytest.mark.parametrize("rule", oscillators.RULES)
def test_poles_and_weights_are_those_of_the_matrix(rule):
    A, G, dt, M, F = matrices(rule)
    low, high = oscillators.edges(G, dt)
    chosen = ((A > 1.01 * low) & (A < 0.99 * high)) | (rule == "im")
    A, G, dt, M, F = (x[chosen] for x in (A, G, dt, M, F))
    log, w = oscillators.poles(A, G, dt, rule)
    z, vectors = torch.linalg.eig(M)
    upper = z.imag.argmax(-1, keepdim=True)
    # Away from the edges the eigenvectors are well conditioned.
    assert torch.allclose(torch.exp(log), z.gather(-1, upper)[:, 0], rtol=1e-7)
    weights = vectors[:, 1] * torch.linalg.solve(vectors, F + 0j)
    assert torch.allclose(w, weights.gather(-1, upper)[:, 0], rtol=1e-6)


def test_oscillators_with_given_poles():
    draw = torch.rand(3, 300, generator=torch.Generator().manual_seed(0)).double()
    square, phase, dt = draw.clamp(0.01, 0.99)
    found = oscillators.from_poles(square, math.pi * phase, dt)
    log, _ = oscillators.poles(*found, "imex")
    assert torch.allclose(torch.exp(2 * log.real), square, rtol=1e-12)
    assert torch.allclose(log.imag, math.pi * phase, rtol=1e-9)


def test_undamped_oscillators_keep_their_energy_and_implicit_ones_do_not():
    log, _, _ = made("imex").modes()
    assert not log.real.any()
    layer = made("im")
    A, _, dt = layer.parameters_of_oscillators()
    decay = -0.5 * torch.log1p(dt**2 * A)
    assert torch.allclose(layer.modes()[0].real, decay, rtol=1e-12)


# Against the authors' arrays.


def of_theirs(key):
    """Ours with the parameters of theirs: two real oscillators for each of theirs."""
    p = {
        name: torch.tensor(part["values"], dtype=torch.float64).view(part["shape"])
        for name, part in FOUND[key].items()
        if name != "commit"
    }
    P, features = p["B"].shape[:2]
    damping = "G_diag" in p
    rule = "im" if key.endswith("_im") else "imex"
    layer = LinOSS(
        features, 4 * P, discretization=rule, damping=damping, dtype=torch.float64
    )
    twice = ("A_diag", "dt_logit", *(("G_diag",) if damping else ()))
    values = {name: p[name].repeat(2) for name in twice} | {"D": p["D"]}
    values["B"] = torch.cat([p["B"][..., 0], p["B"][..., 1]])
    values["C"] = torch.cat([p["C"][..., 0], -p["C"][..., 1]], -1)
    layer.load_state_dict(values)
    return layer, p


@pytest.mark.parametrize(
    "key", ["linoss_imex", "linoss_im", "dlinoss", "dlinoss_projected"]
)
def test_it_is_theirs(key):
    layer, p = of_theirs(key)
    y = layer(p["u"].mT.unsqueeze(0))[0].mT
    # Theirs is in float32; projected A of 70 with equal poles amplify its roundings.
    tolerance = 1e-3 if key.endswith("projected") else 2e-5
    assert torch.allclose(y, p["y"], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("key", ["linoss_law", "dlinoss_law"])
def test_the_oscillators_have_the_published_law(key):
    law, n = FOUND[key], 20_000
    layer = LinOSS(1, 2 * n, damping=key[0] == "d", seed=4, dtype=torch.float64)
    for name in ("A_diag", "G_diag", "dt_logit"):
        if name in law:  # theirs has as many draws
            gap = from_quantiles(getattr(layer, name), law[name], law["levels"])
            assert gap < KS * math.sqrt(2 / n), name


def test_the_weights_have_the_published_law():
    """Theirs has n complex oscillators, and ours 2 n real ones."""
    law, n = FOUND["linoss_law"], 20_000
    layer = LinOSS(1, 4 * n, damping=False, seed=4)
    for values, key in (
        (layer.B, "B"),
        (layer.C * math.sqrt(n), "C_times_sqrt_states"),
    ):
        assert from_quantiles(values, law[key], law["levels"]) < KS / math.sqrt(n)


@pytest.mark.parametrize("r_min", [0.0, 0.9])
def test_damped_poles_are_uniform_on_a_ring(r_min):
    options = {"r_min": r_min, "max_phase": 2.0}
    layer = LinOSS(
        1,
        20_000,
        init=Initialization("linoss", options=options),
        dtype=torch.float64,
        seed=3,
    )
    log = layer.modes()[0].detach()
    levels = torch.linspace(0, 1, 10_001)[1:].double()
    share = (torch.exp(2 * log.real) - r_min**2) / (1 - r_min**2)
    for found in (share, log.imag / 2):
        gap = float((found.sort().values - levels).abs().max())
        assert gap < KS / math.sqrt(10_000)


def test_the_scheme_has_the_poles_and_weights_of_the_layer():
    """As poles of S4D with B = w and C of the layer, one feature of each."""
    layer = LinOSS(1, 8, damping=False, discretization="im", dtype=torch.float64)
    options = {"damping": False, "discretization": "im"}
    log, w = initialize_discrete("linoss", 8, 3, seed=0, **options)
    assert log.shape == w.shape == (3, 4)
    assert (log.real < 0).all()
    with torch.no_grad():
        log, B, C = layer.modes()
    diagonal = S4D(1, 8, init=(log[None], B.mT), dtype=torch.float64)
    set_to(diagonal, C_re=C.real, C_im=C.imag, D=layer.D.detach())
    u = signal(50)[:, :1]
    assert relative(diagonal(u), layer(u)) < 1e-9


# Training.


@pytest.mark.parametrize("name", LAYERS)
def test_an_optimizer_keeps_the_layer_stable(name):
    layer = made(name, torch.float32)
    moving = optimizer(layer, 1.0, ssm_lr=1.0, kind=torch.optim.SGD)
    draw = torch.Generator().manual_seed(0)
    for _ in range(30):
        for p in layer.parameters():
            p.grad = 5 * torch.randn(p.shape, generator=draw)
        moving.step()
        A, G, dt = layer.parameters_of_oscillators()
        # What is stored is what the map uses, but for a rounding.
        assert torch.allclose(A.float(), layer.A_diag, rtol=1e-6, atol=1e-30)
        assert bool((G >= 0).all())
        M, _ = oscillators.transition(A, G, dt, layer.discretization)
        radius = torch.linalg.eigvals(M.detach()).abs().max()
        # Two equal poles move by the square root of a rounding.
        assert float(radius) < 1 + 1e-6


def test_a_step_of_dt_alone_projects_A():
    layer = set_to(made("imex"), A_diag=15.9, dt_logit=0.0)  # the edge is 16
    moving = torch.optim.SGD([layer.dt_logit], lr=1.0)
    layer.dt_logit.grad = torch.full_like(layer.dt_logit, -1.0)
    moving.step()
    edge = 4 / torch.sigmoid(torch.tensor(1.0, dtype=torch.float64)) ** 2
    assert torch.allclose(layer.A_diag, edge.expand(4))


def test_a_gradient_passes_the_edge():
    """The authors' is 0 outside, so that A could not come back."""
    layer = set_to(made("im"), A_diag=-0.1)
    layer(signal(20)).square().sum().backward()
    assert layer.A_diag.grad.all()
    assert not layer.parameters_of_oscillators().A.any()
    layer.project_()
    assert not layer.A_diag.any()


@pytest.mark.parametrize("pooling", ["last", "mean", "none"])
def test_members_of_an_ensemble_are_the_models(pooling):
    options = {"d_model": 4, "d_state": 8, "n_layers": 2, "pooling": pooling}
    options |= {"layer": LinOSS, "init": "linoss"}
    models = [Model(2, 3, seed=s, **options) for s in (1, 2)]
    x = torch.randn(1, 5, 2, 40, generator=torch.Generator().manual_seed(0))
    together = Ensemble(models)
    y = together(x)
    for k, model in enumerate(models):
        # float32, in another order of operations
        assert torch.allclose(y[k], model(x[0]), rtol=1e-4, atol=1e-5)
    with torch.no_grad():
        for p in together.stacked.parameters():
            p -= 1
    for layer in together.stacked.ssms:
        layer.project_()
        low, high = layer.limits()["A_diag"]
        assert ((layer.A_diag >= low - 1e-6) & (layer.A_diag <= high * 1.001)).all()


def test_a_frozen_model_continues_the_model():
    model = Model(2, 3, layer=LinOSS, init="linoss", n_layers=2, pooling="none")
    x = torch.randn(2, 2, 30, generator=torch.Generator().manual_seed(0))
    y = model(x)
    frozen, state, found = model.recurrence(), None, []
    state = frozen.initial_state(2)
    for part in x.split((1, 9, 20), -1):
        out, state = frozen(part, state)
        found.append(out)
    # float32, in another order of operations
    assert torch.allclose(torch.cat(found, -1), y, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", LAYERS)
def test_it_is_trained(name):
    grid = {"init": ["linoss"], "frozen": [(), ("A",)]}
    found = fit(images.digits(), grid, layer=LAYERS[name], epochs=2, d_state=16)
    curves = found.curves
    for run in (0, 1):
        losses = curves[curves["run"] == run]["train_loss"].tolist()
        assert losses[-1] < losses[0]


# Another time per step.


@each_layer
@both_ways
def test_a_scale_is_a_factor_of_dt(name, bidirectional):
    layer, other = (made(name, bidirectional=bidirectional) for _ in range(2))
    dt = torch.sigmoid(layer.dt_logit.detach()) * 0.5
    set_to(other, dt_logit=torch.logit(dt))
    if layer.damping:  # A may be below its edge there, with two real poles
        A, G = layer.A_diag.detach(), layer.G_diag.detach()
        low, _ = oscillators.edges(G, dt)
        set_to(layer, A_diag=torch.maximum(A, low + 0.1))
        set_to(other, A_diag=layer.A_diag.detach())
    u = signal(50)
    assert relative(layer(u, step_scale=0.5), other(u)) < 1e-11
    assert relative(layer(u, step_scale=1.0), layer(u)) < 1e-11
    if not bidirectional:
        state = layer(u, layer.initial_state(2))[1]
        pairs = zip(layer(u, state, step_scale=0.5), other(u, state), strict=True)
        assert all(relative(*pair) < 1e-11 for pair in pairs)


def test_a_scale_to_two_real_poles_is_the_loop():
    layer = at_an_edge("low")
    M = layer._system(0.25).M
    z = torch.linalg.eigvals(M.detach())
    assert float(z.imag.abs().max()) < 1e-6
    assert float(z.abs().max()) < 1
    u, dt = signal(50), 0.125
    A, G, _ = (part.detach() for part in layer.parameters_of_oscillators())
    z = y = torch.zeros(2, N // 2, dtype=torch.float64)
    for l in range(50):
        v = u[..., l] @ layer.B.mT
        z = (z + dt * (v - A * y)) / (1 + dt * G)
        y = y + dt * z
    last = y @ layer.C.mT + layer.D * u[..., -1]
    assert relative(layer(u, step_scale=0.25)[..., -1], last) < 1e-10


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LinOSS(H, 7), "d_state must be even"),
        (lambda: LinOSS(H, 8, init="lin"), "init of LinOSS must be 'linoss'"),
        (
            lambda: LinOSS(H, 8, init=Initialization("linoss", options={"damping": 0})),
            "init of LinOSS must be 'linoss', or an Init",
        ),
        (lambda: LinOSS(H, 8, discretization="zoh"), "discretization must be one of"),
        (lambda: LinOSS(H, 8, discretization="im"), "damping must be False with"),
        (lambda: initialize_discrete("linoss", 8, r_min=1.0), "r_min must be in"),
        (lambda: initialize_discrete("linoss", 8, r_min=-0.1), "r_min must be in"),
        (lambda: initialize_discrete("linoss", 8, max_phase=4.0), "max_phase must be"),
        (lambda: initialize_discrete("linoss", 8, max_phase=0.0), "max_phase must be"),
        (lambda: initialize_discrete("linoss", 8, xi=0.1), "linoss has the options"),
        (
            lambda: at_an_edge("high")(signal(3), step_scale=2),
            "step_scale must keep all oscillators stable",
        ),
        (
            lambda: made("im")(signal(3), timestamps=torch.arange(3)),
            "timestamps need a diagonal layer",
        ),
        (
            lambda: made("im")(signal(3), made("im").initial_state(2)[:, :4]),
            "state must be this layer's own",
        ),
        (
            lambda: made("im").recurrence()(signal(3), torch.ones(4, 2, 3)),
            "state must be this recurrence's own",
        ),
        (
            lambda: made("im").recurrence()(signal(3)[:, :2], torch.ones(4, 2, 2)),
            r"u_t must have shape \(B, 3\), or",
        ),
        (
            lambda: made("im").recurrence().from_state(torch.ones(2, 6)),
            "state must be that of the layer",
        ),
    ],
)
def test_bad_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("call", [
    lambda: LinOSS(H, 8, damping=1),
    lambda: initialize_discrete("linoss", 8, r_min="0"),
    lambda: initialize_discrete("linoss", 8, max_phase=None),
])  # fmt: skip
def test_bad_types_are_refused(call):
    with pytest.raises(TypeError):
        call()


@each_layer
def test_frozen_parts_are_buffers_and_seeds_decide(name):
    layer, frozen = made(name), made(name, frozen=("A", "B", "dt"))
    exist = {n for n in layer.ssm_names() if getattr(layer, n) is not None}
    assert {n for n, _ in frozen.named_buffers()} == exist
    u = signal(9)
    assert torch.equal(layer(u), frozen(u))
    with torch.no_grad():
        for p in layer.parameters():
            p.add_(1)
    layer.reset_parameters()
    assert torch.equal(layer(u), frozen(u))

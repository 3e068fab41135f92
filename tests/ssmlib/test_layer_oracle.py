"""Every layer against a dense complex system with a matrix exponential, in float64.

The oracle builds all N states, conjugates included, from the layer's parameters as
their names say, discretizes densely and steps through time: nothing of the layers.
"""

import math
from functools import partial

import pytest
import torch
from torch import nn

from ssmlib.initialization import names
from ssmlib.layers import DSS, S4, S4D, S4DReal

H, N, L = 4, 6, 11
SHAPE = {"d_model": H, "d_state": N}
TRANSFORMS = {
    "free": lambda t: t,
    "exp": lambda t: -torch.exp(t),
    "softplus": lambda t: -torch.log1p(torch.exp(t)),
    "relu": lambda t: -torch.where(t > 0, t, 0.0),
    "stable": lambda t: -1 / (t**2 + 0.5),
}
LAYERS = {
    **{name: partial(S4D, init=name) for name in names()},
    "S4-LegS": S4,
    "S4-FouT": partial(S4, init="fout"),
    "DSS-exp": partial(DSS, variant="exp"),
    "real": S4DReal,
    "exp, shared": partial(S4D, n_ssm=2, real_transform="exp"),
    "softplus, shared": partial(S4D, n_ssm=1, real_transform="softplus"),
    "relu": partial(S4D, real_transform="relu"),
    "stable": partial(S4D, real_transform="stable"),
    "S4, softplus, shared": partial(S4, n_ssm=2, real_transform="softplus"),
}


def complex_parameters(layer):
    """(A, P, B, C) over all states (H, N), C (sides, H, N), as the docstrings say."""
    p = {name: value.double() for name, value in layer.named_parameters()}
    copies = [h % len(p["A_re"]) for h in range(H)]
    real = TRANSFORMS[layer.real_transform](p["A_re"][copies])
    if isinstance(layer, S4DReal):
        A, B, C = real + 0j, p["B_re"][copies] + 0j, p["C_re"] + 0j
        return A, torch.zeros_like(A), B, C if layer.bidirectional else C[None]

    def stored(letter, like):
        if f"{letter}_re" not in p:
            return like
        return torch.complex(p[f"{letter}_re"], p[f"{letter}_im"])[copies]

    A = torch.complex(real, p["A_im"][copies])
    P, B = stored("P", torch.zeros_like(A)), stored("B", torch.ones_like(A))
    C = torch.complex(p["C_re"], p["C_im"])
    C = C if layer.bidirectional else C[None]
    return (torch.cat([part, part.conj()], -1) for part in (A, P, B, C))


def oracle(layer, u):
    """u (batch, H, L) -> y, by dense steps of each direction."""
    A, P, B, C = complex_parameters(layer)
    dt = torch.exp(layer.log_dt.double())[:, None, None]
    M = dt * (torch.diag_embed(A) - P[..., :, None] * P.conj()[..., None, :])
    n = A.shape[-1]
    eye = torch.eye(n, dtype=M.dtype)
    if layer.discretization == "bilinear":
        inverse = torch.linalg.inv(eye - M / 2)
        A_bar = inverse @ (eye + M / 2)
        B_bar = dt * (inverse @ B[..., None])
    else:
        A_bar = torch.linalg.matrix_exp(M)
        # (exp(M) - 1) / M by its series, which is right for a singular M too
        small = M / 2**10
        phi = sum(
            torch.linalg.matrix_power(small, k) / math.factorial(k + 1)
            for k in range(8)
        )
        for k in range(10):
            part = torch.linalg.matrix_exp(M / 2 ** (10 - k))
            phi = (part + eye) @ phi / 2
        B_bar = dt * (phi @ B[..., None])
    x = torch.zeros(len(A), n, 1, dtype=M.dtype) + B_bar
    kernels = []
    for _ in range(u.shape[-1]):
        kernels.append((C * x.squeeze(-1)).real.sum(-1))  # (sides, H)
        x = A_bar @ x
    K = torch.stack(kernels, -1)
    u, count = u.double(), u.shape[-1]
    rows = []
    for l in range(count):
        row = (K[0, :, : l + 1].flip(-1) * u[..., : l + 1]).sum(-1)
        if len(K) == 2 and l + 1 < count:
            row = row + (K[1, :, : count - 1 - l] * u[..., l + 1 :]).sum(-1)
        rows.append(row)
    return torch.stack(rows, -1) + layer.D.double()[:, None] * u


def derivatives(form, layer, u):
    """Output, gradients, and second derivatives in one direction."""
    u = u.detach().clone().requires_grad_()
    inputs = [u, *layer.parameters()]
    y = form(layer, u).double()
    weights = torch.linspace(-1, 1, y.numel(), dtype=y.dtype).view_as(y)
    value = (y * weights).sum() + y.square().sum()
    first = torch.autograd.grad(value, inputs, create_graph=True)
    along = sum((g.double() * math.cos(k)).sum() for k, g in enumerate(first))
    second = torch.autograd.grad(along, inputs)
    return [y, *first, *second]


def relative(one, other):
    return float(
        (one - other).detach().abs().max() / other.detach().abs().max().clamp(min=1e-3)
    )


#: schemes differ in their values alone: S4D-Lin stands for all; DSS is its hold
CASES = [
    (name, discretization, bidirectional)
    for name in LAYERS
    for discretization in ("zoh", "bilinear")
    for bidirectional in (False, True)
    if discretization == "zoh" or name != "DSS-exp"
    if not bidirectional or name == "lin" or name not in names()
]


@pytest.mark.parametrize(("name", "discretization", "bidirectional"), CASES)
def test_a_layer_is_the_dense_system(name, discretization, bidirectional):
    options = SHAPE | {"bidirectional": bidirectional, "seed": 1, "dt": (0.05, 0.3)}
    if name != "DSS-exp":
        options["discretization"] = discretization
    for dtype, tolerance in ((torch.float64, 1e-10), (torch.float32, 2e-5)):
        layer = LAYERS[name](**options, dtype=dtype)
        with torch.no_grad():  # no two copies alike, no transform at its kink
            generator = torch.Generator().manual_seed(3)
            for p in layer.parameters():
                moved = 0.05 * torch.rand(p.shape, generator=generator)
                p.add_(-moved.to(dtype) if p is layer.A_re else moved.to(dtype))
            if layer.real_transform == "relu":
                layer.A_re.abs_()
        u = torch.randn(2, H, L, generator=torch.Generator().manual_seed(2)).to(dtype)
        found = derivatives(lambda layer, u: layer(u), layer, u)
        exact = derivatives(oracle, layer.double(), u.double())
        for k, (one, other) in enumerate(zip(found, exact, strict=True)):
            assert relative(one, other) < tolerance, k


@pytest.mark.parametrize("bidirectional", [False, True])
def test_dss_is_its_definition(bidirectional):
    """A softmax over `length` steps, cut to those asked for; and its derivatives."""
    length = 17
    options = {"bidirectional": bidirectional, "dtype": torch.float64}
    layer = DSS(**SHAPE, length=length, dt=0.3, **options)

    def definition(layer, u):
        dt = torch.exp(layer.log_dt)[:, None, None]
        A = torch.complex(layer.A_re, layer.A_im)
        weights = torch.exp(A[..., None] * dt * torch.arange(length))
        weights = weights / weights.sum(-1, keepdim=True)  # (H, N/2, length)
        C = torch.complex(layer.C_re, layer.C_im)
        K = 2 * ((C / A)[..., None] * weights).real.sum(-2)[..., : u.shape[-1]]
        K = K if bidirectional else K[None]
        lag = torch.arange(u.shape[-1]) - torch.arange(u.shape[-1])[:, None]
        past = torch.where(lag >= 0, K[0][:, lag.clamp(min=0)], 0.0)
        y = torch.einsum("bhk,hkl->bhl", u, past)
        if bidirectional:
            ahead = torch.where(lag < 0, K[1][:, (-lag - 1).clamp(min=0)], 0.0)
            y = y + torch.einsum("bhk,hkl->bhl", u, ahead)
        return y + layer.D[:, None] * u

    u = torch.randn(2, H, L, generator=torch.Generator().manual_seed(2)).double()
    found = derivatives(lambda layer, u: layer(u), layer, u)
    # The guard moves a reciprocal by 1e-7 / |A (exp(A dt length) - 1)|^2 of it.
    # At this dt that is as good as nothing; two derivatives make some hundred of it.
    x = layer.A * torch.expm1(layer.A * layer.dt * length)
    guard = 1e-7 / float(x.detach().abs().square().min())
    assert guard < 1e-6
    for k, (one, other) in enumerate(
        zip(found, derivatives(definition, layer, u), strict=True)
    ):
        assert relative(one, other) < 100 * guard, k


def test_dss_is_bound_to_its_length():
    layer = DSS(**SHAPE, length=9)
    K = layer.kernel(9)
    assert torch.allclose(layer.kernel(5), K[:, :5])
    u = torch.randn(1, H, 9)
    state, steps = layer.initial_state(1), []
    for u_t in u.unbind(-1):
        y_t, state = layer.step(u_t, state)
        steps.append(y_t)
    assert torch.allclose(torch.stack(steps, -1), layer(u), atol=1e-6)
    for call in (lambda: layer.kernel(10), lambda: layer(torch.ones(1, H, 10))):
        with pytest.raises(ValueError, match="L must be at most length, 9"):
            call()
    with pytest.raises(ValueError, match="length must be given with variant 'softmax'"):
        DSS(**SHAPE)
    with pytest.raises(ValueError, match="length must be given with variant 'softmax'"):
        DSS(**SHAPE, variant="exp", length=9)
    with pytest.raises(ValueError, match="variant must be one of exp, softmax"):
        DSS(**SHAPE, variant="clip")
    with pytest.raises(ValueError, match="DSS has no discretization"):
        DSS(**SHAPE, variant="exp", discretization="zoh")
    with pytest.raises(ValueError, match="init of DSS must have B = 1"):
        DSS(**SHAPE, length=9, init=(torch.zeros(3) + 0j, torch.full((3,), 2.0 + 0j)))


def test_a_guarded_reciprocal_is_finite_at_zero():
    begin = (torch.zeros(3) + 0j, torch.ones(3) + 0j)
    layer = DSS(**SHAPE, length=9, init=begin, dtype=torch.float64)
    layer(torch.ones(1, H, 9).double()).sum().backward()
    assert all(bool(p.grad.isfinite().all()) for p in layer.parameters())


@pytest.mark.parametrize("layer", [S4D, S4, partial(DSS, variant="exp"), S4DReal])
def test_a_state_is_a_layer_s_own(layer):
    layer = layer(**SHAPE)
    other = S4D(H, N + 2) if layer.state_form is S4D.state_form else S4(H, N + 2)
    with pytest.raises(ValueError, match="state must be this layer's own"):
        layer(torch.ones(2, H, 3), other.initial_state(2))
    swapped = S4(H, N) if layer.state_form is S4D.state_form else S4D(H, N)
    with pytest.raises(ValueError, match="state must be this layer's own"):
        layer.step(torch.ones(2, H), swapped.initial_state(2))


def test_bidirectional_has_no_step():
    for layer in (S4, partial(DSS, variant="exp"), S4DReal):
        layer = layer(**SHAPE, bidirectional=True)
        with pytest.raises(ValueError, match="bidirectional"):
            layer.step(torch.ones(1, H), layer.initial_state(1))


@pytest.mark.parametrize(
    ("layer", "options", "message"),
    [
        (S4, {"init": "lin"}, "goes with the schemes legs and fout only, not 'lin'"),
        (S4, {"init": (torch.zeros(3), torch.ones(3))}, "legs and fout only"),
        (S4, {"init": "fout", "real_transform": "exp"}, "cannot make the real part 0"),
        (S4D, {"init": "fout", "real_transform": "softplus"}, "the real part 0"),
        (S4D, {"init": "fout", "real_transform": "stable"}, "the real part 0"),
        (
            S4D,
            {"init": "real", "real_transform": "stable"},
            "at least -2",
        ),
        (S4D, {"n_ssm": 3}, "n_ssm must divide d_model, 4, got 3"),
        (S4D, {"n_ssm": 0}, "n_ssm must be at least 1"),
        (S4D, {"real_transform": "clip"}, "real_transform must be one of exp, free"),
        (S4D, {"frozen": ("C",)}, "frozen must be one of A, B, dt; got 'C'"),
        (S4DReal, {"init": "lin"}, "init of S4DReal must have real modes"),
    ],
)
def test_bad_options_are_refused(layer, options, message):
    with pytest.raises(ValueError, match=message):
        layer(**SHAPE, **options)


def test_frozen_is_a_tuple_of_names():
    with pytest.raises(TypeError, match="frozen must be a tuple of names, got 'A'"):
        S4D(**SHAPE, frozen="A")


@pytest.mark.parametrize("layer", [S4D, S4, partial(DSS, length=L), S4DReal])
def test_frozen_parts_are_buffers(layer):
    """Not counted, not trained, in the state dict, drawn anew alike; the same map."""
    trained, kept = layer(**SHAPE, seed=2), layer(**SHAPE, seed=2, frozen=("A", "dt"))
    parts = trained.ssm_names()
    names = {name for name in parts if parts[name] in ("A", "dt")}
    assert {name for name, _ in kept.named_buffers()} == names
    gone = set(dict(trained.named_parameters())) - set(dict(kept.named_parameters()))
    assert gone == names
    assert trained.state_dict().keys() == kept.state_dict().keys()
    u = torch.randn(2, H, L)
    assert torch.equal(trained(u), kept(u))
    kept.load_state_dict(layer(**SHAPE, seed=5).state_dict())
    kept.reset_parameters()
    assert torch.equal(trained(u), kept(u))


@pytest.mark.parametrize("n_ssm", [1, 2, 4])
def test_features_share_copies_in_turn(n_ssm):
    for layer in (S4D, S4):
        layer = layer(**SHAPE, n_ssm=n_ssm, dtype=torch.float64)
        with torch.no_grad():
            layer.A_im.add_(torch.arange(n_ssm)[:, None])
        alone = type(layer)(**SHAPE, dtype=torch.float64)
        alone.load_state_dict(
            {
                name: value[[h % n_ssm for h in range(H)]]
                if name[:2] in ("A_", "B_", "P_")
                else value
                for name, value in layer.state_dict().items()
            }
        )
        assert torch.equal(layer.kernel(9), alone.kernel(9))


@pytest.mark.parametrize("name", ["free", "relu"])
def test_a_real_part_of_zero_has_a_parameter(name):
    layer = S4D(**SHAPE, init="fout", real_transform=name)
    assert not layer.A.real.any()
    layer(torch.ones(1, H, L)).sum().backward()
    assert bool(layer.A_re.grad.any()) is (name == "free")


def test_the_transforms_invert():
    real = torch.tensor([-1e-6, -0.5, -3.0, -400.0], dtype=torch.float64)
    from ssmlib.layers import REAL_TRANSFORMS

    for name, transform in REAL_TRANSFORMS.items():
        own = real.clamp(min=transform.least)
        back = transform.value(transform.parameter(own))
        assert torch.allclose(back, own, rtol=1e-9), name


def test_equal_modes_give_a_real_and_a_complex_layer_one_power():
    """As many numbers, and outputs of one mean square, over 4,000 features."""
    options = {"d_model": 4000, "d_state": 8, "dt": 0.1, "skip": False}
    modes = -torch.arange(1, 9, dtype=torch.float64) + 0j
    real = S4DReal(**options, init=(modes, torch.ones(8)))
    twice = S4D(**options, init=(modes[:4], torch.ones(4)))
    count = [sum(p.numel() for p in layer.parameters()) for layer in (real, twice)]
    assert count[0] == count[1]
    assert float(real.C_re.square().mean()) == pytest.approx(1, abs=0.05)
    same = S4DReal(**options, init=(modes[:4].repeat(2), torch.ones(8)))
    power = [float(layer.kernel(50).square().mean()) for layer in (same, twice)]
    assert power[0] == pytest.approx(power[1], rel=0.1)


def test_weights_are_copied_in_by_name():
    """The authors' log_A_real is A_re under exp: the same kernel as the free one's."""
    free = S4D(**SHAPE, dtype=torch.float64)
    other = S4D(**SHAPE, dtype=torch.float64, real_transform="exp", seed=9)
    state = dict(free.state_dict())  # without the options that are stored beside it
    state["A_re"] = torch.log(-state["A_re"])
    other.load_state_dict(state)
    assert torch.allclose(other.kernel(30), free.kernel(30), rtol=1e-12)
    assert isinstance(other, nn.Module)

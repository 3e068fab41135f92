"""Input sampled at another rate or irregularly, against the matrix exponential."""

import math

import numpy as np
import pytest
import torch
from scipy.linalg import expm

from ssmlib.layers import DSS, LRU, S4, S4D, S5, DiagonalSSM, S4DReal

H, N, L = 3, 6, 20
OPTIONS = {"dtype": torch.float64, "dt": (0.05, 0.5)}
DIAGONAL = {
    "S4D": lambda **more: S4D(H, N, **OPTIONS | more),
    "undamped": lambda **more: S4D(H, N, init="fout", **OPTIONS | more),
    "n_ssm": lambda **more: S4D(H, N, n_ssm=1, **OPTIONS | more),
    "no skip": lambda **more: S4D(H, N, skip=False, **OPTIONS | more),
    "S4DReal": lambda **more: S4DReal(H, N, **OPTIONS | more),
    "DSS": lambda **more: DSS(H, N, variant="exp", **OPTIONS | more),
}
SHARED = {"S5": lambda **more: S5(H, N, **OPTIONS | more)}
TIMED = DIAGONAL | SHARED
LAYERS = TIMED | {"S4": lambda **more: S4(H, N, **OPTIONS | more)}
each_diagonal = pytest.mark.parametrize("make", DIAGONAL.values(), ids=DIAGONAL)
each_timed = pytest.mark.parametrize("make", TIMED.values(), ids=TIMED)
each_layer = pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)


def normal(*shape):
    generator = torch.Generator().manual_seed(sum(shape))
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def times(*shape):
    generator = torch.Generator().manual_seed(len(shape))
    gaps = 0.1 + 2 * torch.rand(shape, generator=generator, dtype=torch.float64)
    return gaps.cumsum(-1) - 3


def by_exponentials(layer, u, t):
    """Each mode by expm of [[A, B], [0, 0]], sequence by sequence, step by step."""
    A, B, C, dt = (part.detach() for part in (layer.A, layer.B, layer.C, layer.dt))
    y = torch.zeros_like(u)
    for b in range(len(u)):
        for h in range(H):
            for n in range(A.shape[1]):
                x, before = 0j, float(t[b, 0]) - 1
                both = np.array([[A[h, n].item(), B[h, n].item()], [0, 0]])
                for l in range(u.shape[-1]):
                    E = expm(both * float(dt[h]) * (float(t[b, l]) - before))
                    x, before = (
                        E[0, 0] * x + E[0, 1] * float(u[b, h, l]),
                        float(t[b, l]),
                    )
                    y[b, h, l] += 2 * (complex(C[h, n]) * x).real
    return y if layer.D is None else y + layer.D.detach().unsqueeze(-1) * u


def near(found, exact):
    """In float64, in other orders of operations."""
    return torch.allclose(found, exact, rtol=1e-9, atol=1e-9)


@each_diagonal
def test_irregular_times_are_the_matrix_exponential(make):
    layer, u, t = make(), normal(2, H, L), times(2, L)
    assert near(layer(u, timestamps=t), by_exponentials(layer, u, t))


def test_irregular_times_of_a_shared_state_are_the_matrix_exponential():
    layer, u, t = SHARED["S5"](), normal(2, H, L), times(2, L)
    p = {name: value.detach() for name, value in layer.named_parameters()}
    A, B, C = (torch.complex(p[f"{k}_re"], p[f"{k}_im"]).numpy() for k in "ABC")
    dt, y = np.exp(p["log_dt"].numpy()), p["D"].unsqueeze(-1) * u
    for b in range(2):
        x, before = np.zeros(N // 2, complex), float(t[b, 0]) - 1
        for l in range(L):
            gap, v = float(t[b, l]) - before, B @ u[b, :, l].numpy()
            for n in range(N // 2):
                E = expm(np.array([[A[n], v[n]], [0, 0]]) * dt[n] * gap)
                x[n] = E[0, 0] * x[n] + E[0, 1]
            before = float(t[b, l])
            y[b, :, l] += torch.from_numpy(2 * (C @ x).real)
    assert near(layer(u, timestamps=t), y)


@each_layer
@pytest.mark.parametrize("discretization", ["zoh", "bilinear"])
def test_a_scale_is_a_factor_of_dt(make, discretization):
    if discretization == "bilinear" and isinstance(make(), DSS):
        pytest.skip("DSS has no discretization")
    more = {} if discretization == "zoh" else {"discretization": discretization}
    layer, other, u = make(**more), make(**more), normal(2, H, L)
    with torch.no_grad():
        other.log_dt += math.log(0.5)
    assert near(layer(u, step_scale=0.5), other(u))
    assert near(layer(u, step_scale=1.0), layer(u))
    state = layer(u, layer.initial_state(2))[1]
    for found, exact in zip(
        layer(u, state, step_scale=0.5), other(u, state), strict=True
    ):
        assert near(found, exact)


@each_timed
@pytest.mark.parametrize("discretization", ["zoh", "bilinear"])
def test_regular_times_are_a_scale(make, discretization):
    if discretization == "bilinear" and isinstance(make(), DSS):
        pytest.skip("DSS has no discretization")
    more = {} if discretization == "zoh" else {"discretization": discretization}
    layer, u = make(**more), normal(2, H, L)
    steps = torch.arange(L)
    assert near(layer(u, timestamps=steps), layer(u))
    scaled = layer(u, step_scale=0.3)
    assert near(layer(u, timestamps=steps, step_scale=0.3), scaled)
    later = 0.3 * torch.arange(L, dtype=torch.float64)
    u = u.clone()
    u[..., 0] = 0  # the first step is one whole step long
    assert near(layer(u, timestamps=later), layer(u, step_scale=0.3))


@pytest.mark.parametrize("kind", ["S4D", "S5"])
def test_a_bidirectional_layer_has_a_scale(kind):
    layer, other = (TIMED[kind](bidirectional=True) for _ in range(2))
    with torch.no_grad():
        other.log_dt += math.log(2)
    assert near(layer(normal(2, H, L), step_scale=2), other(normal(2, H, L)))


@each_timed
def test_a_split_sequence_is_the_sequence(make):
    layer, u, t = make(), normal(2, H, L), times(L)
    whole = layer(u, timestamps=t)
    first, state = layer(u[..., :9], layer.initial_state(2), timestamps=t[:9])
    # The second part begins one step after the last time of the first.
    t = torch.cat([t[:9], t[9:] - t[9] + t[8] + 1])
    second, after = layer(u[..., 9:], state, timestamps=t[9:])
    again, own = layer(u, layer.initial_state(2), timestamps=t)
    assert near(torch.cat([first, second], -1), again)
    assert near(after, own)
    assert near(first, whole[..., :9])


@pytest.mark.parametrize("kind", ["S4D", "S5"])
def test_gradients_are_those_of_differences(kind):
    layer = TIMED[kind]()
    u, t = normal(2, H, 5).requires_grad_(), times(2, 5).requires_grad_()
    assert torch.autograd.gradcheck(lambda u, t: layer(u, timestamps=t), (u, t))
    assert torch.autograd.gradcheck(lambda u: layer(u, step_scale=0.5), (u,))


def test_a_nan_stays_in_its_sequence_and_feature():
    layer, u = DIAGONAL["S4D"](), normal(2, H, L)
    clean = layer(u, timestamps=times(L))
    u[0, 1, 7] = math.nan
    for options in ({"timestamps": times(L)}, {"step_scale": 0.5}):
        y, state = layer(u, layer.initial_state(2), **options)
        bad = y.isnan()
        assert bad[0, 1, 7:].all()
        assert bad.sum() == L - 7
        assert state.isnan().any(-1).tolist() == [[False, True, False], [False] * 3]
    assert near(layer(u, timestamps=times(L))[1], clean[1])


def test_a_nan_stays_in_its_sequence_of_a_shared_state():
    layer, u = SHARED["S5"](), normal(2, H, L)
    u[0, 1, 7] = math.nan
    for options in ({"timestamps": times(L)}, {"step_scale": 0.5}):
        y, state = layer(u, layer.initial_state(2), **options)
        assert y[0, :, 7:].isnan().all()
        assert y.isnan().sum() == H * (L - 7)
        assert state.isnan().all(-1).tolist() == [True, False]


def test_float32_has_its_dtype():
    layer, u = S4D(H, N), normal(2, H, L).float()
    exact = layer.double()(u.double(), timestamps=times(L))
    found = layer.float()(u, timestamps=times(L))
    assert found.dtype == torch.float32
    assert torch.allclose(found.double(), exact, rtol=0, atol=1e-5)  # inputs rounded


class Own(DiagonalSSM):
    def initial_values(self, generator):
        return {"rate": torch.rand(self.d_model, 4, generator=generator).double()}

    def modes(self):
        rate = torch.complex(-self.rate, self.rate)
        return rate, rate, rate


class Changed(S4D):
    def modes(self):
        log_A_bar, B_bar, C = super().modes()
        return log_A_bar, 2 * B_bar, C


class ChangedShared(S5):
    def modes(self):
        log_A_bar, B_bar, C = super().modes()
        return log_A_bar, 2 * B_bar, C


U = normal(2, H, L).float()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: S4D(H)(U, step_scale=0.0), ValueError, "step_scale must be positive"),
        (lambda: S4D(H)(U, step_scale=-1), ValueError, "step_scale must be positive"),
        (lambda: S4D(H)(U, step_scale="a"), TypeError, "step_scale must be a real"),
        (lambda: S4D(H)(U, timestamps=[1.0]), TypeError, "timestamps must be a tens"),
        (
            lambda: S4D(H)(U, timestamps=times(L) + 0j),
            TypeError,
            "timestamps must be real",
        ),
        (
            lambda: S4D(H)(U, timestamps=times(L + 1)),
            ValueError,
            "timestamps must have shape",
        ),
        (
            lambda: S4D(H)(U, timestamps=times(L).flip(0)),
            ValueError,
            "timestamps must increase from step to step",
        ),
        (
            lambda: S4D(H)(U, timestamps=0 * times(L)),
            ValueError,
            "timestamps must increase from step to step",
        ),
        (
            lambda: S4D(H)(U, timestamps=times(L) / 0),
            ValueError,
            "timestamps must be finite",
        ),
        (
            lambda: S4D(H, bidirectional=True)(U, timestamps=times(L)),
            ValueError,
            "timestamps go with a causal layer",
        ),
        (
            lambda: S4(H, N)(U, timestamps=times(L)),
            ValueError,
            "timestamps need a diagonal layer",
        ),
        *(
            (call, ValueError, "needs? a (diagonal )?layer whose modes")
            for make in (
                lambda: DSS(H, N, length=L),
                lambda: Own(H, N),
                lambda: Changed(H, N),
                lambda: ChangedShared(H, N),
                lambda: LRU(H, N),  # its poles are not those of a time per step
            )
            for call in (
                lambda make=make: make()(U, step_scale=0.5),
                lambda make=make: make()(U, timestamps=times(L)),
            )
        ),
        (
            lambda: S4D(H)(U, S4D(H).initial_state(3), step_scale=0.5),
            ValueError,
            "state must be this layer's own",
        ),
    ],
)
def test_bad_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call()

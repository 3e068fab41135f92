import math
from itertools import pairwise

import mpmath
import pytest
import torch

from ssmlib.initialization import initialize, lattice, window_spacing
from ssmlib.tasks.delay import block_weights
from ssmlib.theory import conditioning, learning


def problem(L=60, m=5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    F = torch.randn(L, m, generator=generator, dtype=torch.float64)
    F = F * torch.logspace(0, -1, m, dtype=torch.float64)
    return F, torch.randn(L, generator=generator, dtype=torch.float64)


def descend(F, target, steps):
    """Plain gradient descent on |F c - t|^2 / 2, errors after each step."""
    G = F.mT @ F
    rate = 1 / torch.linalg.eigvalsh(G)[-1]
    c, errors = torch.zeros(F.shape[1], dtype=torch.float64), []
    for _ in range(steps + 1):
        residual = F @ c - target
        errors.append(float(residual.square().sum() / target.square().sum()))
        c = c - rate * F.mT @ residual
    return errors


def test_descent_error_is_gradient_descent():
    F, target = problem()
    steps = torch.tensor([0, 1, 10, 100])
    expected = [descend(F, target, 100)[int(k)] for k in steps]
    assert learning.descent_error(F, target, steps).tolist() == pytest.approx(expected)


def test_excess_is_error_above_the_least():
    F, target = problem()
    G, g = F.mT @ F, F.mT @ target
    best = torch.linalg.solve(G, g)
    for steps in (0, 3, 50):
        error = learning.descent_error(F, target, steps) - learning.least_error(
            F, target
        )
        excess = learning.descent_excess(G, best, steps) / target.square().sum()
        assert float(excess) == pytest.approx(float(error), rel=1e-9)


def test_least_error_is_least_squares():
    F, target = problem()
    residual = target - F @ torch.linalg.lstsq(F, target).solution
    expected = residual.square().sum() / target.square().sum()
    assert learning.least_error(F, target) == pytest.approx(float(expected))


def test_recovery_is_the_share_of_variance_explained():
    """Regression of x_{L-s} on the state, over samples; the sum is the rank."""
    F, _ = problem(L=30)
    x = torch.randn(200_000, 30, generator=torch.Generator().manual_seed(1)).double()
    state = x @ F  # lag s in column s
    found = learning.recovery(F)
    assert float(found.sum()) == pytest.approx(5)
    for s in (0, 7):
        fit = state @ torch.linalg.lstsq(state, x[:, s]).solution
        assert float(fit.var() / x[:, s].var()) == pytest.approx(
            float(found[s]), abs=0.01
        )


@pytest.mark.parametrize("noise", [1e-4, 0.1, 3.0])
def test_recovery_with_noise_is_that_of_the_best_readout_of_noisy_states(noise):
    """Least squares on simulated states, and the ridge regression in closed form."""
    F, _ = problem(L=30)
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(200_000, 30, generator=generator).double()
    variance = noise * F.square().sum() / F.shape[1]
    state = x @ F
    added = torch.randn(state.shape, generator=generator).double()
    state = state + variance.sqrt() * added
    found = learning.recovery_with_noise(F, noise)
    for s in (0, 7):
        fit = state @ torch.linalg.lstsq(state, x[:, s]).solution
        assert float(fit.var() / x[:, s].var()) == pytest.approx(
            float(found[s]), abs=0.01
        )
    ridge = F.mT @ F + variance * torch.eye(F.shape[1])
    exact = (F * torch.linalg.solve(ridge, F.mT).mT).sum(1)
    assert torch.allclose(found, exact, rtol=1e-9)


def test_recovery_with_little_noise_is_recovery():
    F, _ = problem(L=30)
    few = learning.recovery_with_noise(F, 1e-12)
    assert torch.allclose(few, learning.recovery(F), atol=1e-6)
    assert float(learning.recovery_with_noise(F, 1e12).max()) < 1e-9


def recalled(A, dt):
    """The share of a token 40 of 64 steps back, the mean over timescales near dt."""
    near = dt * 2 ** torch.linspace(-0.25, 0.25, 33).double()
    shares = [
        learning.recovery_with_noise(
            conditioning.features(A(float(own)), float(own), 64, readout="complex"),
            noise=1e-2,
        )[40]
        for own in near
    ]
    return float(torch.stack(shares).mean())


@pytest.mark.parametrize("name", ["lin", "legs", "grid"])
def test_a_mean_share_with_noise_moves_little_with_the_timescale(name):
    """By less than 0.02 per percent, over timescales within a quarter octave. At one
    timescale S4D-Lin's share is as steep as its aliases: a kernel of period 2 / dt
    equal to a whole number of steps confuses two lags."""

    def A(dt):
        if name == "grid":
            return lattice(32, window_spacing(dt, 64), real=0.0)
        return initialize(name, 64)[0]

    places = [recalled(A, 0.119 * 1.01**k) for k in range(-2, 3)]
    assert max(abs(b - a) for a, b in pairwise(places)) < 0.02
    wanted = {"lin": 0.33, "legs": 0.37, "grid": 63 / 64 / (1 + 0.01)}[name]
    assert places[2] == pytest.approx(wanted, abs=0.02)


def test_recovery_with_noise_is_continuous_where_a_cut_is_not():
    """The faintest of three directions passes through the cut."""
    F = torch.eye(4, 3, dtype=torch.float64)
    faint, fainter = F.clone(), F.clone()
    faint[2, 2], fainter[2, 2] = 1.001e-3, 0.999e-3
    gap = learning.recovery(faint, 1e-3) - learning.recovery(fainter, 1e-3)
    assert float(gap.abs().max()) == 1.0
    own = [learning.recovery_with_noise(f, 1e-6) for f in (faint, fainter)]
    assert float((own[0] - own[1]).abs().max()) < 1e-3


def test_undamped_grid_remembers_all_lags_alike():
    L, dt = 128, 0.1
    v = 2 * math.pi / (dt * L) * torch.arange(10, dtype=torch.float64)
    A = torch.complex(torch.zeros_like(v), v)
    F = conditioning.features(A, dt, L, readout="complex")
    expected = torch.full((L,), 19 / L, dtype=torch.float64)
    assert torch.allclose(learning.recovery(F), expected, rtol=1e-9)


@pytest.mark.parametrize("a", [0.0, 0.5])
def test_recovery_is_bounded_by_the_least_eigenvalue(a):
    L, dt, m = 256, 1 / 16, 8
    v = math.pi * torch.arange(m, dtype=torch.float64)
    A = torch.complex(torch.full_like(v, -a), v)
    F = conditioning.features(A, dt, L, readout="complex")
    least = torch.linalg.eigvalsh(F.mT @ F)[0]
    lags = torch.arange(L, dtype=torch.float64)
    bound = m * dt**2 * torch.exp(-2 * a * dt * lags) / least
    assert bool((learning.recovery(F) <= bound * (1 + 1e-9)).all())


# L, frequencies, dt, real part: least error, error after 1000 steps
BLOCK_COPY = [
    (1024, "lin", "1/sqrt L", 0.5, 1.000, 1.000),
    (1024, "lin", "1/sqrt L", 0.0, 0.875, 0.875),
    (1024, "grid", "1/sqrt L", 0.5, 0.426, 1.000),
    (1024, "grid", "1/sqrt L", 0.0, 0.025, 0.025),
    (4096, "grid", "1/sqrt L", 0.5, 1.000, 1.000),
    (4096, "grid", "1/sqrt L", 0.0, 0.025, 0.025),
    (1024, "grid", "1/L", 0.5, 0.032, 0.032),
    (1024, "grid", "1/L", 0.0, 0.025, 0.025),
    (1024, "lin", "1/L", 0.5, 0.018, 0.024),
    (1024, "lin", "1/L", 0.0, 0.018, 0.023),
]


@pytest.mark.parametrize(("L", "name", "rule", "a", "least", "after"), BLOCK_COPY)
def test_block_copy(L, name, rule, a, least, after):
    dt = L**-0.5 if rule == "1/sqrt L" else 1 / L
    gap = math.pi if name == "lin" else 2 * math.pi / (dt * L)
    v = gap * torch.arange(32, dtype=torch.float64)
    A = torch.complex(torch.full_like(v, -a), v)
    F = conditioning.features(A, dt, L, readout="complex")
    target = block_weights(L, L // 8)
    assert learning.least_error(F, target) == pytest.approx(least, abs=6e-4)
    error = float(learning.descent_error(F, target, 1000))
    assert error == pytest.approx(after, abs=6e-4)


def two_modes(centre, gap):
    v = torch.tensor([centre - gap / 2, centre + gap / 2], dtype=torch.float64)
    return torch.complex(torch.full_like(v, -0.5), v)


@pytest.mark.parametrize("d", [0.05, 0.2, 1.0])
def test_two_mode_condition(d):
    found = conditioning.condition_number(conditioning.gram(two_modes(1e4, d)))
    assert found == pytest.approx(learning.two_mode_condition(d), rel=1e-6)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("e", [0.05, 0.5])
@pytest.mark.parametrize("d", [0.05, 0.2, 1.0, 2.3])
def test_two_mode_error_against_the_gram_matrix(d, e, sign):
    both = torch.cat([two_modes(1e4, d), two_modes(1e4, e)])
    whole = conditioning.gram(both)
    s = torch.tensor([1.0, sign], dtype=torch.float64)
    G, g, size = whole[:2, :2], whole[:2, 2:] @ s, s @ whole[2:, 2:] @ s
    expected = float(1 - g @ torch.linalg.solve(G, g) / size)
    assert learning.two_mode_error(d, e, sign) == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("d", [1e-60, 1e-30, 1e-8, 1e-3, 0.3, 1.0, 40.0, 1e8, 1e60])
def test_two_mode_error_has_all_its_digits(d, sign):
    """Against its definition in 700 digits, where 1 minus a cosine would cancel."""
    for e in (d, d * (1 - 1e-14), d / 0.9, d / 3, 1e-60, 1e-3, 2.0, 1e60):
        e = min(max(e, 1e-60), 1e60)
        with mpmath.workdps(700):
            p, q = mpmath.mpf(d), mpmath.mpf(e)
            near, far = 1 + ((p - q) / 2) ** 2, 1 + ((p + q) / 2) ** 2
            met = (near + far if sign == 1 else p * q) / (2 * near * far)
            own = [(v**2 + (1 + sign)) / (2 * (1 + v**2)) for v in (p, q)]
            exact = float(1 - met**2 / own[0] / own[1])
        found = learning.two_mode_error(d, e, sign)
        assert found == pytest.approx(exact, rel=4e-15, abs=0)


# steps: best gap, total error there, at the target's gap, at 2.3
BUDGETS = {
    30: (0.44, 0.0155, 0.928, 0.78),
    100: (0.28, 0.0025, 0.779, 0.78),
    1000: (0.11, 4.0e-5, 0.082, 0.78),
    10000: (0.05, 1.4e-11, 1.4e-11, 0.78),
}


@pytest.mark.parametrize("steps", BUDGETS)
def test_total_error_is_u_shaped_until_matching_pays(steps):
    e, sign = 0.05, torch.tensor([1.0, -1.0], dtype=torch.float64)

    def total(d):
        whole = conditioning.gram(torch.cat([two_modes(1e4, d), two_modes(1e4, e)]))
        G, g = whole[:2, :2], whole[:2, 2:] @ sign
        best = torch.linalg.solve(G, g)
        size = sign @ whole[2:, 2:] @ sign
        excess = learning.descent_excess(G, best, steps) / size
        return learning.two_mode_error(d, e, -1) + float(excess)

    gaps = torch.logspace(math.log10(e), math.log10(3), 400).tolist()
    errors = [total(d) for d in gaps]
    best, least, matched, apart = BUDGETS[steps]
    k = min(range(len(errors)), key=errors.__getitem__)
    assert gaps[k] == pytest.approx(best, abs=6e-3)
    assert errors[k] == pytest.approx(least, rel=0.03)
    assert total(e) == pytest.approx(matched, rel=0.01)
    assert total(2.3) == pytest.approx(apart, abs=5e-3)
    assert (0 < k < len(errors) - 1) == (steps <= 1000)


def test_two_mode_table():
    found = [learning.two_mode_error(d, 0.05, 1) for d in (0.05, 0.2, 0.5, 1, 2.3)]
    assert found == pytest.approx([0, 4.2e-4, 1.5e-2, 0.1458, 0.68], rel=0.03, abs=1e-9)
    forced = [learning.two_mode_error(2.3, e, -1) for e in (0.05, 0.5)]
    assert forced == pytest.approx([0.783, 0.726], abs=5e-4)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: learning.recovery(torch.ones(3)), r"F must be real, \(L, m\)"),
        (
            lambda: learning.recovery_with_noise(torch.ones(3, 2), 0),
            "noise must be positive and finite, got 0",
        ),
        (lambda: learning.two_mode_error(0.1, 0.1, 0), "sign must be 1 or -1"),
        (lambda: learning.two_mode_error(-0.1, 0.1, 1), "d must be positive"),
        (lambda: learning.two_mode_condition(0), "d must be positive"),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()

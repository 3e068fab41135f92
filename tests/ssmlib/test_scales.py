"""Sums and squares of data: in any dtype, and near both ends of float64's range."""

import math
from functools import partial

import numpy as np
import pytest
import torch

from ssmlib import autocorrelation as ac
from ssmlib import curves, inputs, statistics, uncertainty
from ssmlib.initialization import Initialization
from ssmlib.recommend import recommend
from ssmlib.tasks import images, own, pathfinder
from ssmlib.tasks.series import forecast_of
from ssmlib.theory import conditioning, learning, memory, timescale
from ssmlib.training.grid import Configuration
from tests.ssmlib import calls

X = calls.X
NARROW = (torch.float32, torch.float16, torch.bfloat16)
#: data to the power of two: the second moment of the last four leaves float64
SCALES = [2.0**-1030, 2.0**-670, 2.0**-505, 2.0**500, 2.0**670, 2.0**1015]


@pytest.mark.parametrize("dtype", NARROW)
@pytest.mark.parametrize("mean", [0.0, 100.0])
def test_moments_are_summed_in_float64(dtype, mean):
    """Of many draws with a mean; the result is rounded once, to x's dtype."""
    generator = torch.Generator().manual_seed(0)
    x = (torch.randn(300_000, 4, generator=generator) + mean).to(dtype)
    wide = x.double()
    exact = wide.mT @ wide / len(x)
    assert torch.equal(ac.second_moment(x), exact.to(dtype))
    assert torch.equal(ac.toeplitz_moment(x), ac.toeplitz_moment(wide).to(dtype))
    top = float(torch.linalg.eigvalsh(exact)[-1])
    assert ac.largest_eigenvalue(x) == pytest.approx(top, rel=1e-12)
    assert ac.timescale(x) == pytest.approx(1 / math.sqrt(4 * top), rel=1e-12)
    if mean == 0:
        assert torch.equal(ac.standardize(x), ac.standardize(wide).to(dtype))


def test_blocks_add_up(monkeypatch):
    x = X.float()
    exact = [f(x) for f in (ac.second_moment, ac.toeplitz_moment, ac.standardize)]
    monkeypatch.setattr(ac, "_BLOCK", 30)  # two rows
    found = [f(x) for f in (ac.second_moment, ac.toeplitz_moment, ac.standardize)]
    for one, other in zip(exact, found, strict=True):
        assert torch.allclose(one, other, rtol=1e-6)


def test_a_constant_sequence_of_float32_is_constant():
    """In float32 its mean is off by rounding, of which a sequence would be made."""
    with pytest.raises(ValueError, match="no constant sequence"):
        ac.standardize(torch.full((1, 1001), 0.1))


@pytest.mark.parametrize("scale", SCALES)
def test_what_has_no_square_in_it_follows_the_scale(scale):
    assert torch.allclose(ac.standardize(X * scale), ac.standardize(X), rtol=1e-2)
    mixed = torch.cat([X, X * scale])
    both = ac.standardize(mixed)
    assert torch.allclose(both[:40], both[40:], rtol=1e-2, atol=1e-6)
    if scale > 2.0**-1000:
        assert ac.timescale(X * scale) * scale == pytest.approx(ac.timescale(X))
    else:
        with pytest.raises(ValueError, match=r"dt of x must be within float64's range"):
            ac.timescale(X * scale)


MOMENTS = {
    "second_moment": lambda x: ac.second_moment(x)[0, 0],
    "toeplitz_moment": lambda x: ac.toeplitz_moment(x)[0],
    "largest_eigenvalue": ac.largest_eigenvalue,
    "of windows": lambda x: ac.largest_eigenvalue(ac.windows(x.flatten(), 12)),
    "by Lanczos": lambda x: ac.largest_eigenvalue(x.repeat(30, 100)),
    "of few": lambda x: ac.largest_eigenvalue(x[:5]),
}


@pytest.mark.parametrize("name", MOMENTS)
@pytest.mark.parametrize("scale", SCALES)
def test_squares_follow_the_scale_or_are_refused(name, scale):
    if 2.0**-510 < scale < 2.0**510:
        found = float(MOMENTS[name](X * scale)) / scale / scale
        assert found == pytest.approx(float(MOMENTS[name](X)), rel=1e-7)
    else:
        with pytest.raises(ValueError, match=r"of x must be within float64's range"):
            MOMENTS[name](X * scale)


def test_a_moment_beyond_its_own_dtype_is_refused():
    for dtype, scale in ((torch.float16, 300.0), (torch.float32, 1e-20)):
        x = (X * scale).to(dtype)
        for moment in (ac.second_moment, ac.toeplitz_moment):
            with pytest.raises(ValueError, match="or convert it to float64"):
                moment(x)


@pytest.mark.parametrize("size", [3, 200, 600])
def test_largest_eigenvalues_of_extreme_moments(size):
    """Zero, one direction, the identity; in blocks and by Lanczos."""
    zero, one = torch.zeros(size), torch.ones(size).double()
    first = torch.eye(size).double()[0]
    for shape in (zero, torch.outer(zero, zero)):
        assert ac.moment_largest_eigenvalue(shape) == 0
    assert ac.largest_eigenvalue(torch.zeros(1100, 1030)) == 0
    for scale in (1e-300, 1.0, 1e300):
        for row, top in ((one, size), (first, 1)):
            found = ac.moment_largest_eigenvalue(row * scale)
            assert found == pytest.approx(top * scale, rel=1e-7)
    if size > 3:
        with pytest.raises(ValueError, match="lambda_max of R must be within"):
            ac.moment_largest_eigenvalue(one * 1e307)


@pytest.mark.parametrize("scale", [1e-300, 1e-200, 1e150, 1e300])
def test_statistics_follow_the_scale(scale):
    draws = np.array(calls.DRAWS)
    for make in (
        statistics.mean,
        lambda a: statistics.paired(a, a[::-1] / 2),
        lambda a: statistics.bootstrap(np.mean, a),
        lambda a: statistics.slope(calls.GRID, a[:9]),
    ):
        one, other = make(draws), make(draws * scale)
        assert other.value == pytest.approx(one.value * scale, rel=1e-9, abs=1e-320)
        assert other.se == pytest.approx(one.se * scale, rel=1e-9, abs=1e-320)
    if 1e-200 <= scale <= 1e150:
        steep = statistics.slope(calls.GRID * scale, draws[:9])
        flat = statistics.slope(calls.GRID, draws[:9])
        assert steep.value * scale == pytest.approx(flat.value)
        assert steep.p == pytest.approx(flat.p)
    both = statistics.slope(calls.GRID * scale, draws[:9] * scale)
    alike = statistics.slope(calls.GRID, draws[:9])
    assert both.value == pytest.approx(alike.value)
    assert both.se == pytest.approx(alike.se)


@pytest.mark.parametrize("of_x", [1e-300, 1.0, 1e100, 1e300])
@pytest.mark.parametrize("of_y", [1e-300, 1.0, 1e100])
def test_curves_follow_their_scales(of_x, of_y):
    x, y = calls.GRID * of_x, calls.CURVES * of_y
    found = curves.minimum(x, y, of_x) / of_x
    assert found == pytest.approx(curves.minimum(calls.GRID, calls.CURVES, 1.0))
    if of_y == 1:  # `curves.NEAR` is no share of a scale
        low, high = curves.edges(x, y, 0.1)
        assert (low / of_x, high / of_x) == pytest.approx(
            curves.edges(calls.GRID, calls.CURVES, 0.1)
        )
        assert curves.cost(x, y, of_x) == pytest.approx(
            curves.cost(calls.GRID, calls.CURVES, 1.0)
        )


@pytest.mark.parametrize("far", [1e7, 1e12, 1e30, 1e300, math.inf])
def test_a_point_far_above_costs_the_others_no_digits(far):
    x, y = np.arange(8.0), np.array([far, 0.5, 0.1, 0.02, 0, 0.05, 0.15, far])
    assert curves.edges(x, y, 0.1) == pytest.approx((2, 5.5), abs=1e-12)
    assert curves.cost(x, y, 2.0) == pytest.approx(0.1, abs=1e-12)


@pytest.mark.parametrize("scale", [2.0**-900, 2.0**-300, 2.0**300, 2.0**900])
def test_theory_follows_the_scale(scale):
    A, B, R, root = calls.A, calls.B, calls.ROW, math.sqrt(scale)
    for function in (
        timescale.output_energy,
        timescale.bound,
        timescale.damped_bound,
    ):
        one = function(A, 0.1, R, B=B)
        assert torch.allclose(function(A, 0.1, R * scale, B=B), one * scale)
        assert torch.allclose(function(A, 0.1, R, B=B * root), one * scale)
        # B against R: both are far from 1, and the energy is not.
        assert torch.allclose(function(A, 0.1, R * scale, B=B / root), one)
    found = timescale.critical_dt(calls.UNDAMPED, R * scale, 1.0 * scale)
    assert found == pytest.approx(timescale.critical_dt(calls.UNDAMPED, R), rel=1e-10)
    states = torch.complex(X, X)
    level = torch.ones(2).double()
    assert torch.allclose(
        timescale.tail_probability(states * scale, level * scale),
        timescale.tail_probability(states, level),
    )
    G = conditioning.gram(A)
    one = conditioning.condition_number(G)
    assert conditioning.condition_number(G * scale) == pytest.approx(one, rel=1e-9)
    target = X[:, 0] ** 2
    for F, t in ((X * scale, target), (X, target * scale)):
        assert learning.least_error(F, t) == pytest.approx(
            learning.least_error(X, target)
        )
        assert torch.allclose(
            learning.descent_error(F, t, 10), learning.descent_error(X, target, 10)
        )
    assert torch.allclose(learning.recovery(X * scale), learning.recovery(X))
    one = learning.recovery_with_noise(X, 0.1)
    assert torch.allclose(learning.recovery_with_noise(X * scale, 0.1), one)
    one = learning.descent_excess(G, A.imag, 10)
    assert torch.allclose(learning.descent_excess(G * scale, A.imag, 10), one * scale)
    POLES = calls.POLES
    one = memory.coloured_memory_function(POLES, R)
    assert torch.allclose(memory.coloured_memory_function(POLES, R * scale), one)
    weights = B * torch.tensor([1, scale, 1 / scale], dtype=X.dtype)
    assert memory.effective_capacity(POLES, weights, 1e-3) == pytest.approx(
        memory.effective_capacity(POLES, B, 1e-3)
    )
    dense = torch.diag(POLES)
    assert memory.effective_capacity(dense, B * scale, 1e-3) == pytest.approx(
        memory.effective_capacity(dense, B, 1e-3)
    )
    assert torch.allclose(
        memory.fisher_memory(POLES, B * scale, 9), memory.fisher_memory(POLES, B, 9)
    )


@pytest.mark.parametrize("dt", [1e-200, 1e-160])
def test_an_energy_that_float64_does_not_hold_is_refused(dt):
    with pytest.raises(ValueError, match="the output energy must be within"):
        timescale.output_energy(calls.A, dt, calls.ROW)
    found = timescale.output_energy(calls.A, dt, calls.ROW, B=calls.B * (1 / dt))
    limit = timescale.output_energy(0 * calls.A, 1.0, calls.ROW, B=calls.B)
    assert float(found) == pytest.approx(float(limit))


def test_close_frequencies_lose_no_digits():
    """1 - met^2 / norm was 0 / 0 at 1e-9, and wrong in its first digit at 1e-7."""
    wide = learning.two_mode_error(1e-3, 2e-3, -1)
    for d in (1e-7, 1e-9, 1e-30):
        found = learning.two_mode_error(d, 2 * d, -1)
        assert 0 <= found <= wide < 1e-5
    for bad in (1e-200, 1e200):
        with pytest.raises(ValueError, match="d must be"):
            learning.two_mode_error(bad, 1.0, 1)
    with pytest.raises(ValueError, match=r"d must be at least 1.1e-154"):
        learning.two_mode_condition(1e-200)
    with pytest.raises(ValueError, match="delta must be"):
        conditioning.lattice_condition(1e-3)
    with pytest.raises(ValueError, match="delta and a must"):
        conditioning.separation_bound(1e-200)


@pytest.mark.parametrize("scale", [1e-150, 1e-80, 1e80, 1e150])
def test_the_loss_of_a_layer_follows_the_scale(scale):
    """Weights and teacher together; its gradients too, beyond their squares."""
    given = calls.POLES, calls.B, calls.ROW
    scaled = given[0], given[1] * scale, given[2] * scale
    loss = learning.population_loss(*given)
    assert float(learning.population_loss(*scaled)) / scale / scale == pytest.approx(
        float(loss)
    )
    one, other = learning.loss_gradient(*given), learning.loss_gradient(*scaled)
    assert torch.allclose(other[0] / scale, one[0])
    assert torch.allclose(other[1] / scale / scale, one[1])


@pytest.mark.parametrize("scale", [1e-170, 1e-300, 1e155, 1e300])
def test_a_loss_that_float64_does_not_hold_is_refused(scale):
    scaled = calls.POLES, calls.B * scale, calls.ROW * scale
    with pytest.raises(ValueError, match=r"loss (must be )?within float64's range"):
        learning.population_loss(*scaled)
    with pytest.raises(ValueError, match="the gradient to eigenvalues must be within"):
        learning.loss_gradient(*scaled)
    zero = learning.population_loss(*(calls.POLES, 0 * calls.B, 0 * calls.ROW))
    assert float(zero) == 0


@pytest.mark.parametrize(
    "function", [timescale.output_energy, timescale.bound, timescale.damped_bound]
)
def test_an_energy_that_underflows_is_refused(function):
    tiny = 1e-300
    for arguments in (
        {"R": calls.ROW * tiny, "dt": tiny},
        {"R": calls.ROW * tiny, "B": calls.B * tiny},
        {"dt": tiny, "B": calls.B * tiny},
    ):
        with pytest.raises(ValueError, match="must be within float64's range"):
            function(**{"A": calls.A, "dt": 0.1, "R": calls.ROW} | arguments)
    assert float(function(calls.A, 0.1, 0 * calls.ROW)) == 0


@pytest.mark.usefixtures("few_draws")
@pytest.mark.parametrize("scale", [1e-99, 1e-90, 1e-77, 1e-6, 1e6, 1e77, 1e90, 1e98])
@pytest.mark.parametrize("x", [X, ac.windows(X.flatten(), 400)[0]], ids=["2", "1"])
def test_intervals_follow_the_scale(x, scale):
    x = x.double() / x.abs().max()
    ask = (
        uncertainty.of_sequences if x.ndim == 2 else partial(uncertainty.of_series, L=8)
    )
    one, other = ask(x), ask(x * scale)
    for name in ("plain", "estimate", "low", "high"):
        expected = getattr(one, name) * scale * scale
        assert getattr(other, name) == pytest.approx(expected, rel=1e-9, abs=0)
    assert other.doubts == one.doubts
    advice = recommend(x * scale, 8 if x.ndim == 1 else None, raw=True)
    plain = recommend(x, 8 if x.ndim == 1 else None, raw=True)
    assert advice.dt * scale == pytest.approx(plain.dt, rel=1e-9)


@pytest.mark.usefixtures("few_draws")
@pytest.mark.parametrize("constant", [5e-324, 1e-320, 1e-305, 1e306, 1.7e308])
def test_a_dt_that_no_layer_could_have_is_refused(constant):
    with pytest.raises(ValueError, match=r"constant must give a dt in 1e-300 .. 1e300"):
        recommend(X.flatten().double(), 8, constant=constant)


@pytest.mark.usefixtures("few_draws")
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("scale", [1e300, 1e306, 3e307, 1.7e308])
def test_the_largest_numbers_leak_no_warning(scale, tmp_path):
    x = X.flatten().double()
    x = x / x.abs().max()
    advice = recommend(x * scale, 8)
    assert advice.dt == pytest.approx(recommend(x, 8).dt)
    assert not advice.warnings
    spiked = torch.cat([x / 100 * scale, x.new_tensor([scale])])
    assert "It looks like an error" in " ".join(recommend(spiked, 8).warnings)
    table = tmp_path / "a.csv"
    table.write_text("\n".join(map(repr, (x * scale).tolist())), encoding="utf-8")
    assert torch.equal(own.load(str(table)), x * scale)


@pytest.mark.parametrize("scale", [1e-300, 1e-200, 1e-100, 1e100, 1e200, 1e300])
def test_whitening_and_windows_follow_the_scale(scale):
    x = X.double() / X.abs().max()
    one, other = images.whitening(x, 0.1), images.whitening(x * scale, 0.1)
    assert torch.allclose(other(x * scale), one(x), rtol=1e-9)
    assert other.rank == one.rank
    series = x.flatten()
    plain = forecast_of(series, 8, 20, 0, 1).tensors()
    for name, value in forecast_of(series * scale, 8, 20, 0, 1).tensors().items():
        assert torch.allclose(value, plain[name], rtol=1e-5)


@pytest.mark.parametrize(
    ("values", "kind", "message"),
    [
        (torch.ones(100).double(), ValueError, "must vary in the first half"),
        (torch.ones(2).double(), ValueError, "must vary in the first half"),
        (torch.arange(100), TypeError, "must be real floating point, got torch.int64"),
        (torch.ones(1, 100), ValueError, r"must have shape \(T,\), got \(1, 100\)"),
        (torch.ones(100) / 0, ValueError, "must be finite"),
        ([1.0, 2.0], TypeError, "must be a tensor, got list"),
    ],
)
def test_series_without_windows_are_refused(values, kind, message):
    with pytest.raises(kind, match=f"values {message}"):
        forecast_of(values, 8, 20, 0, 1)


BEYOND = {
    "dt": lambda v: Initialization(dt=v),
    "dt ": lambda v: Initialization(dt=(0.1, v)),
    "real": lambda v: Initialization(real=-v),
    "lr": lambda v: Configuration(Initialization(), lr=v),
    "dropout": lambda v: Configuration(Initialization(), dropout=v),
    "margin": lambda v: pathfinder.generate(1, size=16, seed=0, margin=v),
    "omega": inputs.sinusoid,
    "L": lambda v: inputs.white().moment(v),
    "level": lambda v: statistics.mean([1, 2], level=v),
}


@pytest.mark.parametrize("name", BEYOND)
def test_a_number_beyond_float64_is_refused_by_name(name):
    with pytest.raises(ValueError, match=rf"^{name.strip()} (must|=)"):
        BEYOND[name](10**400)

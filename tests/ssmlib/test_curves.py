"""Minima, widths and costs of curves, against curves whose answers are known."""

import math

import numpy as np
import pytest
from scipy.optimize import minimize

from ssmlib import curves, statistics

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _draws_in_any_order(monkeypatch):
    """A test draws the same whichever ran before it."""
    monkeypatch.setitem(globals(), "RNG", np.random.default_rng(0))


X = np.linspace(-4.0, 4.0, 17)


def test_the_minimum_of_a_parabola_is_exact():
    for least in (0.4, -2.1):
        assert curves.minimum(X, (X - least) ** 2, 2) == pytest.approx(least)
    missing = np.where(X > 1.5, np.inf, (X - 0.4) ** 2)
    assert curves.minimum(X, missing, 1.6) == pytest.approx(0.4)
    assert curves.minimum(X, (X - 9) ** 2, 2) == 4
    assert curves.minimum(X, -(X**2) - X, 2) == 4
    far = np.where(np.abs(X) < 0.1, 0.0, np.nan)
    assert curves.minimum(X, far, 1) == 0


@pytest.mark.slow
def test_the_error_of_a_minimum_is_what_repeated_draws_do():
    """60 families of six noisy parabolas: to a third, and without a bias."""
    found = []
    for _ in range(60):
        noisy = 0.05 * (X - 0.7) ** 2 + RNG.normal(0, 0.1, (6, len(X)))
        found.append(statistics.bootstrap(lambda c: curves.minimum(X, c, 3), noisy))
    values = np.array([e.value for e in found])
    said = math.sqrt(np.mean([e.se**2 for e in found]))
    assert values.mean() == pytest.approx(0.7, abs=0.1)
    assert said == pytest.approx(values.std(), rel=1 / 3)


def test_an_argmin_is_noisier_than_the_fitted_minimum():
    noisy = 0.05 * X**2 + RNG.normal(0, 0.2, (400, 5, len(X)))
    fitted = np.std([curves.minimum(X, c, 3) for c in noisy])
    assert fitted < 0.8 * np.std(X[noisy.mean(1).argmin(1)])


def test_edges_of_a_parabola_and_of_a_step():
    low, high = curves.edges(X, (X - 0.5) ** 2, 1.0)
    assert (low, high) == pytest.approx((-0.5, 1.5))
    assert curves.edges(X, np.where(X < 1.2, 0.0, np.inf), 0.1) == (-4, 1)
    assert curves.edges(X, np.zeros(17), 0.1) == (-4, 4)
    bumps = np.array([9, 3, 0, 0.2, 0, 0.2, 0, 3, 9])
    assert curves.edges(np.arange(9.0), bumps, 0.1) == pytest.approx((2, 6), abs=0.2)


def test_the_convex_curve_nearest_to_another():
    """Against SciPy's general solver, its second differences held at >= 0."""
    y = X**2 / 20 + RNG.normal(0, 0.05, len(X))
    bend = np.diff(np.eye(len(X)), 2, axis=0)
    slow = minimize(
        lambda c: np.square(c - y).sum(),
        X**2 / 20,
        jac=lambda c: 2 * (c - y),
        constraints={"type": "ineq", "fun": lambda c: bend @ c, "jac": lambda c: bend},
    )
    assert curves._convex(X, y) == pytest.approx(slow.x, abs=1e-4)


@pytest.mark.slow
def test_the_interval_of_an_edge_covers():
    """100 families of eight that are flat, then rise: 95 % intervals hold the edge.

    At least 88 (three standard errors below 95); of a curve that is not made convex
    the edge would jump along the flat part.
    """
    true = np.maximum(0, X - 1) * 0.5
    found, jumps = [], []
    for _ in range(100):
        noisy = true + RNG.normal(0, 0.06, (8, len(X)))
        found.append(statistics.bootstrap(lambda c: curves.edges(X, c, 0.05)[1], noisy))
        low = noisy.mean(0) - noisy.mean(0).min()
        jumps.append(X[np.flatnonzero(low <= 0.05)[-1]])
    values = np.array([e.value for e in found])
    assert values.mean() == pytest.approx(1.1, abs=0.1)
    assert values.std() < 0.5 * np.std(jumps)
    assert sum(e.low <= 1.1 <= e.high for e in found) >= 88


def test_cost_is_what_is_above_the_least():
    assert curves.cost(X, (X - 1) ** 2 + 7, 3.0) == pytest.approx(4)
    assert curves.cost(X, np.abs(X), 0.25) == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: curves.minimum([1, 2], [1, 2], 1), "k >= 3"),
        (lambda: curves.minimum([1, 2, 3], [1, 2], 1), "got "),
        (lambda: curves.minimum([1, 3, 2], [1, 2, 3], 1), "x must rise"),
        (lambda: curves.cost(X, X, 5.0), r"at must be in \[-4, 4\], got 5"),
        (lambda: curves.edges([1, 2, 3], [math.nan] * 3, 1), "finite at some x"),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_the_ceiling_is_the_upper_edge():
    losses = 0.05 * (X - 0.7) ** 2
    assert curves.ceiling(X, losses) == curves.edges(X, losses, math.log(1.05))[1]
    assert curves.ceiling(X, losses, 1.2) > curves.ceiling(X, losses) > 0.7
    assert curves.ceiling(X, X, 1) == X[0]
    with pytest.raises(ValueError, match=r"factor must be at least 1, got 0\.9"):
        curves.ceiling(X, losses, 0.9)


@pytest.mark.parametrize(
    ("x", "y", "end"),
    [
        ([0, 1, 2], [0, 0, 0], 0),
        ([0, 1, 2], [0.1, 0.1, 0.1], 0),
        ([-1, 0, 1], [0, 1, 0], -1),
        ([0, 1, 2, 10], [2.0, 5, 7, 0.0], 10),
        ([0, 8, 9, 10], [0.0, 7, 5, 2.0], 0),
    ],
)
def test_a_curve_without_a_vertex_is_lower_at_one_end(x, y, end):
    assert curves.minimum(x, y, 50) == end


def test_the_minimum_is_that_of_the_fitted_parabola_between_the_ends():
    """1,000 random curves on uneven grids, against a search on a fine grid."""
    seen = 0
    for _ in range(1000):
        x = np.sort(RNG.normal(size=RNG.integers(3, 9)) * 10 ** RNG.uniform(-3, 3))
        y, span = RNG.normal(size=len(x)), np.ptp(x)
        if (np.diff(x) < 1e-3 * span).any():
            continue
        fitted = np.polyfit((x - x[0]) / span, y, 2)
        lowest = np.polyval(fitted, np.linspace(0, 1, 2001)).min()
        found = (curves.minimum(x, y, 1e9) - x[0]) / span
        assert np.polyval(fitted, found) <= lowest + 1e-9
        seen += fitted[0] < 0
    assert seen > 160


@pytest.mark.parametrize("size", [5e-324, 1e-320, 1e-310, 1e300, 1.7e308])
def test_any_number_of_float64_is_a_size_of_curves(size):
    heights = size * np.array([1.0, 0.0, 1.0])
    assert curves.edges([0, 1, 2], heights, size / 2) == pytest.approx(
        (0.5, 1.5), abs=1
    )
    assert curves.cost([0, 1, 2], heights, 2) == size
    assert curves.minimum([0, 1, 2], heights, 1) == pytest.approx(1)
    grid = size * np.array([0.0, 0.5, 1.0]) if size > 1e-320 else np.array([0, 0.5, 1])
    assert curves.minimum(grid, [1, 0, 1], 5) == pytest.approx(grid[1])
    assert curves.edges(grid, [1, 0, 1], 2) == (grid[0], grid[2])


def test_arguments_far_from_the_curves_are_compared_or_refused():
    tiny = 1e-310 * np.arange(3.0)
    with pytest.raises(ValueError, match="at must be in"):
        curves.cost(tiny, [1, 0, 1], 5)
    assert curves.edges([0, 1, 2], tiny, 1e300) == (0, 2)
    high = [-1.7e308, 1.7e308, 1.7e308]
    with pytest.raises(ValueError, match="the cost must be within float64's range"):
        curves.cost([0, 1, 2], high, 2)

"""Minima, widths and costs of curves, against curves whose answers are known."""

import math

import numpy as np
import pytest

from ssmlib import curves, statistics

RNG = np.random.default_rng(0)
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


def test_the_error_of_a_minimum_is_what_repeated_draws_do():
    """500 families of six noisy parabolas: to a quarter, and without a bias."""
    found = []
    for _ in range(500):
        noisy = 0.05 * (X - 0.7) ** 2 + RNG.normal(0, 0.1, (6, len(X)))
        found.append(statistics.jackknife(lambda c: curves.minimum(X, c, 3), noisy))
    values = np.array([e.value for e in found])
    said = math.sqrt(np.mean([e.se**2 for e in found]))
    assert values.mean() == pytest.approx(0.7, abs=0.1)
    assert said == pytest.approx(values.std(), rel=0.25)


def test_an_argmin_is_noisier_than_the_fitted_minimum():
    noisy = 0.05 * X**2 + RNG.normal(0, 0.2, (400, 5, len(X)))
    fitted = np.std([curves.minimum(X, c, 3) for c in noisy])
    assert fitted < 0.8 * np.std(X[noisy.mean(1).argmin(1)])


def test_edges_of_a_parabola_and_of_a_step():
    low, high = curves.edges(X, (X - 0.5) ** 2, 1.0)
    assert (low, high) == pytest.approx((-0.5, 1.5))
    assert curves.edges(X, np.where(X < 1.2, 0.0, np.inf), 0.1) == (-4, 1)
    assert curves.edges(X, np.zeros(17), 0.1) == (-4, 4)
    valleys = np.minimum((X + 2) ** 2, (X - 2) ** 2)
    assert curves.edges(X, valleys, 0.25) == pytest.approx((-2.5, 2.5))


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

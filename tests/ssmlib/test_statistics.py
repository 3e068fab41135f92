"""Standard errors against what repeated draws do, and against SciPy."""

import math
from functools import partial

import numpy as np
import pandas
import pytest
import torch
from scipy import optimize, stats
from statsmodels.stats.multitest import multipletests

from ssmlib import curves, statistics

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _draws_in_any_order(monkeypatch):
    """A test draws the same whichever ran before it."""
    monkeypatch.setitem(globals(), "RNG", np.random.default_rng(0))


def test_a_mean_and_its_interval_are_scipy_s():
    values = RNG.normal(3, 2, 7)
    estimate = statistics.mean(values)
    known = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert (estimate.low, estimate.high) == pytest.approx((known.low, known.high))
    assert estimate.se == pytest.approx(stats.sem(values))
    narrow = statistics.mean(values, level=0.5)
    assert narrow.high < estimate.high


def test_pairs_are_subtracted_first():
    common = RNG.normal(0, 100, 9)
    a, b = common + RNG.normal(1, 0.1, 9), common
    assert statistics.paired(a, b).value == pytest.approx((a - b).mean())
    assert statistics.paired(a, b).se < 0.2


@pytest.mark.slow
def test_errors_of_errors_and_of_ends():
    """Over 20,000 samples of six, to five percent."""
    samples = RNG.normal(0, 1, (20_000, 6))
    found = [statistics.mean(sample) for sample in samples]
    true = np.array([[e.se, e.high] for e in found]).std(0)
    said = np.array([[e.se_of_se, e.se_of_end] for e in found])
    assert np.sqrt((said**2).mean(0)) == pytest.approx(true, rel=0.05)


def test_the_error_of_a_count():
    assert statistics.count_error(0, 9) == pytest.approx(math.sqrt(9 * 0.05 * 0.95))
    assert statistics.count_error(9, 9) == pytest.approx(statistics.count_error(0, 9))
    assert statistics.count_error(500, 1000) == pytest.approx(math.sqrt(250), rel=1e-3)
    with pytest.raises(ValueError, match=r"count must be in \[0, 3\]"):
        statistics.count_error(4, 3)


@pytest.mark.slow
def test_slopes():
    x = np.array([1.0, 2, 4, 8, 16])
    assert statistics.log_log_slope(x, 3 * x**-0.75).value == pytest.approx(-0.75)
    assert statistics.slope(x, 5 - 2 * x).value == pytest.approx(-2)
    noisy = 5 - 2 * x + RNG.normal(0, 1, (4000, 5))
    found = [statistics.slope(x, y) for y in noisy]
    true = np.std([e.value for e in found])
    said = math.sqrt(np.mean([e.se**2 for e in found]))
    assert said == pytest.approx(true, rel=0.05)


@pytest.mark.slow
def test_holm_rejects_what_statsmodels_rejects():
    """15 families of six, some with an effect."""
    kept = 0
    for _ in range(15):
        shifts = RNG.choice([0.0, 1.5, 4.0], 6)
        family = [statistics.mean(RNG.normal(s, 1, 5)) for s in shifts]
        known = multipletests([e.p for e in family], 0.05, method="holm")[0]
        found = statistics.holm(family)
        assert [e.low > 0 or e.high < 0 for e in found] == list(known)
        kept += known.sum()
    assert 8 < kept < 80


def test_a_bootstrap_of_the_mean_is_its_error():
    """To a fifth: 400 resamples know it to a thirtieth or so."""
    values = RNG.normal(3, 2, 9)
    found = statistics.bootstrap(np.mean, values)
    own = statistics.mean(values)
    assert found.value == pytest.approx(own.value)
    assert found.se == pytest.approx(own.se, rel=0.2)
    assert found.freedom == 8
    assert statistics.bootstrap(np.mean, values) == found


@pytest.mark.slow
def test_a_bootstrap_of_a_function_of_two():
    """exp of a mean difference, over 300 samples of eight, to a fifth."""
    a, b = RNG.normal(0.5, 0.3, (300, 8)), RNG.normal(0.2, 0.3, (300, 8))
    made = [
        statistics.bootstrap(lambda a, b: math.exp(a.mean() - b.mean()), *pair)
        for pair in zip(a, b, strict=True)
    ]
    true = np.std([e.value for e in made])
    assert np.sqrt(np.mean([e.se**2 for e in made])) == pytest.approx(true, rel=0.2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: statistics.mean([1.0]), r"values must be \(n,\) with n >= 2"),
        (lambda: statistics.mean([1.0, math.nan]), "values must be finite"),
        (lambda: statistics.paired([1, 2], [1, 2, 3]), "must be of one length"),
        (lambda: statistics.slope([1, 1, 1], [1, 2, 3]), "x not all equal"),
        (lambda: statistics.log_log_slope([1, 2, 0], [1, 2, 3]), "must be positive"),
        (lambda: statistics.bootstrap(np.mean, [1, 2]), "n >= 3"),
        (lambda: statistics.bootstrap(max, [1, 2, 3], [1, 2]), "of one length"),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_the_bootstrap_of_three_draws_has_its_factor():
    """A resample's variance is 2/3 of the unbiased one; 20 samples, to a tenth."""
    samples = RNG.normal(0, 1, (20, 3))
    ratios = [
        statistics.bootstrap(np.mean, own).se / statistics.mean(own).se
        for own in samples
    ]
    assert np.mean(ratios) == pytest.approx(1, abs=0.1)


def test_a_statistic_moves_as_the_mean_of_the_differences():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 40))
    found = statistics.moved(np.mean, a, b, over=2.0)
    exact = statistics.paired(b, a)
    assert found.value == pytest.approx(exact.value / 2)
    assert found.se == pytest.approx(exact.se / 2, rel=0.15)
    with pytest.raises(ValueError, match="over must not be zero"):
        statistics.moved(np.mean, a, b, over=0)


def test_the_largest_gap_is_relative_to_the_largest_value():
    exact = torch.tensor([1.0, -4.0])
    assert statistics.largest_gap(exact + torch.tensor([0.5, 0.0]), exact) == 0.125
    assert statistics.largest_gap(1j * exact, exact + 0j) == pytest.approx(2**0.5)
    with pytest.raises(ValueError, match=r"shape \(2,\) of exact, got \(1,\)"):
        statistics.largest_gap(exact[:1], exact)
    with pytest.raises(ValueError, match="exact must not be zero throughout"):
        statistics.largest_gap(exact, torch.zeros(2))


MASKED = np.ma.masked_array([1.0, 2, 1e9], [0, 0, 1])
FUNCTIONS = {
    "mean": statistics.mean,
    "paired": lambda v: statistics.paired([0.0, 1, 2], v),
    "slope, x": lambda v: statistics.slope(v, [0.0, 1, 2]),
    "slope, y": lambda v: statistics.slope([0.0, 1, 2], v),
    "log_log_slope": lambda v: statistics.log_log_slope([1.0, 2, 3], v),
    "bootstrap": lambda v: statistics.bootstrap(np.mean, v),
    "curves": lambda v: curves.minimum([0, 1, 2], v, 1),
    "several curves": lambda v: curves.edges([0, 1, 2], [v, v], 1),
}


@pytest.mark.parametrize("call", FUNCTIONS.values(), ids=FUNCTIONS)
def test_masked_values_are_refused(call):
    with pytest.raises(ValueError, match="must have no masked values"):
        call(MASKED)
    call(np.ma.masked_array([1.0, 2, 4], [0, 0, 0]))


def test_a_masked_value_is_no_number():
    with pytest.raises(ValueError, match="level must be a real number, got a masked"):
        statistics.mean([1, 2], level=np.ma.masked)
    gaps = pandas.Series([1, pandas.NA, 2], dtype="object")
    for values in (gaps, [1, None, 2]):
        with pytest.raises(TypeError, match="got object with a missing value"):
            statistics.mean(values)


N = 2**53
ROUNDED = {
    "a list": [N + 1, N + 3, 1],
    "int64": np.array([N + 1, 1, 2]),
    "uint64": np.array([N + 1, 1, 2], dtype=np.uint64),
    "a tensor": torch.tensor([N + 1, 1, 2]),
    "beside a float": [N + 1, 0.5, 1],
    "NumPy's beside a float": (np.int64(N + 1), 0.5, 1),
    "uint64 beside a negative": [2**64 - 1, -1, 1],
    "a table's column": pandas.Series([N + 1, 1, 2]),
    "beyond float64": [10**400, 1, 2],
    "beyond float64, beside a float": [10**400, 0.5, 1],
    "an array of objects": np.array([10**400, 1, 2], dtype=object),
}


@pytest.mark.parametrize("values", ROUNDED.values(), ids=ROUNDED)
def test_integers_that_float64_rounds_are_refused(values):
    for name, call in FUNCTIONS.items():
        if name != "several curves":
            with pytest.raises(ValueError, match="integers that float64 represents"):
                call(values)


def test_larger_integers_that_float64_represents_are_read():
    for values in (
        [N + 2, N + 2],
        [2**70, 2**70],
        np.array([2**62, 2**62]),
        [2.0**80] * 2,
    ):
        assert statistics.mean(values).value == sum(map(int, values)) // 2
    assert statistics.paired([N, N], [1, 1]).value == N - 1


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ((1.0, -1.0, 3), ValueError, "se must be at least 0, got -1.0"),
        (("a", 1.0, 3), TypeError, "value must be a real number, got str"),
        ((math.nan, 1.0, 3), ValueError, "value must be finite, got nan"),
        ((1.0, math.inf, 3), ValueError, "se must be finite, got inf"),
        ((10**400, 1.0, 3), ValueError, "value must be within float64's range"),
        ((1.0, 1.0, 0), ValueError, "freedom must be at least 1, got 0"),
        ((1.0, 1.0, 2.5), TypeError, "freedom must be an int, got float"),
    ],
)
def test_an_estimate_is_of_numbers(arguments, kind, message):
    with pytest.raises(kind, match=message):
        statistics.Estimate(*arguments)


@pytest.mark.parametrize(
    "estimates", [3, "ab", [1, 2], [statistics.mean([1, 2]), None]]
)
def test_comparisons_are_of_estimates(estimates):
    with pytest.raises(TypeError, match=r"estimates must .* got"):
        statistics.holm(estimates)


def test_a_slope_has_two_degrees_of_freedom_fewer_than_points():
    x = np.arange(7.0)
    assert statistics.slope(x, x**2).freedom == 5
    assert statistics.log_log_slope(x + 1, x + 2).freedom == 5


@pytest.mark.parametrize(("value", "p"), [(0.0, 1.0), (1.0, 0.0), (-2.0, 0.0)])
def test_a_value_without_error_is_zero_or_not(value, p):
    assert statistics.Estimate(value, 0.0, 3).p == p


@pytest.mark.parametrize(("n", "m"), [(3, 4), (4, 3)])
def test_pairs_have_one_length(n, m):
    with pytest.raises(ValueError, match=f"one length, got {n} and {m}"):
        statistics.paired(np.arange(n), np.arange(m))
    with pytest.raises(ValueError, match="x and y must be of one length"):
        statistics.slope(np.arange(n), np.arange(m))


@pytest.mark.parametrize("skew", [0.0, 1e-12, 0.4, -2.0, 3.2])
@pytest.mark.parametrize("freedom", [1, 2, 11, 39])
def test_a_side_for_skewed_draws_is_hall_s(skew, freedom):
    """By root finding in Hall's polynomial; at least Student's, at most twice it."""
    a, edge = skew / math.sqrt(freedom + 1) / 3, stats.t(freedom).ppf(0.975)

    def hall(t, y):
        return t + a * t**2 + a**2 * t**3 / 3 + a / 2 - y

    roots = [optimize.brentq(hall, -1e4, 1e4, args=(y,)) for y in (edge, -edge)]
    sides = np.clip(np.abs(roots), edge, 2 * edge)
    found = statistics.Estimate(5.0, 0.5, freedom, skew=skew)
    lengths = np.array([5.0 - found.low, found.high - 5.0])
    assert lengths / 0.5 == pytest.approx(sides, abs=1e-8)
    assert found.half == pytest.approx(lengths.mean())
    ends = [
        statistics.Estimate(x, 0.5, freedom, skew=skew)
        for x in (lengths[0], -lengths[1])
    ]
    assert [e.p for e in ends] == pytest.approx([0.05, 0.05])


def test_the_interval_of_skewed_draws_covers():
    """In 4,000 samples of 12 exponential draws; 93 % with four standard errors."""
    samples = RNG.exponential(1, (4000, 12))
    plain, longer = (
        np.mean([e.low <= 1 <= e.high for e in map(mean, samples)])
        for mean in (statistics.mean, partial(statistics.mean, skewed=True))
    )
    assert plain < 0.92
    assert longer > 0.93 - 4 * math.sqrt(0.93 * 0.07 / 4000)

"""The interval of a mean of skewed draws: its formula, and its coverage."""

from __future__ import annotations

import csv
import math
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import brentq

from ssmbook.ledger.decision import Part, decide
from ssmbook.studies import design, estimates
from ssmbook.studies.pooling import pooled
from ssmbook.studies.student import p_value, range_of_t, skewness

ROOT = Path(__file__).resolve().parents[2]
TRIES = 4000
LEAST = 0.93  # of the samples


def interval(draws: np.ndarray) -> tuple[float, float]:
    """The 95 % interval of a mean, as a study gives it for a difference."""
    found = estimates.Effect(
        "a over b", "difference", pooled({"a": dict(enumerate(draws))}), "seeds"
    )
    return found.ends


def coverage(law, n: int, true: float, seed: int = 0) -> float:
    """The share of samples (TRIES, n) whose interval contains the true mean."""
    samples = law(np.random.default_rng(seed), (TRIES, n))
    ends = np.array([interval(draws) for draws in samples])
    return float(((ends[:, 0] <= true) & (true <= ends[:, 1])).mean())


def enough(found: float) -> bool:
    """Whether a share of TRIES samples allows a coverage of LEAST."""
    return found >= stats.binom.ppf(0.001, TRIES, LEAST) / TRIES


@pytest.mark.parametrize("skew", [0.0, 1e-12, 0.4, -2.0, 3.2])
@pytest.mark.parametrize("freedom", [0, 2, 11, 39])
def test_a_side_is_as_long_as_halls_or_students(skew, freedom):
    """By root finding in Hall's polynomial; at most twice Student's."""
    n = freedom + 1 if freedom else math.inf
    law = stats.t(freedom) if freedom else stats.norm
    a, b = skew / math.sqrt(n) / 3, skew / math.sqrt(n) / 6

    def hall(t):
        return t + a * t**2 + a**2 * t**3 / 3 + b

    edge = law.ppf(0.975)
    ends = [brentq(lambda t, y=y: hall(t) - y, -1e4, 1e4) for y in (-edge, edge)]
    wanted = np.clip(np.abs(ends), edge, 2 * edge)
    low, high = range_of_t(0.95, freedom, skew)
    assert (-low, high) == pytest.approx(wanted, abs=1e-8)
    assert [p_value(t, freedom, skew) for t in (low, high)] == pytest.approx([0.05] * 2)
    assert p_value(math.inf, freedom, skew) == 0 == p_value(-math.inf, freedom, skew)
    for t in (-1.3, 1.3):
        assert p_value(t, freedom, skew) >= 2 * law.sf(1.3) * (1 - 1e-12)
    wider = range_of_t(0.99, freedom, skew)
    assert [p_value(t, freedom, skew) for t in wider] == pytest.approx([0.01] * 2)


def test_skewness_is_scipy_s():
    draws = np.random.default_rng(0).exponential(size=40)
    for scale in (1.0, 1e-150, 1e150):
        assert skewness(draws * scale) == pytest.approx(stats.skew(draws))
    assert skewness(-draws) == pytest.approx(-stats.skew(draws))
    assert skewness(np.full(5, 0.875)) == 0


def lognormal(rng, shape, sigma):
    return rng.lognormal(0, sigma, shape)


def accuracies(rng, shape):
    """Differences of two accuracies near 1, of 6,144 answers: overdispersed counts."""
    first, second = (rng.poisson(rng.lognormal(mu, 1, shape)) for mu in (0, -1))
    return (second - first) / 6144


# law, true mean, and numbers of draws: of tasks, 11 to 21; of seeds, 28 to 52
SKEWED = {
    "normal": (lambda rng, shape: rng.normal(size=shape), 0.0, (11, 21, 28, 52)),
    "t with 3": (lambda rng, shape: rng.standard_t(3, shape), 0.0, (11, 21, 28, 52)),
    "exponential": (
        lambda rng, shape: rng.exponential(size=shape),
        1.0,
        (11, 21, 28, 52),
    ),
    "lognormal 0.5": (partial(lognormal, sigma=0.5), math.exp(0.125), (11, 21, 28)),
    "lognormal 1": (partial(lognormal, sigma=1.0), math.exp(0.5), (28, 40, 52)),
    "accuracies": (accuracies, (math.exp(-0.5) - math.exp(0.5)) / 6144, (28, 40)),
    "one answer in some seeds": (
        lambda rng, shape: -rng.poisson(0.2, shape) / 6144,
        -0.2 / 6144,
        (28, 40),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "n"), [(name, n) for name, (*_, ns) in SKEWED.items() for n in ns]
)
def test_coverage_for_skewed_and_discrete_laws(name, n):
    law, true, _ = SKEWED[name]
    found = coverage(law, n, true)
    assert enough(found), found
    assert found < 0.995


@pytest.mark.slow
def test_students_interval_alone_covers_too_rarely():
    """The reason for the correction: 12 exponential draws."""
    samples = np.random.default_rng(0).exponential(size=(TRIES, 12))
    found = stats.ttest_1samp(samples, 0, axis=1).confidence_interval(0.95)
    assert ((found.low <= 1) & (found.high >= 1)).mean() < 0.92


def measured() -> dict[str, np.ndarray]:
    """Draws by contrast of the study of S4D's choices, from its first parts."""
    rows: list[dict] = []
    for path in sorted((ROOT / "studies" / "ablations" / "base").glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            rows += csv.DictReader(file)
    found = {}
    for name, contrast in design.studies(ROOT)["ablations"].contrasts.items():
        draws = estimates._draws(contrast, estimates._values(contrast, rows))
        found[name] = np.array(list(estimates._means(draws, 0).values()))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("n", [12, 28, 48])
def test_coverage_for_measured_log_ratios(n):
    """The laws are the measured draws of each contrast, drawn with replacement."""
    laws = measured()
    assert len(laws) > 20
    each, inside = TRIES // len(laws), 0
    rng = np.random.default_rng(0)
    for law in laws.values():
        ends = np.array([interval(own) for own in rng.choice(law, (each, n))])
        inside += int(((ends[:, 0] <= law.mean()) & (law.mean() <= ends[:, 1])).sum())
    assert enough(inside / (each * len(laws)))


# Log ratios of ten real series, in percent, from a former run of the chapter
SERIES = {
    "rule over default": [10.6, 6.9, 43.2, 14.0, 5.4, 28.8, -9.7, 6.2, 25.7, -28.5],
    "default over linear": [7.5, -0.8, 0.6, 4.5, 6.8, 117.9, 10.9, 7.1, 39.4, 44.3],
}


@pytest.mark.slow
@pytest.mark.parametrize("n", [11, 12, 21])
@pytest.mark.parametrize("name", SERIES)
def test_coverage_for_series_as_draws(name, n):
    law = np.array(SERIES[name])
    found = coverage(lambda rng, shape: rng.choice(law, shape), n, law.mean())
    assert enough(found), found


@pytest.mark.slow
@pytest.mark.parametrize("end", ["low", "high"])
def test_a_claim_at_its_edge_with_skewed_draws_is_decided_wrongly_at_the_level(end):
    """By 28 exponential draws, each wrong answer in 3.5 % at most, as a coverage of
    93 % implies. By Student's interval alone, one of them is given in 6 %."""
    rng, states, plain = np.random.default_rng(3), [], []
    edges = {"low": (1.0, 9.0), "high": (-9.0, 1.0)}[end]
    for draws in rng.exponential(size=(TRIES, 28)):
        own = pooled({"a": dict(enumerate(draws))})
        given = ("d", own.value, own.se, own.freedom, *edges)
        states.append(decide({"claim": [Part(*given, own.skew)]})["claim"].state)
        plain.append(decide({"claim": [Part(*given)]})["claim"].state)
    most = stats.binom.ppf(0.999, TRIES, (1 - LEAST) / 2)
    assert max(states.count("holds"), states.count("fails")) <= most
    assert max(plain.count("holds"), plain.count("fails")) > most

"""How often 95 % intervals contain the true value, for each estimator behind a claim.

The estimators of claims on trained models are those of studies; `test_student` of
ssmbook covers them. Here are those of the chapters without a study, for laws like
theirs. The draws are the same in each run.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats

from ssmlib import statistics
from ssmlib.theory import timescale

TRIES = 4000
LEAST = 0.93  # of the samples


def contains(found: statistics.Estimate, true: float) -> bool:
    return found.low <= true <= found.high


def normal(rng, shape):
    return rng.normal(size=shape)


def on_a_grid(rng, shape):
    """Octaves of the largest rate that trains, of which every half is tried."""
    return np.floor(rng.normal(0, 0.3, shape) / 0.5) * 0.5


def below_zero(step: float, sd: float) -> float:
    """The mean of floor(z / step) * step for z ~ N(0, sd^2)."""
    k = np.arange(-40, 41)
    share = np.diff(stats.norm.cdf(np.append(k, 41) * step / sd))
    return float((share * k * step).sum())


# Law, its mean, numbers of draws. Three draws: `initial-memory`. Eight on a grid: the
# rates of gradient descent of `rule-in-training`.
MEANS = {
    "normal": (normal, 0.0, (2, 3, 5, 10)),
    "t with 3": (lambda rng, shape: rng.standard_t(3, shape), 0.0, (3, 10)),
    "uniform": (lambda rng, shape: rng.random(shape), 0.5, (5, 10)),
    "on a grid": (on_a_grid, below_zero(0.5, 0.3), (8,)),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "n"), [(name, n) for name, (*_, ns) in MEANS.items() for n in ns]
)
def test_a_mean(name, n):
    law, true, _ = MEANS[name]
    samples = law(np.random.default_rng(0), (TRIES, n))
    inside = [contains(statistics.mean(own), true) for own in samples]
    assert LEAST <= np.mean(inside) < 0.98


@pytest.mark.slow
def test_a_mean_of_few_skewed_draws_is_covered_too_rarely_as_its_docstring_says():
    samples = np.random.default_rng(0).exponential(size=(TRIES, 10))
    inside = [contains(statistics.mean(own), 1.0) for own in samples]
    assert 0.88 <= np.mean(inside) <= 0.92


@pytest.mark.slow
@pytest.mark.parametrize("n", [3, 10])
def test_a_difference_of_pairs(n):
    """What pairs have in common is removed, whatever its law."""
    rng = np.random.default_rng(1)
    common = rng.lognormal(0, 2, (TRIES, n))
    a, b = common + rng.normal(0.5, 1, (TRIES, n)), common + normal(rng, (TRIES, n))
    found = [statistics.paired(*own) for own in zip(a, b, strict=True)]
    assert np.mean([contains(own, 0.5) for own in found]) >= LEAST


@pytest.mark.slow
@pytest.mark.parametrize("law", [normal, lambda rng, shape: rng.standard_t(3, shape)])
@pytest.mark.parametrize("n", [4, 10])
def test_a_slope(law, n):
    x = np.log2(np.geomspace(64, 4096, n))
    noise = law(np.random.default_rng(2), (TRIES // 2, n))
    found = [statistics.slope(x, own - 0.5 * x) for own in noise]
    assert np.mean([contains(own, -0.5) for own in found]) >= LEAST


@pytest.mark.slow
def test_a_ratio_by_the_bootstrap():
    """`real-sequences`: the share of an excess that sampling alone makes, five
    splits."""
    rng, tries = np.random.default_rng(3), 1000
    a, b = rng.normal(3.7, 0.3, (tries, 5)), rng.normal(3.0, 0.024, (tries, 5))
    inside = [
        contains(
            statistics.bootstrap(lambda a, b: (b.mean() - 1) / (a.mean() - 1), *own),
            2.0 / 2.7,
        )
        for own in zip(a, b, strict=True)
    ]
    assert np.mean(inside) >= LEAST


def z_covers(samples: np.ndarray, true: float) -> float:
    """The share of samples (tries, n) within 1.96 standard errors, as a z-score has."""
    z = (samples.mean(1) - true) / (samples.std(1) / math.sqrt(samples.shape[1]))
    return float((np.abs(z) <= stats.norm.ppf(0.975)).mean())


def test_a_z_score_of_a_mean_square_of_outputs():
    """`timescale`, `questions`: squares of a normal readout of states whose size is
    random; a tenth of the chapters' draws."""
    rng = np.random.default_rng(5)
    size = rng.gamma(3, 1 / 3, (1000, 2000))
    assert z_covers(size * rng.normal(size=size.shape) ** 2, 1.0) >= LEAST


def test_a_z_score_of_a_variance():
    """`s4-and-s4d`: the variance of 400 normal draws, with the theory's error."""
    ratio = np.random.default_rng(6).normal(size=(TRIES, 400)).var(axis=1)
    z = (ratio - 1) / math.sqrt(2 / 400)
    assert (np.abs(z) <= 1.96).mean() >= LEAST


def test_a_z_score_of_a_risk():
    """`approximation-estimation`: the mean risk of least squares of n = 400 samples and
    6 features, with the error that a chi-squared law has."""
    rng, n, m, repeats = np.random.default_rng(7), 400, 6, 100
    # By Wishart's law the risk is a chi-squared over an independent one.
    risk = rng.chisquare(m, (TRIES, repeats)) / rng.chisquare(
        n - m + 1, (TRIES, repeats)
    )
    off = risk.mean(1) / (m / (n - m - 1)) - 1
    z = off / (math.sqrt(2 / m) / math.sqrt(repeats))
    assert (np.abs(z) <= 1.96).mean() >= LEAST


@pytest.mark.parametrize("level", [1.0, 3.0])
def test_a_z_score_of_a_tail(level):
    """`timescale`, `questions`: the share of outputs beyond a level, against the
    formula averaged over states. For few states only the frequent levels: the counts
    of rare ones are small."""
    generator = torch.Generator().manual_seed(8)
    tries, n = 300, 2000
    inside = 0
    for _ in range(tries):
        h = torch.randn(n, 2, dtype=torch.complex128, generator=generator)
        c = torch.randn(n, 2, dtype=torch.complex128, generator=generator)
        y = (c * h).sum(-1).real
        p = float(timescale.tail_probability(h, torch.tensor([level]).double())[0])
        found = float((y.abs() > level).double().mean())
        inside += abs(found - p) <= 1.96 * math.sqrt(p * (1 - p) / n)
    assert inside / tries >= LEAST

"""Signs in data that an interval or an answer is not to be trusted."""

import numpy as np
import pytest
import torch

from ssmlib import inputs, uncertainty
from ssmlib.autocorrelation import windows
from ssmlib.recommend import recommend

SEEDS = range(20)


def normal(seed, T):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(T, generator=generator, dtype=torch.float64)


def process(kind):
    return lambda seed, T: kind.sample(1, T, torch.Generator().manual_seed(seed))[0]


def line(T):
    return torch.linspace(-1.73, 1.73, T, dtype=torch.float64)  # variance 1


def share(series, T, L, monkeypatch):
    """Of 20 series, the share about which there is a doubt."""
    monkeypatch.setattr(uncertainty, "_DRAWS", 3)  # doubts need no interval
    found = [uncertainty.of_series(series(seed, T), L).doubts for seed in SEEDS]
    return np.mean([bool(doubts) for doubts in found])


@pytest.mark.parametrize(
    "series",
    [
        process(inputs.white()),
        process(inputs.ar1(0.5)),
        lambda seed, T: torch.sin(torch.arange(T) / 5) + 0.1 * normal(seed, T),
        lambda seed, T: normal(seed, T) + 100,
        lambda seed, T: normal(seed, T) ** 3,
    ],
    ids=["white", "ar1", "sine", "mean", "heavy tails"],
)
@pytest.mark.parametrize("T", [200, 2000])
def test_stationary_series_of_short_memory_are_not_doubted(series, T, monkeypatch):
    assert share(series, T, T // 10, monkeypatch) <= 0.15


@pytest.mark.parametrize(
    "series",
    [
        lambda seed, T: line(T),
        lambda seed, T: line(T) + normal(seed, T),
        lambda seed, T: 0.6 * line(T) + normal(seed, T),
        lambda seed, T: line(T) ** 2 + normal(seed, T),
        lambda seed, T: normal(seed, T).cumsum(0),
        lambda seed, T: 2.0 * (torch.arange(T) > 0.8 * T) + normal(seed, T),
        lambda seed, T: (2 + line(T)) * normal(seed, T),
        lambda seed, T: torch.sin(torch.arange(T) * 6 / T) + 0.1 * normal(seed, T),
    ],
    ids="line half quarter parabola walk step growing period".split(),
)
@pytest.mark.parametrize("T", [200, 2000])
def test_series_that_are_not_stationary_are_doubted(series, T, monkeypatch):
    assert share(series, T, T // 10, monkeypatch) >= 0.9


def test_a_doubtful_interval_is_not_presented_as_reliable():
    for x, reliable in ((normal(0, 500), True), (normal(0, 500) + line(500), False)):
        found = recommend(x, 32)
        assert bool(found.warnings) != reliable
        text = " ".join(str(found).split())
        assert text.count("not reliable here") == (0 if reliable else 2)
        if not reliable:
            assert "A straight line explains" in text
            assert text.index("A straight line") < text.index("three configurations")


def test_sequences_that_depend_on_each_other_are_doubted():
    x = process(inputs.ar1(0.9))(0, 2000)
    independent = torch.stack([process(inputs.ar1(0.9))(k, 32) for k in range(200)])
    assert uncertainty.of_sequences(independent).doubts == ()
    assert uncertainty.of_sequences(torch.ones(30, 8)).doubts == ()
    for dependent in (windows(x, 32), windows(x, 32, 8), x.view(200, 10).cumsum(0)):
        (doubt,) = uncertainty.of_sequences(dependent).doubts
        assert "Consecutive sequences correlate" in doubt


@pytest.mark.parametrize(
    "code", [-9999.0, -999.0, 999.0, 1e20, -1e30, 9.969209968386869e36, -32768.0, -99.9]
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_code_for_a_missing_value_is_named(code, dtype):
    x = normal(0, 4000).to(dtype)
    assert recommend(x, 64).warnings == ()
    x[17] = code
    first, *_ = recommend(x, 64).warnings
    assert first.startswith(f"{code:.10g} occurs")
    assert "occurs once at value 18," in first
    assert "missing value" in first
    x[300] = code
    assert "occurs 2 times, first at value 18," in recommend(x, 64).warnings[0]
    y = normal(0, 4000).view(100, 40).to(dtype)
    y[3, 5] = code
    assert "once at sequence 4, step 6," in recommend(y, raw=True).warnings[0]


def test_several_codes_and_a_lone_error():
    x = normal(0, 4000)
    x[[5, 9]], x[7] = -9999.0, 9999.0
    first, second, *_ = recommend(x, 64).warnings
    assert "-9999 occurs 2 times, first at value 6" in first + second
    assert "9999 occurs once at value 8" in first + second
    x = normal(0, 4000)
    x[11] = 1234.5
    found = recommend(x, 64)
    assert "1234.5 occurs once at value 12" in found.warnings[0]
    assert "do not use it" in found.decision


def test_a_code_among_positive_values_is_named_however_large_they_are():
    x = 5000 * normal(0, 1000).abs()
    x[3] = -999
    assert "-999 occurs once at value 4" in recommend(x, 32).warnings[0]


def test_ordinary_values_that_equal_a_code_are_not_named():
    x = (500 * normal(0, 4000)).round()
    x[3] = 999
    assert recommend(x, 64).warnings == ()
    few = torch.tensor([0.0, 1.0]).repeat(200)
    few = few[torch.randperm(400, generator=torch.Generator().manual_seed(0))]
    assert recommend(few, 16).warnings == ()

"""Signs in data that an interval or an answer is not to be trusted."""

import numpy as np
import pytest
import torch

from ssmlib import _doubts, inputs, uncertainty
from ssmlib.autocorrelation import windows
from ssmlib.recommend import recommend
from ssmlib.tasks import series

# What is doubted does not depend on the draws of an interval.
pytestmark = pytest.mark.usefixtures("few_draws")

SEEDS = range(20)


def normal(seed, T):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(T, generator=generator, dtype=torch.float64)


def process(kind):
    return lambda seed, T: kind.sample(1, T, torch.Generator().manual_seed(seed))[0]


def line(T):
    return torch.linspace(-1.73, 1.73, T, dtype=torch.float64)  # variance 1


def share(series, T, L):
    """Of 20 series, the share about which there is a doubt."""
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
def test_stationary_series_of_short_memory_are_not_doubted(series, T):
    assert share(series, T, T // 10) <= 0.15


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
def test_series_that_are_not_stationary_are_doubted(series, T):
    assert share(series, T, T // 10) >= 0.9


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
    for dependent in (windows(x, 32), windows(x, 32, 8), x.view(200, 10).cumsum(0)):
        (doubt,) = uncertainty.of_sequences(dependent).doubts
        assert "Consecutive sequences correlate" in doubt


@pytest.mark.parametrize(
    "code",
    [
        -9999.0,
        -999.0,
        999.0,
        1e20,
        -1e30,
        9.969209968386869e36,
        -32768.0,
        -99.9,
        -99.99,
        -999.25,
    ],
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


MASKED = {
    "two errors": ({100: 1e4, 2000: 1.2e4}, ["10000 occurs once at value 101,",
                   "12000 occurs once at value 2,001,"]),
    "two signs": ({100: 300, 2000: -400}, ["300 occurs once", "-400 occurs once"]),
    "two codes": ({100: -999.25, 2000: -998.5}, ["-999.25 occurs", "-998.5 occurs"]),
    "burst": ({7: 1000, 8: 1100, 9: 1500}, ["1000 o", "1100 o", "1500 o"]),
    "code and error": ({**dict.fromkeys(range(100, 120), -99.99), 5: -77.5},
                       ["-99.99 occurs 20 times, first at value 101,",
                        "-77.5 occurs once at value 6,"]),
    "inner code": ({5: -9999, 6: -99999.5}, ["-9999 occurs", "-99999.5 occurs"]),
    "frequent codes": ({k: -77.5 - k % 2 for k in range(800)},
                       ["-77.5 occurs 400 times, first at value 1,", "-78.5 occurs"]),
    "long burst": ({k: 900.0 + k for k in range(100, 160)},
                   ["60 values from 1000 to 1059, the first 1000 at value 101,"]),
    "decay": ({100 + k: 2000 * 0.8**k for k in range(30)}, ["first 2000 at value 101"]),
}  # fmt: skip


@pytest.mark.parametrize("case", MASKED)
def test_errors_do_not_hide_each_other(case):
    put, messages = MASKED[case]
    x = process(inputs.ar1(0.9))(0, 4000).double()
    assert _doubts.of_values(x) == ()
    for at, value in put.items():
        x[at] = value
    for values in (x, 1e-3 * x + 50, -x):  # an affine map hides only the values' names
        assert _doubts.of_values(values)
    text = " ".join(_doubts.of_values(x))
    assert all(message in text for message in messages), text
    assert "do not use it" in recommend(x, 64).decision
    assert "at sequence" in _doubts.of_values(x.view(100, 40))[0]


def exponential(seed, T):
    return -torch.log(torch.rand(T, generator=torch.Generator().manual_seed(seed)))


def student(seed, T, freedom=5):
    square = sum(normal(100 * seed + k + 1, T) ** 2 for k in range(freedom)) / freedom
    return normal(seed, T) / square.sqrt()


@pytest.mark.parametrize(
    "values",
    [
        normal,
        exponential,
        student,
        lambda seed, T: normal(seed, T) ** 3,
        lambda seed, T: (1.5 * normal(seed, T)).exp(),
        lambda seed, T: exponential(seed, T) * (normal(seed, T) > 1.3),
        lambda seed, T: 0.1 * normal(seed, T) + 1.0 * (exponential(seed, T) > 4),
    ],
    ids="normal exponential student cube lognormal rain spikes".split(),
)
def test_heavy_tails_and_spikes_are_not_errors(values):
    found = [_doubts.of_values(values(seed, 4000)) for seed in SEEDS]
    assert sum(map(bool, found)) <= 1


@pytest.mark.parametrize("name", series.names())
def test_the_series_of_this_library_hold_no_errors(name):
    assert _doubts.of_values(series.load(name).values) == ()


def copied(times):
    """30 sequences, each `times` times, in random order."""
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(30, 16, generator=generator).repeat(times, 1)
    return x[torch.randperm(len(x), generator=generator)]


COPIES = {
    "one": copied(1)[:1].repeat(20, 1),
    "one, far from zero": copied(1)[:1].double().repeat(20, 1) + 1e9,
    "ones": torch.ones(30, 8),
    "twice": copied(2),
    "ten times": copied(10),
    "zeros of both signs": copied(2).round() * torch.tensor([1.0, -1.0]).repeat(8),
}


@pytest.mark.parametrize("name", COPIES)
def test_copies_of_sequences_are_named(name):
    x = COPIES[name]
    different = len(x.unique(dim=0))
    (doubt,) = uncertainty.of_sequences(x).doubts
    assert doubt.startswith(f"Only {different:,} of {len(x):,} sequences differ")
    if name != "ones":
        assert doubt in recommend(x).warnings


def test_sequences_that_are_equal_by_chance_are_no_copies():
    generator = torch.Generator().manual_seed(0)
    few = torch.randint(2, (100, 3), generator=generator).double()
    assert len(few.unique(dim=0)) <= 8
    assert uncertainty.of_sequences(few).doubts == ()
    assert uncertainty.of_sequences(copied(1)).doubts == ()
    some = torch.cat([copied(1), copied(1)[:5]])
    assert uncertainty.of_sequences(some).doubts == ()

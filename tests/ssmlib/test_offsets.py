"""Data far from zero: sums of squares about a mean, and shapes of curves."""

import numpy as np
import pytest
import torch

from ssmlib import autocorrelation, curves, statistics, uncertainty
from ssmlib.recommend import recommend
from ssmlib.tasks import images
from ssmlib.tasks.series import _block

VALUES = np.array([0.0, 1, 2, 3, 4, 6])
GENERATOR = torch.Generator().manual_seed(0)
#: whole numbers and quarters, which the offsets do not round
SERIES = torch.randint(40, (400,), generator=GENERATOR).double().cumsum(0) % 64
TABLE = torch.randint(64, (40, 5), generator=GENERATOR).double()
X = [-2.0, -1, 0, 1, 2, 3]
Y = np.array([[4.0, 1.5, 0.25, 0.5, 3, 2**40], [4.5, 1, 0.5, 0.25, 3, 2**40]])


def parts(estimate):
    return [estimate.value, estimate.se]


def interval(x):
    found = recommend(x, 16) if x.ndim == 1 else recommend(x)
    return [found.dt, found.dt_low, found.dt_high, found.scale]


#: by name: a function of the offset, with a result that does not depend on it
FUNCTIONS = {
    "mean": lambda c: statistics.mean(VALUES + c).se,
    "mean's value": lambda c: statistics.mean(VALUES + c).value - c,
    "slope, x": lambda c: parts(statistics.slope(VALUES + c, VALUES**2)),
    "slope, y": lambda c: parts(statistics.slope(VALUES, VALUES**2 + c)),
    "slope, both": lambda c: parts(statistics.slope(VALUES + c, VALUES**2 - c)),
    "bootstrap": lambda c: statistics.bootstrap(lambda v: v[0] + c, VALUES).se,
    "standardize": lambda c: autocorrelation.standardize(TABLE + c),
    "uncertainty": lambda c: (
        uncertainty.of_series(
            autocorrelation.standardize(SERIES[None] + c)[0], 16
        ).estimate
    ),
    "recommend, series": lambda c: interval(SERIES + c),
    "recommend, sequences": lambda c: interval(TABLE + c),
    "recommend, shift": lambda c: recommend(SERIES + c, 16).shift - c,
    "forecast": lambda c: _block(SERIES + c, 0),
    "whitening": lambda c: images.whitening(TABLE + c, 1e-3).matrix,
    "minimum": lambda c: curves.minimum(X, Y + c, 1),
    "edges": lambda c: curves.edges(X, Y + c, 0.5),
    "cost": lambda c: curves.cost(X, Y + c, 1.5),
}


#: results that are as far from zero as the data, and rounded there
FAR = ("mean's value", "recommend, shift")


@pytest.mark.usefixtures("few_draws")
@pytest.mark.parametrize("offset", [2.0**36, -(2.0**36), 2.0**39])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_an_offset_of_the_data_costs_no_digits(name, offset):
    exact, found = (
        torch.as_tensor(FUNCTIONS[name](c), dtype=torch.float64) for c in (0.0, offset)
    )
    rounding = abs(offset) * 2**-52 if name in FAR else 1e-13
    torch.testing.assert_close(found, exact, rtol=1e-11, atol=rounding)


def test_whole_numbers_near_the_end_of_float64_s_have_their_slope():
    x = 9007199254740980 + np.arange(6)
    assert parts(statistics.slope(x, np.arange(6))) == [1, 0]
    assert statistics.mean(x).se == statistics.mean(np.arange(6)).se


@pytest.mark.parametrize("y", [0, 5, 0.1, -1e300, 1e-300, 2**50])
def test_a_constant_has_slope_zero(y):
    for x in ([1, 2, 3], [1e200, 2e200, 4e200]):
        assert statistics.slope(x, [y] * 3) == statistics.Estimate(0.0, 0.0, 1)
    if y > 0:
        constant = statistics.log_log_slope([1, 2, 3, 4], [y] * 4)
        assert constant == statistics.Estimate(0.0, 0.0, 2)

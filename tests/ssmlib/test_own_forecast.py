"""From a user's own series to predictions in its unit; a fit's predictions, figure."""

import numpy as np
import pytest
import torch

from ssmlib.tasks import series
from ssmlib.training import fit

STEPS = torch.arange(600, dtype=torch.float64)
#: degrees, far from 0 and growing, so that a wrong scaling shows
VALUES = 1e4 + 3 * torch.sin(0.3 * STEPS) + 1e-3 * STEPS


@pytest.fixture(scope="module")
def trained():
    data, scaling = series.forecast(VALUES, 32, 200)
    grid = {"dt": [0.05], "lr": [0.003, 0.01]}
    return fit(data, grid, seeds=[0, 1], epochs=8), data, scaling


@pytest.mark.parametrize("horizon", [1, 5])
def test_windows_are_those_of_the_series_in_its_unit(horizon):
    data, scaling = series.forecast(VALUES, 32, 10**6, horizon=horizon)
    begins = {"train": 0, "valid": 300, "test": 420}
    for name, x, y in data.parts():
        k = begins[name]
        # float32 of scaled values of at most 2, times a deviation of about 2.
        near = {"rtol": 0, "atol": 1e-6}
        assert torch.allclose(scaling.original(x[0]), VALUES[k : k + 32], **near)
        target = VALUES[k + 31 + horizon]
        assert torch.allclose(scaling.original(y[0]), target, **near)
    last = scaling.original(data.y_test[-1])
    assert torch.allclose(last, VALUES[-1], rtol=0, atol=1e-6)
    first = VALUES[:300]
    assert scaling.mean == pytest.approx(float(first.mean()), rel=1e-12)
    assert scaling.deviation == pytest.approx(float(first.std(correction=0)), rel=1e-9)
    assert torch.equal(scaling.scaled(VALUES[:32]), data.x_train[0])


def test_predictions_return_to_the_unit_of_the_series(trained):
    """A sine is linear in its past: far better than the mean of the series."""
    found, data, scaling = trained
    y = scaling.original(found.predict(data.x_test).squeeze(1))
    exact = scaling.original(data.y_test)
    assert float((y - exact).square().mean()) < 0.5 * float(exact.var())
    assert torch.equal(found.predict(data.x_test), found.best().predict(data.x_test))
    new = scaling.scaled(VALUES[-32:]).unsqueeze(0)
    assert found.predict(new).shape == (1, 1)


def test_the_figure_has_a_curve_per_configuration(trained):
    found = trained[0]
    (axis,) = found.figure().axes
    lines = {line.get_label(): line.get_ydata() for line in axis.get_lines()}
    assert set(lines) == {"lr = 0.003", "lr = 0.01"}
    losses = found.curves.valid_loss.to_numpy().reshape(8, 2, 2)  # epoch, seed, rate
    np.testing.assert_allclose(lines["lr = 0.01"], losses[:, :, 1].mean(1))
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("epoch", "validation loss")


def test_a_figure_of_one_model():
    data, _ = series.forecast(VALUES, 32, 50)
    found = fit(data, [{}], epochs=2)
    (line,) = found.figure().axes[0].get_lines()
    np.testing.assert_allclose(line.get_ydata(), found.curves.valid_loss)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: series.forecast(VALUES, 32, 9, seed=1), ValueError, "seed must be N"),
        (lambda: series.forecast(VALUES[None], 32, 9), ValueError, "values must have"),
        (lambda: series.forecast(VALUES.long(), 32, 9), TypeError, "values must be re"),
        (lambda: series.forecast(VALUES / 0, 32, 9), ValueError, "values must be fin"),
        (lambda: series.forecast(0 * VALUES, 32, 9), ValueError, "values must vary"),
        (lambda: series.forecast(VALUES[:0], 32, 9), ValueError, "values must vary"),
        (lambda: series.forecast(VALUES, 0, 9), ValueError, "L must be at least 1"),
        (lambda: series.forecast(VALUES, 200, 9), ValueError, "L must be|windows"),
        (lambda: series.forecast(VALUES, 8, 1), ValueError, "n must be at least 2"),
        (lambda: series.forecast(VALUES, 8, 9, horizon=0), ValueError, "horizon must"),
    ],
)
def test_bad_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call()

"""The numbers that a figure draws are those of its CSV."""

import csv
import io
import re
from xml.etree import ElementTree

import numpy as np
import pytest

from ssmlib import _figure_data, figures, statistics


def rows(figure):
    return list(csv.DictReader(io.StringIO(_figure_data.text(figure))))


def numbers(found, name):
    return [float(row[name]) for row in found]


def test_curves_by_panel():
    curves = {"white": {"a": [1.0, 2.0], "b": [3.0, 4.0]}, "AR": {"a": [5.0, 6.0]}}
    figure, _ = figures.sweep([1, 8], curves, log="2")
    found = rows(figure)
    assert [row["panel"] for row in found] == ["white"] * 4 + ["AR"] * 2
    assert [row["series"] for row in found] == ["a", "a", "b", "b", "a", "a"]
    assert numbers(found, "x") == [1, 8] * 3
    assert numbers(found, "y") == [1, 2, 3, 4, 5, 6]


def test_a_band_stands_beside_its_mean():
    draws = np.random.default_rng(0).normal(size=(5, 3))
    figure, _ = figures.sweep([1, 2, 3], {"a": draws, "b": draws + 1})
    found = rows(figure)
    assert [row["series"] for row in found] == ["a"] * 3 + ["b"] * 3
    mean, error = draws.mean(0), draws.std(0, ddof=1) / 5**0.5
    for name, expected in {
        "y": mean,
        "y_low": mean - error,
        "y_high": mean + error,
    }.items():
        own = numbers(found, name)
        assert own == pytest.approx([*expected, *(expected + 1)], rel=1e-5)


def test_estimates_have_their_intervals():
    draws = [1.0, 2.0, 3.0], [2.0, 2.5, 4.0]
    known = [statistics.mean(own, skewed=True) for own in draws]
    figure, _ = figures.sweep([1, 2], {"a": known})
    found = rows(figure)
    assert numbers(found, "y") == pytest.approx([e.value for e in known], rel=1e-5)
    for name, ends in {"y_low": "low", "y_high": "high"}.items():
        wanted = [getattr(e, ends) for e in known]
        assert numbers(found, name) == pytest.approx(wanted, rel=1e-5)


def test_rows_have_names_and_ratios_are_ratios():
    digits = statistics.mean([0.1, 0.2, 0.4], skewed=True)
    logs = {"digits": digits, "vowels": np.log(2.0)}
    figure, _ = figures.intervals({"real": logs, "none": {"digits": 0.0}}, log="ratio")
    found = rows(figure)
    assert [row["row"] for row in found] == ["digits", "vowels", "digits"]
    assert [row["series"] for row in found] == ["real", "real", "none"]
    assert numbers(found, "x") == pytest.approx([np.exp(0.7 / 3), 2, 1], rel=1e-5)
    for name, end in {"x_low": digits.low, "x_high": digits.high}.items():
        assert float(found[0][name]) == pytest.approx(np.exp(end), rel=1e-5)
    assert "y" not in found[0]  # the height within a row means nothing


def test_every_panel_of_a_row_has_the_names():
    """Panels that share an axis draw the names once, some have no ticks at all."""
    figure, axes = figures.subplots(1, 3, sharey=True)
    for axis in axes:
        figures.intervals({"": {"one": 1.0, "two": 2.0}}, axis=axis, legend=False)
    assert [row["row"] for row in rows(figure)] == ["one", "two"] * 3
    figure, axis = figures.subplots()
    axis.plot([1], [2])
    axis.set_yticks([])
    assert [row["y"] for row in rows(figure)] == ["2"]


@pytest.mark.parametrize("log", ["", "x"])
def test_long_curves_are_thinned_evenly(log):
    x = np.arange(1, 20_001)
    figure, _ = figures.sweep(x, {"a": 2.0 * x}, log=log)
    found = rows(figure)
    assert 200 < len(found) <= 500
    own = np.array(numbers(found, "x"))
    assert (own[0], own[-1]) == (1, 20_000)
    assert numbers(found, "y") == pytest.approx(2 * own, rel=1e-5)
    apart = np.diff(np.log(own[own > 500]) if log else own)
    assert apart.max() < 1.2 * apart.min() + 1e-3


def test_an_axis_of_logarithms_that_names_numbers_gives_the_numbers():
    figure, axis = figures.sweep([1, 2], {"a": np.log([0.1, 1.0])})
    axis.set_yticks(np.log([0.1, 1.0]), [0.1, 1.0])
    assert numbers(rows(figure), "y") == pytest.approx([0.1, 1.0])
    assert numbers(rows(figure), "x") == [1, 2]
    figure, axis = figures.sweep([1, 2], {"a": [0.0, 1.0]})
    axis.set_yticks([0, 1], ["0", "1"])  # no logarithms
    assert numbers(rows(figure), "y") == [0, 1]


def test_guides_and_keys_are_no_data():
    figure, axis = figures.subplots()
    axis.plot([1, 2], [3, 4])
    axis.axhline(1)
    axis.axvline(1)
    axis.plot([], [], label="key")
    axis.scatter([5], [6], label="point")
    found = rows(figure)
    assert [(row["x"], row["y"], row["series"]) for row in found] == [
        ("1", "3", ""),
        ("2", "4", ""),
        ("5", "6", "point"),
    ]


def test_a_figure_without_numbers_has_an_empty_table():
    figure, _ = figures.subplots()
    assert _figure_data.text(figure) == ""


def test_the_svg_has_the_table():
    figure, _ = figures.sweep([1, 2], {"a < b & c": [1.0, 2.0]}, legend=False)
    expected = _figure_data.text(figure)
    svg = ElementTree.fromstring(figures.svg(figure))
    assert svg.findtext("{http://www.w3.org/2000/svg}metadata") == expected
    assert "a < b & c" in expected
    assert len(re.findall("<metadata", figures.svg(figures.subplots()[0]))) == 1

import math
import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from ssmlib import figures, statistics


def draw():
    fig, ax = figures.subplots()
    ax.plot([0, 1], [1, 0])
    ax.set_xlabel(r"$\Delta$")
    return fig


def test_same_figure_same_bytes():
    assert figures.svg(draw()) == figures.svg(draw())


def test_ink_follows_the_theme():
    text = figures.svg(draw())
    assert "currentColor" in text
    assert figures.INK not in text
    assert "prefers-color-scheme:dark" in text


def test_no_ink_is_left_black():
    """Black text or a white plate would be lost in one of the themes."""
    fig = draw()
    fig.axes[0].plot([0, 1], [0, 1], label="line")
    legend = fig.axes[0].legend()
    assert not legend.get_frame_on()
    texts = [*legend.get_texts(), *fig.axes[0].get_xticklabels(), fig.axes[0].title]
    assert {text.get_color() for text in texts} == {figures.INK}


def luminance(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("colour", figures.COLOURS)
@pytest.mark.parametrize("background", ["#ffffff", "#121212"])
def test_colours_stand_out(colour, background):
    low, high = sorted(map(luminance, (colour, background)))
    assert (high + 0.05) / (low + 0.05) >= 3


def test_a_band_is_a_mean_and_its_error():
    fig, axis = figures.subplots()
    figures.band(axis, [0, 1], [[1.0, 2], [3, 2], [5, 2]], label="a")
    assert list(axis.lines[0].get_ydata()) == [3, 2]
    edge = axis.collections[0].get_paths()[0].vertices[:, 1]
    assert edge.max() == pytest.approx(3 + 2 / 3**0.5)
    figures.svg(fig)


# Curves and intervals


def texts(fig):
    """What is written in a picture: matplotlib notes it beside the glyphs."""
    return set(re.findall(r"<!-- (.*?) -->", figures.svg(fig)))


def labels(axis):
    return [text.get_text() for text in axis.get_legend().get_texts()]


def test_a_sweep_draws_each_curve_by_its_label():
    x, y = [1, 10, 100], torch.tensor([1.0, 2.0, 4.0], requires_grad=True)
    fig, axis = figures.sweep(
        x, {"a": y, "b": [3, 2, 1]}, log="xy", fmt="o-", xlabel="length"
    )
    assert [list(line.get_ydata()) for line in axis.lines] == [[1, 2, 4], [3, 2, 1]]
    assert [line.get_color() for line in axis.lines] == list(figures.COLOURS[:2])
    assert [line.get_marker() for line in axis.lines] == list(figures.MARKERS[:2])
    assert (axis.get_xscale(), axis.get_yscale()) == ("log", "log")
    assert labels(axis) == ["a", "b"]
    assert {"a", "b", "length"} <= texts(fig)


def test_a_sweep_of_panels_is_named_once():
    panels = {"left": {"a": [1, 2], "b": [2, 3]}, "right": {"a": [5, 6], "b": [1, 1]}}
    fig, axes = figures.sweep([0, 1], panels, xlabel="step", ylabel="loss")
    assert [axis.get_title() for axis in axes] == ["left", "right"]
    assert [axis.get_xlabel() for axis in axes] == ["step", "step"]
    assert [axis.get_ylabel() for axis in axes] == ["loss", ""]
    assert labels(axes[0]) == ["a", "b"]
    assert axes[1].get_legend() is None
    assert axes[0].get_ylim() == axes[1].get_ylim()
    figures.svg(fig)


def test_draws_become_a_band_and_estimates_intervals():
    draws = np.array([[1.0, 2], [3, 2], [5, 2]])
    fig, axis = figures.sweep([0, 1], {"draws": draws}, fmt="o--")
    assert list(axis.lines[0].get_ydata()) == [3, 2]
    assert axis.lines[0].get_linestyle() == "--"
    assert len(axis.collections) == 1
    figures.svg(fig)
    found = [statistics.mean(column) for column in draws.T]
    fig, axis = figures.sweep([0, 1], {"": found}, fmt="o-")
    (bar,) = axis.containers
    segment = bar[2][0].get_segments()[0]
    assert segment[:, 1] == pytest.approx([found[0].low, found[0].high])
    assert axis.get_legend() is None
    figures.svg(fig)


def test_curves_over_places_of_their_own():
    pairs = {"a": ([0, 1], [1, 2]), "b": ([0, 1, 2], [1, 1, 1])}
    fig, axis = figures.sweep(None, pairs, fmt=["-", "--"], colors=[figures.GREY, 1])
    assert [len(line.get_xdata()) for line in axis.lines] == [2, 3]
    assert [line.get_linestyle() for line in axis.lines] == ["-", "--"]
    assert [line.get_color() for line in axis.lines] == [
        figures.GREY,
        figures.COLOURS[1],
    ]
    figures.svg(fig)


def test_direct_labels_name_curves_with_error_bars():
    known = [SimpleNamespace(value=v, low=v - 0.1, high=v + 0.1) for v in (1.0, 2.0)]
    curves = {"known": known, "plain": [3.0, 4.0]}
    _, axis = figures.sweep([0, 1], curves, legend="direct")
    assert [text.get_text() for text in axis.texts] == ["known", "plain"]
    assert axis.texts[0].get_color() != axis.texts[1].get_color()


def test_direct_labels_stand_apart_at_the_ends():
    curves = {"a": [1, 1.0], "b": [2, 1.001], "c": [1, 5.0]}
    fig, axis = figures.sweep([0, 1], curves, legend="direct")
    places = {text.get_text(): text.xy[1] for text in axis.texts}
    colors = {text.get_text(): text.get_color() for text in axis.texts}
    assert colors == dict(zip(curves, figures.COLOURS, strict=False))
    assert places["a"] + 0.04 < places["b"] < places["c"]
    figures.svg(fig)


def test_a_legend_above_or_none():
    curves = {"a": [1, 2], "b": [2, 1]}
    fig, axis = figures.sweep([0, 1], curves, legend="above")
    assert axis.get_legend() is None
    assert len(fig.legends) == 1
    figures.svg(fig)
    fig, axis = figures.sweep([0, 1], curves, legend=False)
    assert axis.get_legend() is None
    assert not fig.legends
    figures.svg(fig)


def test_a_given_axis_is_drawn_into():
    fig, axes = figures.subplots(1, 2)
    assert figures.sweep([0, 1], {"a": [1, 2]}, axis=axes[1]) == (fig, axes[1])
    assert figures.intervals({"a": {"row": 1.0}}, axis=axes[0]) == (fig, axes[0])
    assert not axes[0].containers[0].has_xerr
    figures.svg(fig)


def test_intervals_are_those_of_the_estimates():
    one, other = statistics.mean([1, 2, 4]), statistics.mean([-30, 20, 40])
    groups = {"a": {"first": one, "second": other}, "b": {"second": 2.0}}
    fig, axis = figures.intervals(groups, log="symlog", xlabel="loss, log-%")
    assert [text.get_text() for text in axis.get_yticklabels()] == ["first", "second"]
    assert axis.get_ylim()[0] > axis.get_ylim()[1]
    segments = axis.containers[0][2][0].get_segments()
    ends = [list(segment[:, 0]) for segment in segments]
    assert ends == [
        pytest.approx([one.low, one.high]),
        pytest.approx([other.low, other.high]),
    ]
    assert axis.containers[1][0].get_xdata() == [2.0]
    assert axis.get_xscale() == "symlog"
    assert {"first", "second", "a", "b", "loss, log-%"} <= texts(fig)


@pytest.mark.parametrize(
    ("logs", "shown"),
    [
        ([math.log(0.4), math.log(6)], {"0.5", "1", "2", "5"}),
        ([math.log(0.98), math.log(1.04)], {"0.99", "1", "1.02"}),
        ([math.log(1e-4), math.log(1e3)], {"0.001", "1", "100"}),
    ],
)
def test_logarithms_are_labelled_by_their_ratios(logs, shown):
    fig, axis = figures.intervals({"": {"row": logs}}, log="ratio")
    ticks = {text.get_text(): text.get_position()[0] for text in axis.get_xticklabels()}
    assert shown <= set(ticks)
    assert 4 <= len(ticks) <= 10
    for text, place in ticks.items():
        assert math.exp(place) == pytest.approx(float(text), rel=1e-3)
    low, high = axis.get_xlim()
    assert low <= min(ticks.values())
    assert max(ticks.values()) <= high
    figures.svg(fig)


def test_a_row_shows_each_of_several_numbers():
    fig, axis = figures.intervals({"": {"row": [1.0, 2.0, 3.0]}}, zero=None)
    assert list(axis.containers[0][0].get_xdata()) == [1, 2, 3]
    assert len(axis.lines) == 1
    figures.svg(fig)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: figures.sweep([1], {}), "curves must hold at least one curve"),
        (lambda: figures.sweep([1], {"a": [1]}, log="yx"), "log must be one of"),
        (
            lambda: figures.sweep([1], {"a": {"b": [1]}}, axis=figures.subplots()[1]),
            "curves must be those of one panel if axis is given",
        ),
        (lambda: figures.intervals({}), "groups must hold at least one group"),
        (lambda: figures.intervals({"a": {"b": 1}}, log="xy"), "log must be one of"),
    ],
)
def test_what_cannot_be_drawn_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()

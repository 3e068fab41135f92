"""One style for all figures: safe for color blindness, legible in print and on screen.

Figures are SVG whose ink follows the reader's theme. A rule in the picture changes the
color of text and axes in a dark theme.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast
from xml.sax.saxutils import escape

import numpy as np

from ssmlib import _axes, _figure_data, _style
from ssmlib._imports import optional
from ssmlib._style import COLOURS, GREY, INK, MARKERS
from ssmlib._style import GUIDE as GUIDE

if TYPE_CHECKING:
    import matplotlib as mpl
    import matplotlib.pyplot as plt
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
else:
    mpl = optional("matplotlib", "book")
    plt = optional("matplotlib.pyplot", "book")

_SCALES = ("", "x", "y", "xy", "2", "2y")


def subplots(
    rows: int = 1, columns: int = 1, *, height: float = 3.0, **options: Any
) -> tuple[Figure, Any]:
    """Return `plt.subplots` in the style of the book, 6.4 inches wide.

    The style stays in force, because legends and labels are made after the axes.

    Args:
        rows: number of rows.
        columns: number of columns.
        height: of each row, in inches.
        **options: options of matplotlib's `plt.subplots`.

    Returns:
        The figure and its axes, as `plt.subplots`.
    """
    mpl.rcParams.update(_style.style())
    return plt.subplots(rows, columns, figsize=(6.4, height * rows), **options)


def band(axis: Axes, x, draws, **style) -> None:
    """Draw the mean of draws with a band of one standard error to each side.

    Args:
        axis: where to draw.
        x: (k,) places.
        draws: (n, k), n >= 2 independent draws.
        style: options of matplotlib's `plot`, for the line.
    """
    draws = np.asarray(draws, dtype=float)
    mean, error = draws.mean(0), draws.std(0, ddof=1) / len(draws) ** 0.5
    (line,) = axis.plot(x, mean, **style)
    look = {"color": line.get_color(), "alpha": 0.15, "linewidth": 0}
    named = f"_{line.get_label()}"  # the band has no entry in a legend
    axis.fill_between(x, mean - error, mean + error, label=named, **look)


def sweep(
    x: Any,
    curves: Mapping[str, Any],
    *,
    axis: Axes | None = None,
    height: float = 3.0,
    log: str = "",
    fmt: str | Sequence[str] = "-",
    colors: Sequence[int | str] = (0, 1, 2, 3, 4),
    legend: bool | str = True,
    style: Mapping[str, Any] | None = None,
    **labels,
) -> tuple[Figure, Any]:
    """Draw curves over one grid, in one panel or in a row of panels.

    A curve is (k,) numbers; (n, k) draws, which become a `band`; or k estimates with
    `value`, `low` and `high`, which become error bars. Arrays and tensors are accepted.

    Args:
        x: (k,) places of all curves; None if each curve is a pair (x, y).
        curves: label -> curve; or title -> such a mapping, for a row of panels.
        axis: where to draw a single panel; a new figure by default.
        height: of the new figure, in inches.
        log: the logarithmic axes: "x", "y", "xy", "2" for x in powers of two, "2y".
        fmt: matplotlib's format of each curve, repeated in turn; "o" is replaced
            by the marker that belongs to the curve's color.
        colors: of each curve, repeated in turn: places in `COLOURS`, or colors.
        legend: True for a legend in the first panel if it has several labels, a place
            of matplotlib, "above" for one above the panels, "direct" for a label at
            the end of each curve, or False.
        style: options of matplotlib's `plot`, for all curves.
        labels: options of matplotlib's `Axes.set`, as xlabel; ylabel is that of the
            first panel.

    Returns:
        The figure and its axis, or its axes (panels,).

    Raises:
        ValueError: for another log, no curves, or panels for a given axis.
    """
    if log not in _SCALES:
        raise ValueError(f"log must be one of {', '.join(map(repr, _SCALES))}")
    if not curves:
        raise ValueError("curves must hold at least one curve")
    panels = isinstance(next(iter(curves.values())), Mapping)
    if panels and axis is not None:
        raise ValueError("curves must be those of one panel if axis is given")
    if axis is None:
        columns = len(curves) if panels else 1
        figure, axes = subplots(1, columns, height=height, sharey=True, squeeze=False)
        axes = axes[0]
    else:
        figure, axes = _figure(axis), np.array([axis])
    fmts = [fmt] if isinstance(fmt, str) else list(fmt)
    parts = curves if panels else {labels.pop("title", ""): curves}
    for own, (title, part) in zip(axes, parts.items(), strict=True):
        _axes.set_scales(own, log)
        for k, (label, curve) in enumerate(part.items()):
            color = colors[k % len(colors)]
            place, y = curve if x is None else (x, curve)
            _curve(own, place, y, fmts[k % len(fmts)], color, label, style or {})
        shown = labels if own is axes[0] else _without(labels, "ylabel")
        own.set(**({"title": title} if title else {}) | shown)
    _axes.name_curves(figure, axes, legend)
    return figure, axes if panels else axes[0]


def intervals(
    groups: Mapping[str, Mapping[str, Any]],
    *,
    axis: Axes | None = None,
    height: float | None = None,
    zero: float | None = 0,
    log: str = "",
    fmt: str | Sequence[str] = "o",
    legend: bool | str = "above",
    style: Mapping[str, Any] | None = None,
    **labels,
) -> tuple[Figure, Axes]:
    """Draw one row per name: the values of each group with their intervals.

    Args:
        groups: label -> {name of the row: value}; a value is a number, (k,) numbers, or
            an estimate with `value`, `low` and `high`. Rows come in the order of their
            names.
        axis: where to draw; a new figure by default.
        height: of the new figure, in inches; by default as many rows ask for.
        zero: where a line marks no difference; None for no line.
        log: "x" for a logarithmic axis, "symlog" for one that is linear within
            10 of zero, "ratio" for natural logarithms of ratios, of which the ratios
            are shown, "" for a linear axis.
        fmt: as `sweep`.
        legend: as `sweep`.
        style: options of matplotlib's `errorbar`, for all groups.
        labels: options of matplotlib's `Axes.set`, as xlabel.

    Returns:
        The figure and its axis.

    Raises:
        ValueError: for another log, or no groups.
    """
    if log not in ("", "x", "symlog", "ratio"):
        raise ValueError(f"log must be one of '', 'x', 'symlog', 'ratio', got {log!r}")
    if not groups:
        raise ValueError("groups must hold at least one group")
    rows = list(dict.fromkeys(k for own in groups.values() for k, _ in own.items()))
    # One value per row needs no room beside the others.
    single = sum(map(len, groups.values())) == len(rows)
    apart = 0.0 if single else min(0.2, 0.7 / len(groups))
    if axis is None:
        room = 0.26 if single else max(0.26, 0.13 * len(groups))
        new: tuple[Figure, Axes] = subplots(height=height or 1.0 + room * len(rows))
        axis = new[1]
    fmts = [fmt] if isinstance(fmt, str) else list(fmt)
    for k, (label, own) in enumerate(groups.items()):
        shift = apart * (k - (len(groups) - 1) / 2)
        value, ends, place = [], [], []
        for name, found in own.items():
            known = _is_estimate(found)
            for each in [found.value] if known else np.ravel(_numbers(found)):
                value.append(float(each))
                ends.append(_lengths(found) if known else (0.0, 0.0))
                place.append(rows.index(name) + shift)
        axis.errorbar(
            value,
            place,
            xerr=np.transpose(ends) if np.any(ends) else None,
            fmt=fmts[k % len(fmts)].replace("o", MARKERS[k % len(MARKERS)]),
            color=COLOURS[k % len(COLOURS)],
            label=label,
            **style or {},
        )
    if zero is not None:
        axis.axvline(zero, color=GREY, linewidth=1)
    if log == "ratio":
        _axes.show_ratios(axis)
    elif log:
        options = {"linthresh": 10} if log == "symlog" else {}
        axis.set_xscale("log" if log == "x" else "symlog", **options)
    axis.set_yticks(range(len(rows)), rows)
    axis.set_ylim(len(rows) - 0.5, -0.5)
    axis.set(**labels)
    figure = _figure(axis)
    _axes.name_curves(figure, [axis], legend)
    return figure, axis


def _figure(axis: Axes) -> Figure:
    """The figure of an axis, or its SubFigure, which takes the same legends."""
    return cast("Figure", axis.figure)


def _without(options: Mapping, key: str) -> dict:
    return {k: v for k, v in options.items() if k != key}


def _curve(axis: Axes, x, y, fmt: str, color, label: str, style: Mapping) -> None:
    """Draw one curve: a line, a band of draws, or estimates with their intervals."""
    marker = MARKERS[color % len(MARKERS)] if isinstance(color, int) else "o"
    color = COLOURS[color] if isinstance(color, int) else color
    x, fmt = _numbers(x), fmt.replace("o", marker)
    common = {"color": color, "label": label or None} | dict(style)
    if _is_estimate(next(iter(y), None)):
        value, ends = [e.value for e in y], [_lengths(e) for e in y]
        axis.errorbar(x, value, np.transpose(ends), fmt=fmt, **common)
        return
    y = _numbers(y)
    if y.ndim == 2:
        line, dots = fmt.strip("".join(MARKERS)), fmt.strip("-:.")
        band(axis, x, y, linestyle=line or "none", marker=dots or "", **common)
    else:
        axis.plot(x, y, fmt, **common)


def _is_estimate(value) -> bool:
    return all(hasattr(value, name) for name in ("value", "low", "high"))


def _lengths(estimate) -> tuple[float, float]:
    """The lengths of both sides of an estimate's interval."""
    return estimate.value - estimate.low, estimate.high - estimate.value


def _numbers(values) -> np.ndarray:
    """Return numbers of an array, a sequence or a tensor on any device as an array."""
    if hasattr(values, "detach"):
        values = values.detach().cpu()
    return np.asarray(values)


def svg(figure: Figure) -> str:
    """Return a figure as SVG text, and close the figure.

    Equal figures give equal bytes. The element `metadata` has the numbers that the
    figure draws, as CSV.

    Args:
        figure: a figure of matplotlib.
    """
    buffer = io.StringIO()
    with mpl.rc_context(_style.style()):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    numbers = escape(_figure_data.text(figure))
    plt.close(figure)
    text = buffer.getvalue()
    text = text[text.index("<svg") :].replace(INK, "currentColor")
    parts = re.fullmatch(r"(<svg[^>]*>)\s*<metadata>.*?</metadata>(.*)", text, re.S)
    assert parts is not None  # matplotlib writes both
    return f"{parts[1]}{_style.THEME}\n <metadata>{numbers}</metadata>{parts[2]}"

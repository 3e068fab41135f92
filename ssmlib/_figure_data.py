"""The numbers that a figure of matplotlib draws, as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ssmlib._imports import optional

if TYPE_CHECKING:
    from matplotlib import collections, container, ticker
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
else:
    collections = optional("matplotlib.collections", "book")
    container = optional("matplotlib.container", "book")
    ticker = optional("matplotlib.ticker", "book")

COLUMNS = ("panel", "series", "row", "x", "y", "x_low", "x_high", "y_low", "y_high")
#: points per curve
MOST = 500
Row = dict[str, Any]


def text(figure: Figure) -> str:
    """Return what a figure draws as CSV, with six digits per number.

    One line per point. `panel` is the title of a panel, or its number if it has none.
    `row` is the name of the row that the point lies in, where rows have names. The
    columns `_low` and `_high` are the ends of an interval or of a band. Where an axis
    of natural logarithms has ticks that name the numbers, the numbers are listed.
    Columns without any number are left out. Of a curve with more than 500 points, 500
    are listed, evenly spaced on the axis that is drawn.

    Args:
        figure: a figure with lines, error bars, points or bands.

    Returns:
        The table, empty if the figure draws no numbers.
    """
    rows = [
        {"panel": axis.get_title() or number} | row
        for number, axis in enumerate(figure.axes, 1)
        for row in _of_axis(axis)
    ]
    names = [n for n in COLUMNS if any(row.get(n) not in (None, "") for row in rows)]
    if len(figure.axes) == 1 and "panel" in names:
        names.remove("panel")
    written = io.StringIO()
    table = csv.DictWriter(written, names, extrasaction="ignore", lineterminator="\n")
    if rows:
        table.writeheader()
    table.writerows({k: _shown(v) for k, v in row.items()} for row in rows)
    return written.getvalue()


def _shown(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _of_axis(axis: Axes) -> Iterator[Row]:
    """The points of a panel, as the reader reads them from its axes."""
    places, names = _ticks(axis.yaxis)
    logs = [k for k, own in {"x": axis.xaxis, "y": axis.yaxis}.items() if _is_log(own)]
    for row in _points(axis):
        row |= {k: float(np.exp(v)) for k, v in row.items() if k[0] in logs}
        if names and not any(map(_is_number, names)):
            # The height within a row means nothing.
            row["row"] = names[int(np.abs(places - row.pop("y")).argmin())]
        yield row


def _ticks(axis: Axis) -> tuple[np.ndarray, list[str]]:
    """Places that have names of their own, and the names; none on other axes."""
    if not isinstance(axis.get_major_locator(), ticker.FixedLocator):
        return np.zeros(0), []
    places = [float(place) for place in axis.get_majorticklocs()]
    names = [str(name) for name in axis.get_major_formatter().format_ticks(places)]
    return np.array(places), names if any(names) else []


def _is_log(axis: Axis) -> bool:
    """Whether natural logarithms are drawn, with ticks that name the numbers."""
    places, names = _ticks(axis)
    if not names or not all(map(_is_number, names)) or "$" in "".join(names):
        return False
    with np.errstate(over="ignore"):  # then they are no logarithms
        numbers = np.exp(places)
    return np.allclose(numbers, [float(name) for name in names], rtol=0.01)


def _is_number(name: str) -> bool:
    try:
        float(name)
    except ValueError:
        return "$" in name  # a power of two or ten
    return True


def _points(axis: Axes) -> list[Row]:
    kinds = container.ErrorbarContainer
    bars = [own for own in axis.containers if isinstance(own, kinds)]
    parts = {id(part) for bar in bars for part in (bar.lines[0], *bar.lines[1])}
    rows = [row for bar in bars for row in _with_intervals(bar)]
    for line in axis.lines:
        # Lines across the whole panel are guides, not data.
        if id(line) not in parts and line.get_transform() == axis.transData:
            rows += _of_line(line, _label(line))
    for own in axis.collections:
        if isinstance(own, collections.PathCollection):
            rows += _rows(np.asarray(own.get_offsets(), dtype=float), _label(own))
        elif isinstance(own, collections.FillBetweenPolyCollection):
            _add_band(rows, own)
    return rows


def _label(artist: Any) -> str:
    return _named(str(artist.get_label()))


def _named(label: str) -> str:
    return "" if label.startswith("_") else label  # matplotlib's own names


def _of_line(line: Line2D, label: str) -> list[Row]:
    points = np.asarray(line.get_xydata(), dtype=float)
    if len(points) > MOST:
        points = points[_spread(line.get_transform().transform(points)[:, 0])]
    return _rows(points, label)


def _rows(points: np.ndarray, label: str) -> list[Row]:
    return [{"series": label, "x": x, "y": y} for x, y in points.tolist()]


def _spread(places: np.ndarray) -> np.ndarray:
    """The positions of at most MOST of the places (n,), evenly spaced if they rise."""
    last = len(places) - 1
    if not np.all(np.diff(places) > 0):
        return np.linspace(0, last, MOST).astype(int)
    even = np.linspace(places[0], places[-1], MOST)
    return np.unique(np.searchsorted(places, even).clip(max=last))


def _with_intervals(bar: container.ErrorbarContainer) -> Iterator[Row]:
    """Points with the ends of their error bars."""
    line, _, collected = bar.lines
    assert line is not None  # every figure of the book draws the points
    rows = _rows(np.asarray(line.get_xydata(), dtype=float), _label(bar))
    kinds = [
        kind for kind, there in (("x", bar.has_xerr), ("y", bar.has_yerr)) if there
    ]
    for kind, segments in zip(kinds, collected, strict=True):
        for row, segment in zip(rows, segments.get_segments(), strict=True):
            ends = np.asarray(segment, dtype=float)[:, "xy".index(kind)]
            low, high = sorted(ends.tolist())
            row |= {f"{kind}_low": low, f"{kind}_high": high}
    yield from rows


def _add_band(rows: list[Row], band: collections.FillBetweenPolyCollection) -> None:
    """Add the ends of a band to the points of the line that has its label."""
    series = _named(str(band.get_label()).removeprefix("_"))
    line = {row["x"]: row for row in rows if row["series"] == series}
    for path in band.get_paths():
        corners = np.asarray(path.vertices, dtype=float)
        for x in np.unique(corners[:, 0]).tolist():
            there = corners[corners[:, 0] == x, 1]
            ends = {"y_low": float(there.min()), "y_high": float(there.max())}
            if x in line:
                line[x] |= ends
            else:
                rows.append({"series": series, "x": x} | ends)

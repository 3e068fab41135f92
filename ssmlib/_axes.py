"""The scales of axes, and the names of curves."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ssmlib._imports import optional

if TYPE_CHECKING:
    import matplotlib as mpl
    from matplotlib import container, ticker
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
else:
    mpl = optional("matplotlib", "book")
    container = optional("matplotlib.container", "book")
    ticker = optional("matplotlib.ticker", "book")


def set_scales(axis: Axes, log: str) -> None:
    """Make the axes logarithmic that log names: x, to base 2 with a 2, and y."""
    if "x" in log or "2" in log:
        axis.set_xscale("log", base=2 if "2" in log else 10)
    if "y" in log:
        axis.set_yscale("log")


def show_ratios(axis: Axes) -> None:
    """Label an axis of natural logarithms by ratios, at most ten of them."""
    low, high = axis.get_xlim()
    wide = [10.0**k * ten for k in range(-9, 9) for ten in (1, 1.5, 2, 3, 5, 7)]
    shown = [value for value in wide if low <= np.log(value) <= high]
    if len(shown) > 10:
        shown = [value for value in shown if math.log10(value) % 1 < 1e-9]
    elif len(shown) < 4:
        steps = ticker.MaxNLocator(8).tick_values(np.exp(low), np.exp(high))
        shown = [step for step in steps if np.exp(low) <= step <= np.exp(high)]
    axis.set_xticks(np.log(shown), [f"{ratio:.4g}" for ratio in shown])


def name_curves(figure: Figure, axes, legend: bool | str) -> None:
    """Label the curves, once."""
    handles, labels = axes[0].get_legend_handles_labels()
    if legend is False or len(labels) < (1 if isinstance(legend, str) else 2):
        return
    if legend == "above":
        columns = min(len(labels), 4)
        figure.legend(handles, labels, loc="outside upper center", ncols=columns)
    elif legend == "direct":
        for axis in axes:
            _name_ends(axis)
    else:
        axes[0].legend(loc="best" if legend is True else legend)


def _name_ends(axis: Axes) -> None:
    """Write the label of each line at its end, without overlap."""
    lines = {}
    for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
        # A curve with error bars is a container, whose first part is its line.
        lines[
            handle[0] if isinstance(handle, container.ErrorbarContainer) else handle
        ] = label
    axis.autoscale_view()
    to_axes = axis.transData + axis.transAxes.inverted()
    size = mpl.rcParams["legend.fontsize"]
    last_points = {own: np.asarray(own.get_xydata())[-1] for own in lines}
    ends = {own: to_axes.transform(point)[1] for own, point in last_points.items()}
    height = axis.get_window_extent().height * 72 / axis.figure.dpi  # points
    least, last = 1.2 * size / height, -np.inf
    for own in sorted(ends, key=ends.__getitem__):
        last = max(ends[own], last + least)
        axis.annotate(
            lines[own],
            (1.01, last),
            xycoords="axes fraction",
            va="center",
            fontsize=size,
            color=own.get_color(),
        )

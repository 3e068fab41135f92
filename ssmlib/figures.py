"""One look for every figure: colour-blind-safe, legible in print and in the dark.

Figures are SVG whose ink follows the reader's theme: text and axes carry a colour
that a rule inside the picture changes in the dark.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import numpy as np

from ssmlib._imports import optional

if TYPE_CHECKING:
    import matplotlib as mpl
    import matplotlib.pyplot as plt
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
else:
    mpl = optional("matplotlib", "book")
    plt = optional("matplotlib.pyplot", "book")

#: at least 3:1 on white and on the dark theme's background
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#7F7F7F")
MARKERS = ("o", "s", "^", "D", "v")
_INK = "#0a0b0c"
_THEME = (
    "<style>svg{color:#1a1a1a}"
    "@media (prefers-color-scheme:dark){svg{color:#dcdcdc}}</style>"
)
_STYLE = {
    "axes.edgecolor": _INK,
    "axes.grid": True,
    "axes.labelcolor": _INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 11.5,
    "figure.constrained_layout.use": True,
    "font.size": 11,
    "grid.alpha": 0.25,
    "grid.color": "#7f7f7f",
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
    "savefig.transparent": True,
    "svg.fonttype": "path",
    "svg.hashsalt": "ssmlib",
    "text.color": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
}


def _style() -> dict:
    cycle = mpl.cycler(color=COLOURS)  # pyright: ignore[reportAttributeAccessIssue]
    return _STYLE | {"axes.prop_cycle": cycle}


def subplots(rows: int = 1, columns: int = 1, *, height: float = 3.0, **options):
    """`plt.subplots` in the book's style: 6.4 inches wide, `height` a row.

    The style stays in force: legends and labels are made after the axes.
    """
    mpl.rcParams.update(_style())
    return plt.subplots(rows, columns, figsize=(6.4, height * rows), **options)


def band(axis: Axes, x, draws, **style) -> None:
    """The mean of draws (n, k) over x (k,), within a standard error to each side."""
    draws = np.asarray(draws, dtype=float)
    mean, error = draws.mean(0), draws.std(0, ddof=1) / len(draws) ** 0.5
    (line,) = axis.plot(x, mean, **style)
    axis.fill_between(
        x, mean - error, mean + error, color=line.get_color(), alpha=0.15, linewidth=0
    )


def svg(figure: Figure) -> str:
    """The figure as SVG text, the same bytes for the same figure; closes it."""
    buffer = io.StringIO()
    with mpl.rc_context(_style()):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    plt.close(figure)
    text = buffer.getvalue()
    text = text[text.index("<svg") :].replace(_INK, "currentColor")
    return re.sub(r"(<svg[^>]*>)", r"\1" + _THEME, text, count=1)

"""The colors and the settings that all figures have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ssmlib._imports import optional

if TYPE_CHECKING:
    import matplotlib as mpl
else:
    mpl = optional("matplotlib", "book")

#: at least 3:1 on white and on the dark theme's background
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#7F7F7F")
MARKERS = ("o", "s", "^", "D", "v")
#: the colour of text and axes, which follows the theme
INK = "#0a0b0c"
#: lines that other lines are compared with
GREY = "#7F7F7F"
GUIDE = {"color": GREY, "linewidth": 1, "linestyle": "--"}
THEME = (
    "<style>svg{color:#1a1a1a}"
    "@media (prefers-color-scheme:dark){svg{color:#dcdcdc}}</style>"
)
_STYLE = {
    "axes.edgecolor": INK,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 11.5,
    "figure.constrained_layout.use": True,
    "font.size": 11,
    "grid.alpha": 0.25,
    "grid.color": "#7f7f7f",
    "legend.fontsize": 9,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
    "savefig.transparent": True,
    "svg.fonttype": "path",
    "svg.hashsalt": "ssmlib",
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


def style() -> dict:
    """Return the settings of matplotlib for every figure."""
    cycle = mpl.cycler(color=COLOURS)  # pyright: ignore[reportAttributeAccessIssue]
    return _STYLE | {"axes.prop_cycle": cycle}

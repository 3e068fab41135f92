"""The data sets that installed packages register by the entry point `ssmbook.datasets`.

An entry point names a function that returns one dictionary for each data set, with
`name`, `description`, `license`, `package`, `citations`, `checksums` and `load`: a call
that loads it and checks its content, or None where it needs arguments.
"""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any


def registered() -> list[dict[str, Any]]:
    """Return every registered data set, in the order of its package."""
    points = sorted(
        entry_points(group="ssmbook.datasets"), key=lambda point: point.name
    )
    return [entry for point in points for entry in point.load()()]

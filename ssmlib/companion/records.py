"""Figures stored in a notebook: written by `record`, read back by `records`.

A record is an output in the format of MyST-NB's glue, so that prose pastes it with
`{glue:text}`, and carries the tolerance within which a rerun must agree.
"""

from __future__ import annotations

import math
from ast import literal_eval
from dataclasses import dataclass
from pathlib import Path

PREFIX = "application/papermill.record/"
_NUMBER = PREFIX + "text/plain"


@dataclass(frozen=True)
class Record:
    """A stored figure; rtol None means that only claims judge it."""

    value: int | float
    rtol: float | None


def record(key: str, value: int | float, rtol: float | None = 1e-6) -> None:
    """Store the figure `value` under `key` in the notebook that is running.

    value: a Python int or float, finite. rtol: how far, relative to the stored
    value, a rerun may be off; None for a chaotic figure that only claims judge.
    Raises TypeError for other types (call float(...) or int(...) first),
    ValueError for values that are not finite or a negative rtol.
    """
    from IPython.display import display

    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(
            f"value of {key!r} must be a Python int or float, got "
            f"{type(value).__name__}; convert it with float() or int()"
        )
    if not math.isfinite(value):
        raise ValueError(f"value of {key!r} must be finite, got {value}")
    if rtol is not None and not (math.isfinite(rtol) and rtol >= 0):
        raise ValueError(f"rtol of {key!r} must be >= 0 or None, got {rtol}")
    number = float(value) if isinstance(value, float) else int(value)
    display(
        {_NUMBER: repr(number)},
        raw=True,
        metadata={"scrapbook": {"name": key, "mime_prefix": PREFIX}, "rtol": rtol},
    )


def _named(outputs: list) -> dict:
    """The outputs that carry a name, by that name; ValueError for a second one."""
    found = {}
    for output in outputs:
        name = output.get("metadata", {}).get("scrapbook", {}).get("name")
        if name is None:
            continue
        if name in found:
            raise ValueError(f"{name!r} is stored twice")
        found[name] = output
    return found


def output_records(outputs: list) -> dict[str, Record]:
    """The records among outputs, by key."""
    return {
        name: Record(literal_eval(output["data"][_NUMBER]), output["metadata"]["rtol"])
        for name, output in _named(outputs).items()
        if _NUMBER in output["data"]
    }


def notebook_outputs(path: str | Path) -> list:
    """All outputs of an executed notebook.

    Raises ValueError where a code cell was not executed or stores an error.
    """
    import nbformat  # only readers of notebooks need it

    notebook = nbformat.read(path, 4)
    cells = [c for c in notebook.cells if c.cell_type == "code" and c.source.strip()]
    if not cells:
        raise ValueError(f"{path} has no code cells")
    for number, cell in enumerate(cells):
        if cell.execution_count is None:
            raise ValueError(
                f"{path} was not executed: code cell {number} has no count"
            )
        if any(output.output_type == "error" for output in cell.outputs):
            raise ValueError(f"{path} stores an error in code cell {number}")
    return [output for cell in cells for output in cell.outputs]


def records(path: str | Path) -> dict[str, Record]:
    """Every record of an executed notebook, by key.

    Raises ValueError for a notebook without outputs, with an error, or with a key
    stored twice.
    """
    return output_records(notebook_outputs(path))


def pictures(path: str | Path) -> dict[str, str]:
    """Every named figure of an executed notebook: its SVG, by name."""
    return {
        name: output["data"]["image/svg+xml"]
        for name, output in _named(notebook_outputs(path)).items()
        if "image/svg+xml" in output["data"]
    }

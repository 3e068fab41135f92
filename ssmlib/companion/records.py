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


def node_records(notebook, name) -> dict[str, Record]:
    """As `records`, of a notebook that was read; `name` is for messages."""
    cells = [c for c in notebook.cells if c.cell_type == "code" and c.source.strip()]
    if not cells:
        raise ValueError(f"{name} has no code cells")
    for number, cell in enumerate(cells):
        if cell.execution_count is None:
            raise ValueError(
                f"{name} was not executed: code cell {number} has no count"
            )
        if any(output.output_type == "error" for output in cell.outputs):
            raise ValueError(f"{name} stores an error in code cell {number}")
    return output_records(_every_output(notebook))


def records(path: str | Path) -> dict[str, Record]:
    """Every record of an executed notebook, by key.

    Raises ValueError for a notebook without outputs, with an error, or with a key
    stored twice.
    """
    import nbformat  # only readers of notebooks need it

    return node_records(nbformat.read(path, 4), path)


def figures_of(notebook) -> dict[str, str]:
    """Every named figure of a notebook that was read: its SVG, by name."""
    return {
        name: output["data"]["image/svg+xml"]
        for name, output in _named(_every_output(notebook)).items()
        if "image/svg+xml" in output["data"]
    }


def names_of(notebook) -> set[str]:
    """The name of everything that a notebook stores for prose, executed or not."""
    return set(_named(_every_output(notebook)))


def _every_output(notebook) -> list:
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [output for cell in code for output in cell.outputs]

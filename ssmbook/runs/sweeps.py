"""A sweep: one notebook, many choices of parameters, picked up where it stopped."""

from __future__ import annotations

import csv
import itertools
import math
from pathlib import Path
from typing import cast

from ssmbook.notebook import strict_yaml
from ssmbook.notebook.files import shown
from ssmbook.notebook.parameters import (
    Parameter,
    Value,
    check_distinct,
    from_text,
)

MOST = 1_000_000  # values of an axis, runs of a grid


def axis(parameter: Parameter, text: str, where: str) -> list[Value]:
    """The values of `a,b,c`, or of `start:stop[:step]` for whole numbers.

    Commas inside double quotes separate nothing. Raises ValueError, also for more than
    MOST values.
    """
    chosen: list[Value]
    if parameter.type == "int" and ":" in text:
        try:
            parts = [
                cast(int, from_text(parameter, part, where)) for part in text.split(":")
            ]
            counted = range(*parts)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"{where}: {parameter.name} must read start:stop[:step], whole numbers "
                f"with a step that is not 0, got {shown(text)}"
            ) from error
        if counted[MOST:]:  # len() cannot count to 10^30
            raise ValueError(f"{where}: {parameter.name} has more than {MOST} values")
        chosen = list(counted)
    else:
        try:
            (parts,) = csv.reader([text], strict=True) if text else ([],)
        except (csv.Error, ValueError) as error:
            raise ValueError(
                f"{where}: {parameter.name}, {shown(text)}: {error}"
            ) from error
        chosen = [from_text(parameter, part, where) for part in parts]
    if not chosen:
        raise ValueError(f"{where}: {parameter.name} has no values in {shown(text)}")
    return chosen


def product(axes: dict[str, list]) -> list[dict]:
    """Every combination of the axes' values, the last axis fastest.

    Raises ValueError where they are more than MOST, or an axis has a value twice.
    """
    many = math.prod(map(len, axes.values()))
    if many > MOST:
        raise ValueError(
            f"a grid of {shown(many)} runs; at most {MOST} are possible: split it"
        )
    for name, values in axes.items():
        check_distinct([repr(value) for value in values], f"the axis {name}")
    return [dict(zip(axes, c, strict=True)) for c in itertools.product(*axes.values())]


def zipped(axes: dict[str, list]) -> list[dict]:
    """The axes' values side by side; ValueError for axes of several lengths."""
    lengths = {name: len(values) for name, values in axes.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"axes side by side must be of one length, got {lengths}")
    return [dict(zip(axes, c, strict=True)) for c in zip(*axes.values(), strict=True)]


def from_file(path: Path) -> list[dict]:
    """Choices from YAML: `grid:` or `zip:` {name: [values]}; `runs:` [{name: value}].

    Raises ValueError for another form.
    """
    content = strict_yaml.load(path)
    match content:
        case {"runs": [*choices], **rest} if not rest:
            if choices and all(isinstance(choice, dict) for choice in choices):
                return choices
        case {"grid": dict(axes), **rest} | {"zip": dict(axes), **rest} if not rest:
            if axes and all(isinstance(v, list) and v for v in axes.values()):
                return zipped(axes) if "zip" in content else product(axes)
    raise ValueError(
        f"{path} must hold one of `grid:` or `zip:` {{name: [values]}}, or `runs:` "
        "[{name: value}, ...]"
    )

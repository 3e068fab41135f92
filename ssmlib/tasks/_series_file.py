"""Files of the format .ts: series of several channels with a number as target."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ssmlib.tasks._headers import shown

_LARGEST = float(np.finfo(np.float32).max)


def read(path: Path, problem: str) -> tuple[Tensor, Tensor]:
    """Return the series and targets of a file.

    Its lines have the form 0.1,0.2:0.3,0.4:12.5, one channel before each colon, and
    follow a line @data. The lines above it start with @ or #.

    Args:
        path: of the file.
        problem: its name, with which a line @problemName must agree.

    Returns:
        (n, channels, L) float32 and (n,) float32.

    Raises:
        ValueError: for a file of another form or name, a value that is not a finite
            number, or series that differ in channels or length.
    """
    series: list[np.ndarray] = []
    targets: list[float] = []
    data = False
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(map(str.strip, file), start=1):
                if not line or line[0] == "#":
                    continue
                if not data:
                    data = _header(path, number, line, problem)
                    continue
                values, target = _row(f"{path}, line {number},", line)
                if series and values.shape != series[0].shape:
                    raise ValueError(
                        f"{path}, line {number}, must have the channels and the length "
                        f"of the first series, {series[0].shape}, got {values.shape}"
                    )
                series.append(values)
                targets.append(target)
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} must be a text file in UTF-8: {error}") from error
    if not series:
        raise ValueError(f"{path} must hold series below a line @data, got none")
    y = torch.tensor(targets, dtype=torch.float32, device="cpu")
    return torch.from_numpy(np.stack(series)), y


def _header(path: Path, number: int, line: str, problem: str) -> bool:
    """Whether a line of the header is its last one."""
    key, _, value = line.partition(" ")
    if line[0] != "@":
        raise ValueError(
            f"{path}, line {number}, must start with @, as all lines up to @data, got "
            f"{shown(line)}"
        )
    if key.lower() == "@problemname" and value.strip().lower() != problem.lower():
        raise ValueError(f"{path} must hold {problem}, got {value.strip()}")
    return key.lower() == "@data"


def _row(place: str, line: str) -> tuple[np.ndarray, float]:
    """The series of a line, (channels, L) float32, and its target."""
    *channels, last = line.split(":")
    try:
        rows = [[float(value) for value in own.split(",")] for own in channels]
        target = float(last)
    except ValueError as error:
        raise ValueError(f"{place} must hold numbers: {error}") from error
    if not rows or len({len(row) for row in rows}) > 1:
        raise ValueError(
            f"{place} must hold channels of one length and a target after the last "
            f"colon, got the lengths {[len(row) for row in rows]}"
        )
    values = np.array(rows)
    if not (np.abs(values) <= _LARGEST).all() or not abs(target) <= _LARGEST:
        raise ValueError(
            f"{place} must hold finite numbers within float32's range, got one that is "
            "not"
        )
    return values.astype(np.float32), target

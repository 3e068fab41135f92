"""Decide whether the first line of a text table has names or data."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?|[+-]?(inf|nan)", re.I)
_MISSING = {"", "na", "n/a", "#n/a", "null", "none", "nan", "-"}
_NO_NAME = re.compile(  # signs alone, or a word for a number
    r"[?*.!~_/\\\u2010-\u2015\u2212-]+|\W*(inf|infinity|nan|\u221e)\W*", re.I
)
_INTEGER = re.compile(r"\d{1,9}")


def shown(text: str, most: int = 60) -> str:
    """A text in quotation marks for a message, its middle left out if it is long."""
    if len(text) <= most:
        return repr(text)
    half = most // 2
    return f"{text[:half]!r} ... {text[-half:]!r} ({len(text):,} characters)"


def listed(names: list[str], most: int = 12) -> str:
    """Names for a message, the first ones if they are many."""
    short = [name if len(name) <= 60 else shown(name) for name in names[:most]]
    more = f", ... ({len(names):,} in total)" if len(names) > most else ""
    return ", ".join(short) + more


def is_header(path: Path, rows: list[list[str]], column: str | None) -> bool:
    """Return whether the first row has names: text above other values in the second.

    Args:
        path: the table, for messages.
        rows: the first rows of a table, as fields.
        column: the requested column, or None.

    Raises:
        ValueError: if the first row may be names as well as data.
    """
    names, kinds = rows[0], [_kind(field) for field in rows[0]]
    asked = column.strip() if column is not None else None
    position = asked is not None and asked.isdecimal() and 1 <= int(asked) <= len(names)
    if _numbered(rows) or (asked in names and ("text" in kinds or not position)):
        header = True
    elif "text" not in kinds:
        header = False
    elif len(rows) == 1 or "number" not in kinds:
        header = True
    else:
        header = kinds != [_kind(field) for field in rows[1]]
    # A column that was asked for by a name confirms the header.
    if header and (position or (asked is None and len(names) == 1)):
        for name, kind in zip(names, kinds, strict=True):
            if kind == "text" and _like_number(name):
                raise ValueError(
                    f"{path} has {shown(name)} in its first line, which may be a name "
                    "or a number: write numbers as -1234.5, without other signs, or "
                    "give each column a name with a letter"
                )
    if not header and position and _maybe_numbered(rows):
        raise ValueError(
            f"{path} has the first line {listed(names, 4)}, which may be names or "
            "data: if it holds names, let each have a letter, or delete the line; if "
            "it is data, write it with decimal points, as 0.0, or add a header above it"
        )
    return header


def _kind(field: str) -> str:
    if field.lower() in _MISSING:
        return "gap"
    if NUMBER.fullmatch(field):
        return "number"
    return "date" if field[0].isdigit() else "text"


def _like_number(field: str) -> bool:
    if _NO_NAME.fullmatch(field):
        return True
    letters = re.sub(r"(?<=\d)[eE](?=[+-]?\d)", "", field)  # but that of an exponent
    return any(c.isdigit() for c in field) and not any(c.isalpha() for c in letters)


def _counted(names: list[str]) -> tuple[int, int, int] | None:
    """Empty fields at the front, and first and number of the integers that count up."""
    empty = next((k for k, name in enumerate(names) if name), len(names))
    rest = names[empty:]
    if not rest or not _INTEGER.fullmatch(rest[0]):
        return None
    first = int(rest[0])
    if rest != [str(first + k) for k in range(len(rest))]:
        return None
    return empty, first, len(rest)


def _numbered(rows: list[list[str]]) -> bool:
    """Whether the first row is that of pandas: empty above an index, then 0, 1, 2."""
    counted = _counted(rows[0])
    if counted is None or len(rows) == 1 or not rows[1][0]:
        return False
    return counted[0] > 0 and counted[1] == 0


def _maybe_numbered(rows: list[list[str]]) -> bool:
    """Whether the first row counts up, as names may do and data seldom do."""
    counted, below = _counted(rows[0]), rows[1:]
    if counted is None or not below or _is_time(rows):
        return False
    empty, first, n = counted
    if empty:
        return n > 1
    # A table of float64 has a point in each number, but not in its columns' numbers.
    points = not any(re.fullmatch(r"[+-]?\d+", f) for row in below for f in row)
    return points and n > 1 if first == 0 and n < 3 else n > 2 and (not first or points)


def _is_time(rows: list[list[str]]) -> bool:
    """Whether the first column, its first row included, has equal steps."""
    try:
        times = [float(row[0]) for row in rows]
    except ValueError:
        return False
    steps = [b - a for a, b in itertools.pairwise(times)]
    equal = all(abs(step - steps[0]) <= 1e-3 * abs(steps[0]) for step in steps)
    return len(steps) > 1 and steps[0] != 0 and equal

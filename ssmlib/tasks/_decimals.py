"""Decide whether the points of a column are decimal points or separate thousands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ssmlib._imports import optional
from ssmlib.tasks._headers import shown

if TYPE_CHECKING:
    import pandas
else:
    pandas = optional("pandas", "data")

#: a number whose commas may separate thousands
COMMAS = r"[+-]?[1-9]\d{0,2}(?:,\d{3})+"
_POINTS = r"[+-]?[1-9]\d{0,2}(?:\.\d{3})+"


def may_be_thousands(values: pandas.Series) -> bool:
    """Return whether numbers have three digits at most after a point."""
    if not pandas.api.types.is_float_dtype(values):
        return False
    with np.errstate(over="ignore"):  # infinite: no separators of thousands
        thousands = 1000 * values.to_numpy(float)
    if not np.isfinite(thousands).all():
        return False
    return bool(np.all(np.abs(thousands - np.round(thousands)) < 1e-6))


def are_thousands(
    where: str, fields: pandas.DataFrame, position: int, skipped: int
) -> bool | None:
    """Return whether points separate thousands, as the other columns show.

    None if they may, and nothing else in the table says whether they do.

    Args:
        where: the column and its file, for messages.
        fields: the text of a table.
        position: the number of the column, from 0, whose fields are all numbers.
        skipped: lines of the file before the table.

    Raises:
        ValueError: if the points may be decimal points as well.
    """
    filled = fields[position].str.strip()
    pointed = filled[filled.str.contains(".", regex=False)]
    whole = filled.drop(pointed.index)
    if not len(pointed) or not pointed.str.fullmatch(_POINTS).all():
        return False
    if not whole.str.fullmatch(r"[+-]?\d{1,3}").all():  # 1234 has no separator
        return False
    commas, points, doubt = _evidence(fields.drop(columns=position))
    if commas and not points:
        return True
    if commas or (not points and (len(whole) or doubt)):
        raise ValueError(
            f"{where} has {shown(pointed.iloc[0])} in line "
            f"{skipped + pointed.index[0] + 1}, which may have a decimal point or a "
            "separator of thousands: write numbers without separators of thousands, as "
            "1234.5, and decimals with another number of digits, as 1.0120"
        )
    return False if points else None


def _evidence(fields: pandas.DataFrame) -> tuple[bool, bool, bool]:
    """Whether numbers have decimal commas, decimal points, or commas of either kind."""
    commas = points = doubt = False
    for name in fields:
        column = fields[name].dropna().str.strip()
        column = column[column.str.contains("[.,]")]

        def holds(pattern: str, but: str = "", column: pandas.Series = column) -> bool:
            found = column.str.fullmatch(pattern) & ~column.str.fullmatch(but)
            return bool(found.any())

        for sign, other, thousands in ((",", r"\.", COMMAS), (r"\.", ",", _POINTS)):
            group = rf"[+-]?[1-9]\d{{0,2}}(?:{other}\d{{3}})"
            decimal = (
                holds(rf"[+-]?(?=.?\d)\d*{sign}\d*(?:[eE][+-]?\d+)?", thousands)
                or holds(rf"{group}+{sign}\d+")
                or holds(rf"{group}{{2,}}")
            )
            if sign == ",":
                commas |= decimal
            else:
                points |= decimal
        doubt |= holds(COMMAS)
    return commas, points, doubt

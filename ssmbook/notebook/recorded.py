"""A recorded number, with the tolerance within which a rerun must agree."""

from __future__ import annotations

import math
import re
import sys
from dataclasses import asdict, dataclass, fields
from typing import TypeGuard

from ssmbook.notebook.files import shown

_KEY = re.compile(r"\w+")

#: standard errors, of both figures combined, that a rerun may differ by
ERRORS = 4


@dataclass(frozen=True)
class Record:
    """A recorded number. Without a tolerance it is evaluated by claims alone.

    rtol, atol: how far a rerun may be off, relative to the value or absolutely; se:
    the figure's standard error. At most one of them. because: why rtol is loose.
    freedom: the degrees of freedom of se; None: as many as of a normal law.
    """

    value: int | float
    rtol: float | None = None
    atol: float | None = None
    se: float | None = None
    because: str | None = None
    freedom: int | None = None

    @property
    def tolerance(self) -> dict[str, float | str]:
        """What is given of rtol, atol, se, because and freedom, by name."""
        parts = {k: v for k, v in asdict(self).items() if k != "value"}
        return {k: v for k, v in parts.items() if v is not None}

    @property
    def ends(self) -> tuple[float, float] | None:
        """The ends of its 95 % interval; None for a figure without an error."""
        if not self.se:
            return None
        from scipy import stats  # half a second, and most processes never ask

        half = float(stats.t.isf(0.025, self.freedom or math.inf)) * self.se
        return self.value - half, self.value + half

    @property
    def held(self) -> bool:
        """Whether a tolerance holds it."""
        return bool(self.tolerance)

    def agrees(self, fresh: Record) -> bool:
        """Whether a rerun's record is within the tolerance that both declare."""
        if set(self.tolerance) != set(fresh.tolerance):
            return False
        apart = abs(fresh.value - self.value)
        if self.se is not None and fresh.se is not None:
            return apart <= ERRORS * math.hypot(self.se, fresh.se)
        if self.tolerance != fresh.tolerance:
            return False
        if self.atol is not None:
            return apart <= self.atol
        return self.rtol is None or apart <= self.rtol * abs(self.value)


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def checked(key: str, entry: Record) -> Record:
    """Return the record; TypeError or ValueError for a part that is not allowed."""
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise ValueError(
            "the key of a record must consist of letters, digits and underscores, so "
            f"that text can paste it, got {shown(key)}"
        )
    if not _is_number(entry.value):
        raise TypeError(
            f"value of {key!r} must be a Python int or float, got "
            f"{type(entry.value).__name__}; convert it with float() or int()"
        )
    if isinstance(entry.value, int) and not -(2**63) <= entry.value < 2**63:
        raise ValueError(
            f"value of {key!r} must be in [-2^63..2^63) if it is an int, got "
            f"{shown(entry.value)}; convert it with float()"
        )
    if not math.isfinite(entry.value):
        raise ValueError(f"value of {key!r} must be finite, got {entry.value}")
    aside = ("because", "freedom")
    given = {n: v for n, v in entry.tolerance.items() if n not in aside}
    if len(given) > 1:
        raise ValueError(
            f"{key!r} takes one of rtol, atol and se, got {', '.join(given)}"
        )
    for name, value in given.items():
        if not _is_number(value):
            raise TypeError(
                f"{name} of {key!r} must be a Python float, got {type(value).__name__}"
            )
        if not 0 <= value <= sys.float_info.max:
            raise ValueError(
                f"{name} of {key!r} must be finite and >= 0, got {shown(value)}"
            )
    if not isinstance(entry.because, (str, type(None))):
        raise TypeError(f"because of {key!r} must be text, got {shown(entry.because)}")
    freedom = entry.freedom
    if freedom is not None and not (_is_number(freedom) and 0 < freedom < math.inf):
        raise ValueError(
            f"freedom of {key!r} must be a positive number, got {shown(freedom)}"
        )
    return entry


def as_record(key: str, parts: dict) -> Record:
    """A record of what is stored of it, checked; ValueError or TypeError."""
    if unknown := set(parts) - {f.name for f in fields(Record)}:
        raise ValueError(f"the record {key!r} has unknown parts {sorted(unknown)}")
    if "value" not in parts:
        raise ValueError(f"the record {key!r} has no value")
    return checked(key, Record(**parts))

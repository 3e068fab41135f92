"""What an entry of the ledger predicts of records."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Annotated

from pydantic import Field

from ssmbook.ledger.numerals import readable
from ssmbook.notebook.checked import Interval, Number, Slack, Text, checked

_FORMS = (
    {"key", "between"},
    {"key", "above"},
    {"key", "below"},
    {"key", "value", "atol"},
    {"key", "value", "rtol"},
    {"order"},
)
#: significant digits of predicted numbers
_DIGITS = 4


@checked
class Expectation:
    """A statement about records: a range, a value with a tolerance, or an order.

    words: what the records are; no hash covers it.
    """

    because: Text
    key: Text | None = None
    between: Interval | None = None
    value: Annotated[Number, Field(allow_inf_nan=False)] | None = None
    atol: Slack | None = None
    rtol: Slack | None = None
    above: Number | None = None
    below: Number | None = None
    order: Annotated[tuple[Text, ...], Field(min_length=2)] | None = None
    words: Text | None = None

    def __post_init__(self) -> None:
        given = {name for name, part in vars(self).items() if part is not None}
        if given - {"because", "words"} not in _FORMS:
            raise ValueError(
                "must be {key, between: [a, b]}, {key, above}, {key, below}, {key, "
                "value, atol or rtol} or {order: [k1, k2, ...]}, with because"
            )

    @property
    def keys(self) -> tuple[str, ...]:
        """The records that it reads."""
        if self.order is not None:
            return self.order
        assert self.key is not None  # by `_FORMS`
        return (self.key,)

    @property
    def ends(self) -> tuple[float, float]:
        """The range of the record; of an order, zeros."""
        if self.between is not None or self.order is not None:
            return self.between or (0.0, 0.0)
        if self.above is not None:
            return self.above, math.inf
        if self.below is not None:
            return -math.inf, self.below
        value, slack = self.value, self.atol
        assert value is not None  # by `_FORMS`
        if self.rtol is not None:
            slack = abs(value) * self.rtol
        assert slack is not None  # by `_FORMS`
        return value - slack, value + slack

    def holds(self, values: Mapping[str, float]) -> bool:
        """Return whether the records are as predicted."""
        found = [values[key] for key in self.keys]
        if self.order is not None:
            return all(a < b for a, b in pairwise(found))
        low, high = self.ends
        return low <= found[0] <= high

    @property
    def predicted(self) -> str:
        """The range, the value with its tolerance, or that values increase, in words.

        Numbers are rounded to four digits.
        """
        if self.order is not None:
            return "increasing"
        if self.above is not None:
            return f"at least {readable(self.above, _DIGITS)}"
        if self.below is not None:
            return f"at most {readable(self.below, _DIGITS)}"
        if self.rtol is not None:
            assert self.value is not None  # by `_FORMS`
            return f"{readable(self.value, _DIGITS)} within {100 * self.rtol:g} %"
        low, high = self.ends
        first, last = (readable(end, _DIGITS) for end in (low, high))
        if self.value is not None:
            middle = self.value
        elif first != last:
            return f"between {first} and {last}"
        else:
            middle = float(f"{low:.{_DIGITS}g}")
        slack = max(middle - low, high - middle)
        within = f" within {readable(slack, 2)}" if slack else ""
        return readable(middle, _DIGITS) + within

    def in_words(self, labels: Mapping[str, str]) -> str:
        """Return the statement, Markdown, with words for what it is about."""
        named = [labels.get(key, f"`{key}`") for key in self.keys]
        return f"{self.words or ', '.join(named)}: {self.predicted}"

    def in_full(self, labels: Mapping[str, str]) -> str:
        """Return the statement in words, followed by the names of its records."""
        keys = ", ".join(f"`{key}`" for key in self.keys)
        return self.in_words(labels) + (f" ({keys})" if self.words else "")


def predictions_hash(
    expect: Sequence[Expectation],
    limits: Sequence[Expectation],
    null: Mapping[str, float],
) -> str:
    """Return 12 hex digits of what is predicted, of which records, and of the null."""
    parts = {"expect": expect, "limits": limits}
    content = {k: [[list(e.keys), *e.ends] for e in v] for k, v in parts.items()}
    content = json.dumps(content | {"null": null}, sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:12]

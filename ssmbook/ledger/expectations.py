"""What an entry of the ledger predicts of records."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Annotated

from pydantic import Field

from ssmbook.notebook.checked import Interval, Number, Slack, Text, checked

_FORMS = (
    {"key", "between"},
    {"key", "above"},
    {"key", "below"},
    {"key", "value", "atol"},
    {"key", "value", "rtol"},
    {"order"},
)


@checked
class Expectation:
    """A statement about records: a range, a value with a tolerance, or an order."""

    because: Text
    key: Text | None = None
    between: Interval | None = None
    value: Annotated[Number, Field(allow_inf_nan=False)] | None = None
    atol: Slack | None = None
    rtol: Slack | None = None
    above: Number | None = None
    below: Number | None = None
    order: Annotated[tuple[Text, ...], Field(min_length=2)] | None = None

    def __post_init__(self) -> None:
        given = {name for name, part in vars(self).items() if part is not None}
        if given - {"because"} not in _FORMS:
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
    def predicts(self) -> str:
        """The statement, Markdown."""
        return self.in_words({})

    def in_words(self, labels: Mapping[str, str]) -> str:
        """Return the statement with words for some records, Markdown."""
        named = [labels.get(key, f"`{key}`") for key in self.keys]
        if self.order is not None:
            return " < ".join(named)
        low, high = self.ends
        if self.above is not None:
            return f"{named[0]} > {low:.6g}"
        if self.below is not None:
            return f"{named[0]} < {high:.6g}"
        interval = f"in [{low:.6g}, {high:.6g}]"
        return f"{named[0]} {interval if low < high else f'= {low:.6g}'}"


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

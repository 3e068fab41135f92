"""What an entry of the ledger predicts of records, in one of three forms."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Annotated

from pydantic import (
    AfterValidator,
    ConfigDict,
    Discriminator,
    Field,
    FiniteFloat,
    Tag,
    TypeAdapter,
)
from pydantic.dataclasses import dataclass

#: begins the name of a form in the place of a fault
TAG = "form "
CONFIG = ConfigDict(extra="forbid")
_FORM = "{key, between: [a, b]}, {key, value, atol or rtol} or {order: [k1, k2, ...]}"


def _ascending(ends: tuple[float, float]) -> tuple[float, float]:
    if not ends[0] <= ends[1]:
        raise ValueError("must be [low, high], with low <= high")
    return ends


Text = Annotated[str, Field(min_length=1)]
Interval = Annotated[tuple[float, float], AfterValidator(_ascending)]


class Expectation:
    """A statement about records: a range, a value with a tolerance, or an order."""

    keys: tuple[str, ...] = ()
    low = high = 0.0

    def holds(self, values: Mapping[str, float]) -> bool:
        """Return whether the records are as predicted."""
        return self.low <= values[self.keys[0]] <= self.high

    @property
    def predicts(self) -> str:
        """The statement, Markdown."""
        if self.low == self.high:
            return f"`{self.keys[0]}` = {self.low:.6g}"
        return f"`{self.keys[0]}` in [{self.low:.6g}, {self.high:.6g}]"


@dataclass(frozen=True, config=CONFIG)
class Between(Expectation):
    """A record within a range, both ends included."""

    key: Text
    between: Interval
    because: Text

    @property
    def keys(self) -> tuple[str, ...]:
        """The record that it reads."""
        return (self.key,)

    @property
    def low(self) -> float:
        """The lower end."""
        return self.between[0]

    @property
    def high(self) -> float:
        """The upper end."""
        return self.between[1]


@dataclass(frozen=True, config=CONFIG)
class Near(Expectation):
    """A record near a value, by an absolute or a relative tolerance."""

    key: Text
    value: FiniteFloat
    because: Text
    atol: Annotated[float, Field(ge=0)] | None = None
    rtol: Annotated[float, Field(ge=0)] | None = None

    def __post_init__(self) -> None:
        if (self.atol is None) == (self.rtol is None):
            raise ValueError("needs one of atol and rtol")

    @property
    def keys(self) -> tuple[str, ...]:
        """The record that it reads."""
        return (self.key,)

    @property
    def _slack(self) -> float:
        return self.atol if self.rtol is None else abs(self.value) * self.rtol

    @property
    def low(self) -> float:
        """The lower end of the values that are near enough."""
        return self.value - self._slack

    @property
    def high(self) -> float:
        """The upper end of the values that are near enough."""
        return self.value + self._slack


@dataclass(frozen=True, config=CONFIG)
class Order(Expectation):
    """Records in ascending order."""

    order: Annotated[tuple[Text, ...], Field(min_length=2)]
    because: Text

    @property
    def keys(self) -> tuple[str, ...]:
        """The records that it reads."""
        return self.order

    def holds(self, values: Mapping[str, float]) -> bool:
        """Return whether each record is below the next."""
        return all(a < b for a, b in pairwise(values[key] for key in self.keys))

    @property
    def predicts(self) -> str:
        """The statement, Markdown."""
        return " < ".join(f"`{key}`" for key in self.keys)


def _form(entry: object) -> str | None:
    """The form of an expectation, by the field that only it has."""
    given = entry if isinstance(entry, dict) else getattr(entry, "__dict__", {})
    found = [form for form in ("order", "between", "value") if form in given]
    return f"{TAG}{found[0]}" if len(found) == 1 else None


AnyExpectation = Annotated[
    Annotated[Between, Tag(f"{TAG}between")]
    | Annotated[Near, Tag(f"{TAG}value")]
    | Annotated[Order, Tag(f"{TAG}order")],
    Discriminator(
        _form, custom_error_type="form", custom_error_message=f"must be {_FORM}"
    ),
]

expectation = TypeAdapter(AnyExpectation).validate_python


def predictions_hash(
    expect: Sequence[Expectation],
    limits: Sequence[Expectation],
    null: Mapping[str, float],
) -> str:
    """Return 12 hex digits of what is predicted, of which records, and of the null."""
    parts = {"expect": expect, "limits": limits}
    content = {k: [[list(e.keys), e.low, e.high] for e in v] for k, v in parts.items()}
    content = json.dumps(content | {"null": null}, sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:12]

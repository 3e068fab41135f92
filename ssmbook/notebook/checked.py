"""Dataclasses whose fields pydantic checks, and its errors in the words of YAML."""

from __future__ import annotations

import re
from typing import Annotated, Any, TypeVar, dataclass_transform

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
)
from pydantic.dataclasses import dataclass

from ssmbook.notebook.files import shown

_CONFIG = ConfigDict(extra="forbid")
#: pydantic's words, and those of YAML
_WORDS = (
    ("Input should be", "must be"),
    ("String should have at least 1 character", "must not be empty"),
    ("String should", "must"),
    ("Keys should be strings", "must be text"),
    ("tuple", "list"),
    (r"(valid )?dictionary( or an instance of \w+)?", "mapping"),
)


def _number(value: object) -> object:
    """YAML reads 1.0e-3 as a number, 1e-3 as text, and yes as true."""
    if isinstance(value, bool):
        raise ValueError("must be a number")
    return value


def _ascending(ends: tuple[float, float]) -> tuple[float, float]:
    if not ends[0] <= ends[1]:
        raise ValueError("must be [low, high], with low <= high")
    return ends


T = TypeVar("T")
Text = Annotated[str, Field(min_length=1)]
Number = Annotated[float, BeforeValidator(_number)]
Interval = Annotated[tuple[Number, Number], AfterValidator(_ascending)]
Slack = Annotated[Number, Field(ge=0)]


@dataclass_transform(frozen_default=True, field_specifiers=(Field,))
def checked(kind: type[T]) -> type[T]:
    """Make a class a frozen dataclass whose fields pydantic checks.

    A type checker loses the fields where pydantic's decorator is called with options.
    """
    made: Any = dataclass(frozen=True, config=_CONFIG)(kind)
    return made


def said(error: ValidationError) -> str:
    """Return what is wrong with an entry, on one line; at most three faults."""
    said = []
    for fault in error.errors():
        where, kind, given = _field(fault["loc"]), fault["type"], fault["input"]
        facts = fault.get("ctx", {})
        if kind == "missing":
            said.append(f"{where} is missing")
        elif kind == "unexpected_keyword_argument":
            said.append(f"unknown field {where}")
        elif kind == "value_error" and not where:
            said.append(str(facts["error"]))
        elif kind != "too_short" or len(given) == facts["actual_length"]:
            said.append(f"{where} {_wanted(fault)}, got {shown(given)}")
    return "; ".join(said[:3])


def _wanted(fault) -> str:
    """What a field must be."""
    facts = fault.get("ctx", {})
    if fault["type"] == "literal_error":
        return f"must be one of {facts['expected']}"
    if fault["type"] == "too_short":
        return f"must have at least {facts['min_length']} in a list"
    wanted = str(facts.get("error") or fault["msg"])
    for words, own in _WORDS:
        wanted = re.sub(words, own, wanted)
    return wanted


def _field(place: tuple[str | int, ...]) -> str:
    """The place of a field within an entry: `expect 1, because`."""
    text = ""
    for part in place:
        if isinstance(part, int):
            text += f" {part + 1}" if text else f"the key {part}"
        elif part != "[key]":
            text += f", {part}" if text else part
    return text

"""A notebook's parameters: the typed interface its `parameters` cell declares.

One per line: `name: type = default  # [low..high] help`, or `# {a,b} help`, or, for the
path of a file or folder, `# <path> help`. A type is int, float, str or bool. A command
line gives a value by `-p name=value`, a profile by YAML.
"""

from __future__ import annotations

import ast
import math
import re
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from ssmbook.notebook.files import notebook_of, shown
from ssmbook.notebook.syntax import parse

_TYPES = {"int": int, "float": float, "str": str, "bool": bool}
_WORDS = {"true": True, "false": False}
Value = int | float | str | bool
_RANGE = re.compile(r"\[(\S+?)\.\.(\S+?)\]\s*")
_CHOICES = re.compile(r"\{([^}]*)\}\s*")
_PATH = re.compile(r"<path>\s*")


@dataclass(frozen=True)
class Parameter:
    """One line of the interface."""

    name: str
    type: str
    default: Value
    low: float | None
    high: float | None
    choices: tuple[str, ...] | None
    help: str
    is_path: bool = False

    @property
    def allowed(self) -> str:
        """The range or the choices as the notebook writes them, or nothing."""
        if self.is_path:
            return "<path>"
        if self.choices is not None:
            return "{" + ",".join(self.choices) + "}"
        return "" if self.low is None else f"[{self.low:g}..{self.high:g}]"


def _cell(notebook, path):
    tagged = [c for c in notebook.cells if "parameters" in c.metadata.get("tags", [])]
    if len(tagged) != 1:
        raise ValueError(f"{path} must have one cell tagged parameters")
    return tagged[0]


def _parse(line: str, path) -> Parameter:
    code, _, comment = line.partition("#")
    try:
        parsed: Any = parse(code.strip())  # of any statement
        (node,) = parsed.body
        name, kind = node.target.id, ast.unparse(node.annotation)
        default = ast.literal_eval(node.value)
        if kind not in _TYPES:
            raise ValueError
    except (ValueError, AttributeError, SyntaxError, TypeError, RecursionError,
            MemoryError) as error:  # fmt: skip
        raise ValueError(
            f"{path}: a parameter must read `name: int|float|str|bool = default`, got "
            f"{shown(line)}"
        ) from error
    comment = comment.strip()
    low = high = choices = None
    if match := _RANGE.match(comment):
        low, high = _bounds(match, kind, f"{path}: {name}")
    elif match := _CHOICES.match(comment):
        choices = tuple(part.strip() for part in match[1].split(","))
    elif match := _PATH.match(comment):
        if kind != "str":
            raise ValueError(f"{path}: a <path> must be str, got {line!r}")
    is_path = bool(_PATH.match(comment))
    help = comment[match.end() :] if match else comment
    return Parameter(name, kind, default, low, high, choices, help, is_path)


def _bounds(match: re.Match, kind: str, where: str) -> tuple[float, float]:
    """The range of a number; ValueError for another one."""
    try:
        low, high = float(match[1]), float(match[2])
        if kind in ("int", "float") and low <= high:
            return low, high
    except ValueError:
        pass
    raise ValueError(
        f"{where}: a range must read [low..high], of a number, got {match[0].strip()} "
        f"for {kind}"
    )


def interface(path: str | Path) -> dict[str, Parameter]:
    """The parameters a notebook declares, by name, defaults within their own range.

    Raises ValueError for a notebook without one `parameters` cell, or a line that
    does not declare a typed default.
    """
    return dict(_interface(Path(path).read_bytes(), path))


@lru_cache(maxsize=64)
def _interface(content: bytes, path: str | Path) -> dict[str, Parameter]:
    """`interface`, which a book asks for many times, of a file that was read."""
    return declared(notebook_of(content, path), path)


def declared(notebook, path: str | Path) -> dict[str, Parameter]:
    """As `interface`, of a notebook that was read; `path` is for messages."""
    source = _cell(notebook, path).source
    lines = [line for line in source.splitlines() if not line.startswith("#")]
    parsed = [_parse(line, path) for line in lines if line.strip()]
    known = {parameter.name: parameter for parameter in parsed}
    if len(known) < len(parsed):
        names = [parameter.name for parameter in parsed]
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"{path}: {', '.join(twice)} is declared twice")
    check(known, {}, str(path))
    return known


def ran_with(notebook, path: str | Path) -> dict[str, Value]:
    """What a notebook ran with: its defaults, or what papermill injected over them.

    Raises ValueError for injected values that the interface does not allow.
    """
    known, values = declared(notebook, path), {}
    for cell in notebook.cells:
        if "injected-parameters" not in cell.metadata.get("tags", []):
            continue
        try:
            statements: list[Any] = parse(cell.source).body  # assignments, or refused
            for node in statements:
                (target,) = node.targets
                values[target.id] = ast.literal_eval(node.value)
        except (ValueError, AttributeError, SyntaxError, TypeError, RecursionError,
                MemoryError) as error:  # fmt: skip
            raise ValueError(
                f"{path}: the cell of injected parameters must read `name = value`, "
                f"got {shown(cell.source)}"
            ) from error
    return check(known, values, str(path))


def _check_one(parameter: Parameter, value: Any, where: str) -> Value:
    """Return a value of a parameter, a whole number as float where that is its type."""
    if parameter.type == "float" and type(value) is int and abs(value) < 2**63:
        value = float(value)
    if wanted := _wanted(parameter, value):
        raise ValueError(f"{where}: {parameter.name} must be {wanted}")
    return value


def _wanted(parameter: Parameter, value: Any) -> str | None:
    """What a value must be and is not; None where it is allowed."""
    kind, got = parameter.type, f"got {shown(value)}"
    low, high = parameter.low, parameter.high
    if type(value) is int and not -(2**63) <= value < 2**63:
        return f"in [-2^63..2^63), {got}"
    if type(value) is not _TYPES[kind]:
        return f"{kind}, {got}{_hint(kind, value)}"
    if kind == "float" and not math.isfinite(value):
        return (
            f"in {parameter.allowed}, {got}" if parameter.allowed else f"finite, {got}"
        )
    if kind == "str" and not _is_unicode(str(value)):
        return f"Unicode text without NUL, {got}"
    if low is not None and high is not None and not low <= value <= high:
        return f"in {parameter.allowed}, {got}"
    if parameter.choices is not None and str(value) not in parameter.choices:
        return f"one of {', '.join(parameter.choices)}, {got}"
    return None


def _hint(kind: str, value) -> str:
    """How a value of the wrong type is written in YAML."""
    if kind == "float" and isinstance(value, str):
        return " (YAML reads 1e-3 as text: write 1.0e-3)"
    if kind == "str" and value is not None and not isinstance(value, (list, dict)):
        return " (write text that YAML reads as another type in quotes)"
    return ""


def _digits(parameter: Parameter, text: str) -> str:
    """How a number that is refused is written."""
    from ssmbook.notebook import strict_yaml  # PyYAML is in an extra

    if parameter.type in ("int", "float") and strict_yaml.is_ambiguous(text):
        return " (write it in the digits 0 to 9, without a leading zero)"
    return ""


def _is_unicode(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= c <= "\udfff" for c in text)


def from_text(parameter: Parameter, text: str, where: str) -> Value:
    """What `text`, typed at a command line, means as a value of this parameter.

    Text stays text where the type is str. Raises ValueError for text that is no value
    of the type.
    """
    from ssmbook.notebook import strict_yaml  # PyYAML is in an extra

    try:
        if parameter.type == "bool":
            return _WORDS[text.lower()]
        if parameter.type != "str" and strict_yaml.is_ambiguous(text):
            raise ValueError
        return _TYPES[parameter.type](text)
    except (KeyError, ValueError) as error:
        raise ValueError(
            f"{where}: {parameter.name} must be {parameter.type}, got {shown(text)}"
            f"{_digits(parameter, text)}"
        ) from error


def assigned(known: dict[str, Parameter], text: str, where: str) -> tuple[str, str]:
    """`name=value` taken apart; ValueError for another form or an unknown name."""
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"{where}: expected name=value, got {shown(text)}")
    if name not in known:
        raise ValueError(f"{where}: no parameter {name}; there are {', '.join(known)}")
    return name, value


def check_distinct(names: list[str], where: str) -> None:
    """ValueError where a name is given twice: which value would count?"""
    twice = [name for name, count in Counter(map(str, names)).items() if count > 1]
    if twice:
        raise ValueError(f"{where}: {', '.join(twice[:3])} is given twice")


def typed(known: dict[str, Parameter], texts: list[str], where: str) -> dict:
    """The values that `name=value` texts give to parameters of an interface."""
    pairs = [assigned(known, text, where) for text in texts]
    check_distinct([name for name, _ in pairs], where)
    return {name: from_text(known[name], text, where) for name, text in pairs}


def check(known: dict[str, Parameter], values: dict, where: str) -> dict:
    """`values` filled up with defaults, each of its declared type and range.

    Raises ValueError that names what is wrong, and what exists.
    """
    if unknown := sorted(map(str, set(values) - set(known))):
        raise ValueError(
            f"{where}: no parameter {', '.join(unknown)}; there are {', '.join(known)}"
        )
    filled = {name: p.default for name, p in known.items()} | values
    return {n: _check_one(known[n], value, where) for n, value in filled.items()}


def profile(path: str | Path, notebooks: dict[str, Path]) -> dict[str, dict]:
    """Return a profile's parameters per notebook: {stem: {name: value}}, all checked.

    Raises ValueError for an unknown notebook, or as `strict_yaml.load` and `check`.
    """
    from ssmbook.notebook import strict_yaml  # PyYAML is in an extra

    chosen = strict_yaml.load(path)
    chosen = {} if chosen is None else chosen
    if not isinstance(chosen, dict) or not all(
        isinstance(values, dict) or values is None for values in chosen.values()
    ):
        raise ValueError(f"{path} must map notebooks to {{parameter: value}}")
    if unknown := sorted(map(str, set(chosen) - set(notebooks))):
        raise ValueError(
            f"{path}: no notebook {', '.join(unknown)}; "
            f"there are {', '.join(notebooks)}"
        )
    return {
        stem: check(interface(notebooks[stem]), values or {}, f"{path}: {stem}")
        for stem, values in chosen.items()
    }

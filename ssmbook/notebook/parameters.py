"""A notebook's parameters: the typed interface its `parameters` cell declares.

One a line: `name: type = default  # [low..high] help`, or `# {a,b} help`, or, for the
path of a file or folder, `# <path> help`. A type is int, float, str, bool, or a list of
one (`list[int]`), whose range is its elements'.
"""

from __future__ import annotations

import ast
import json
import math
import re
from dataclasses import dataclass
from pathlib import Path

from ssmbook.notebook import strict_yaml
from ssmbook.notebook.files import read_notebook, shown

_TYPES = {"int": int, "float": float, "str": str, "bool": bool}
_WORDS = {"true": True, "false": False}
Value = int | float | str | bool | list
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


def _element(kind: str) -> str:
    """int of list[int]; the type itself where it is no list."""
    return kind.removeprefix("list[").removesuffix("]")


def _cell(notebook, path):
    tagged = [c for c in notebook.cells if "parameters" in c.metadata.get("tags", [])]
    if len(tagged) != 1:
        raise ValueError(f"{path} must have one cell tagged parameters")
    return tagged[0]


def _parse(line: str, path) -> Parameter:
    code, _, comment = line.partition("#")
    try:
        (node,) = ast.parse(code.strip()).body
        name, kind = node.target.id, ast.unparse(node.annotation)
        default = ast.literal_eval(node.value)
        if _element(kind) not in _TYPES:
            raise ValueError
    except (ValueError, AttributeError, SyntaxError, TypeError, RecursionError,
            MemoryError) as error:  # fmt: skip
        raise ValueError(
            f"{path}: a parameter must read `name: int|float|str|bool = default`, or "
            f"a list of these, got {shown(line)}"
        ) from error
    comment = comment.strip()
    low = high = choices = None
    if match := _RANGE.match(comment):
        low, high = _bounds(match, kind, f"{path}: {name}")
    elif match := _CHOICES.match(comment):
        choices = tuple(part.strip() for part in match[1].split(","))
    elif match := _PATH.match(comment):
        if _element(kind) != "str":
            raise ValueError(f"{path}: a <path> must be str, got {line!r}")
    is_path = bool(_PATH.match(comment))
    help = comment[match.end() :] if match else comment
    return Parameter(name, kind, default, low, high, choices, help, is_path)


def _bounds(match: re.Match, kind: str, where: str) -> tuple[float, float]:
    """The range of a number; ValueError for another one."""
    try:
        low, high = float(match[1]), float(match[2])
        if _element(kind) in ("int", "float") and low <= high:
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
    return declared(read_notebook(path), path)


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


def parameters(path: str | Path) -> dict[str, Value]:
    """As `ran_with`, of the file at `path`."""
    return ran_with(read_notebook(path), path)


def ran_with(notebook, path: str | Path) -> dict[str, Value]:
    """What a notebook ran with: its defaults, or what papermill injected over them.

    Raises ValueError for injected values that the interface does not allow.
    """
    known, values = declared(notebook, path), {}
    for cell in notebook.cells:
        if "injected-parameters" not in cell.metadata.get("tags", []):
            continue
        try:
            for node in ast.parse(cell.source).body:
                (target,) = node.targets
                values[target.id] = ast.literal_eval(node.value)
        except (ValueError, AttributeError, SyntaxError, TypeError, RecursionError,
                MemoryError) as error:  # fmt: skip
            raise ValueError(
                f"{path}: the cell of injected parameters must read `name = value`, "
                f"got {shown(cell.source)}"
            ) from error
    return check(known, values, str(path))


def _check_one(parameter: Parameter, value, where: str):
    if parameter.type.startswith("list["):
        if not isinstance(value, list):
            raise ValueError(
                f"{where}: {parameter.name} must be {parameter.type}, got "
                f"{shown(value)}"
            )
        return [_check_scalar(parameter, element, where) for element in value]
    return _check_scalar(parameter, value, where)


def _check_scalar(parameter: Parameter, value, where: str):
    kind = _element(parameter.type)
    if type(value) is int and not -(2**63) <= value < 2**63:
        raise ValueError(
            f"{where}: {parameter.name} must be in [-2^63..2^63), got {shown(value)}"
        )
    if kind == "float" and type(value) is int:
        value = float(value)
    if type(value) is not _TYPES[kind]:
        raise ValueError(
            f"{where}: {parameter.name} must be {parameter.type}, got {shown(value)}"
            f"{_hint(kind, value)}"
        )
    if kind == "float" and not math.isfinite(value):
        within = f"in {parameter.allowed}" if parameter.allowed else "finite"
        raise ValueError(f"{where}: {parameter.name} must be {within}, got {value}")
    if kind == "str" and not _is_unicode(value):
        raise ValueError(
            f"{where}: {parameter.name} must be Unicode text without NUL, got "
            f"{shown(value)}"
        )
    if parameter.low is not None and not parameter.low <= value <= parameter.high:
        raise ValueError(
            f"{where}: {parameter.name} must be in {parameter.allowed}, got {value!r}"
        )
    if parameter.choices is not None and str(value) not in parameter.choices:
        raise ValueError(
            f"{where}: {parameter.name} must be one of "
            f"{', '.join(parameter.choices)}, got {shown(value)}"
        )
    return value


def _hint(kind: str, value) -> str:
    """How a value of the wrong type is written in YAML."""
    if kind == "float" and isinstance(value, str):
        return " (YAML reads 1e-3 as text: write 1.0e-3)"
    if kind == "str" and value is not None and not isinstance(value, (list, dict)):
        return " (write text that YAML reads as another type in quotes)"
    return ""


def _digits(parameter: Parameter, text: str) -> str:
    """How a number that is refused is written."""
    if parameter.type in ("int", "float") and strict_yaml.is_ambiguous(text):
        return " (write it in the digits 0 to 9, without a leading zero)"
    return ""


def _is_unicode(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= c <= "\udfff" for c in text)


def from_text(parameter: Parameter, text: str, where: str) -> Value:
    """What `text`, typed at a command line, means as a value of this parameter.

    Text stays text where the type is str; a list is typed as JSON: `[1e-3, 1e-2]`.
    Raises ValueError for text that is no value of the type.
    """
    try:
        if parameter.type.startswith("list["):
            return json.loads(text)
        if parameter.type == "bool":
            return _WORDS[text.lower()]
        if parameter.type != "str" and strict_yaml.is_ambiguous(text):
            raise ValueError
        return _TYPES[parameter.type](text)
    except (KeyError, ValueError, RecursionError) as error:
        raise ValueError(
            f"{where}: {parameter.name} must be {parameter.type}, got {shown(text)}"
            f"{_digits(parameter, text)}"
        ) from error


def check(known: dict[str, Parameter], values: dict, where: str) -> dict:
    """`values` filled up with defaults, each of its declared type and range.

    Raises ValueError that names what is wrong, and what exists.
    """
    unknown = sorted(map(str, set(values) - set(known)))
    if unknown:
        raise ValueError(
            f"{where}: no parameter {', '.join(unknown)}; there are {', '.join(known)}"
        )
    filled = {name: p.default for name, p in known.items()} | values
    return {n: _check_one(known[n], value, where) for n, value in filled.items()}


def profile(path: str | Path, notebooks: dict[str, Path]) -> dict[str, dict]:
    """A profile's parameters a notebook: {stem: {name: value}}, all checked.

    Raises ValueError for a notebook that does not exist, or as `strict_yaml.load` and
    `check`.
    """
    chosen = strict_yaml.load(path)
    chosen = {} if chosen is None else chosen
    if not isinstance(chosen, dict) or not all(
        isinstance(values, dict) or values is None for values in chosen.values()
    ):
        raise ValueError(f"{path} must map notebooks to {{parameter: value}}")
    unknown = sorted(map(str, set(chosen) - set(notebooks)))
    if unknown:
        raise ValueError(
            f"{path}: no notebook {', '.join(unknown)}; "
            f"there are {', '.join(notebooks)}"
        )
    return {
        stem: check(interface(notebooks[stem]), values or {}, f"{path}: {stem}")
        for stem, values in chosen.items()
    }

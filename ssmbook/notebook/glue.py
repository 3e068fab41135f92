"""Glue: what a notebook stores by name for the text around it, and how it is read.

A record is a figure with the tolerance within which a rerun must agree; figures and
texts are stored under names as well. The format is that of MyST-NB's glue, so that
prose pastes a record with the role `{glue:text}`.
"""

from __future__ import annotations

import math
import re
from ast import literal_eval
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

PREFIX = "application/papermill.record/"
_NUMBER = PREFIX + "text/plain"
_SVG = "image/svg+xml"
_ROLE = re.compile(r"\{glue:text\}`(?:([^`:]*)::)?(\w+)(?::([^`]*))?`")
_BLOCK = re.compile(r"```\{glue\} (\w+)\n:doc: (\S+)\n```")

#: a relative tolerance above this one needs a reason
LOOSE = 1e-3
#: standard errors, of both figures combined, that a rerun may differ by
ERRORS = 4


@dataclass(frozen=True)
class Record:
    """A stored figure. Without a tolerance only claims judge it.

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
    def held(self) -> bool:
        """Whether a tolerance holds it."""
        return bool(self.tolerance)

    def agrees(self, fresh: Record) -> bool:
        """Whether a rerun's record is within the tolerance that both declare."""
        if set(self.tolerance) != set(fresh.tolerance):
            return False
        apart = abs(fresh.value - self.value)
        if self.se is not None:
            return apart <= ERRORS * math.hypot(self.se, fresh.se)
        if self.tolerance != fresh.tolerance:
            return False
        if self.atol is not None:
            return apart <= self.atol
        return self.rtol is None or apart <= self.rtol * abs(self.value)


def _checked(key: str, entry: Record) -> Record:
    if isinstance(entry.value, bool) or not isinstance(entry.value, (int, float)):
        raise TypeError(
            f"value of {key!r} must be a Python int or float, got "
            f"{type(entry.value).__name__}; convert it with float() or int()"
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
        if not isinstance(value, (int, float)):
            raise TypeError(
                f"{name} of {key!r} must be a Python float, got {type(value).__name__}"
            )
        if not (math.isfinite(value) and value >= 0):
            raise ValueError(f"{name} of {key!r} must be finite and >= 0, got {value}")
    if (entry.rtol or 0) > LOOSE and not entry.because:
        raise ValueError(
            f"rtol of {key!r} is above {LOOSE:g}, so that because= must say why"
        )
    return entry


def record(
    key: str,
    value: int | float,
    *,
    rtol: float | None = None,
    atol: float | None = None,
    se: float | None = None,
    because: str | None = None,
    freedom: int | None = None,
) -> None:
    """Store the figure `value` under `key` in the notebook that is running.

    value: a Python int or float, finite. One of: rtol, atol, how far a rerun may be
    off, relative to the stored value or absolutely; se, the standard error of a
    random figure, measured, within four of which (both runs combined) a rerun must
    agree; or none, where a claim reads the key. because: why an rtol is above 1e-3.
    freedom: the degrees of freedom of se, where draws are few.
    Raises TypeError for other types (call float(...) or int(...) first), ValueError
    for values that are not finite, a negative tolerance, two of them, or a loose one
    without a reason.
    """
    entry = _checked(key, Record(value, rtol, atol, se, because, freedom))
    number = float(value) if isinstance(value, float) else int(value)
    _display({_NUMBER: repr(number)}, key, PREFIX, tolerance=entry.tolerance)


def estimate(key: str, found) -> None:
    """Store an estimate: an object with `value`, `se` and `freedom`.

    As `record` with se; errors alike.
    """
    record(key, found.value, se=found.se, freedom=found.freedom)


def figure(svg: str, name: str, alt: str) -> None:
    """Display a figure, SVG text, under a name that other pages can use.

    alt: what it shows, for readers who do not see it. It may paste records of the
    notebook with the role `{glue:text}`; the page's own alt text is made from it.
    Raises ValueError for an empty alt.
    """
    if not alt.strip():
        raise ValueError(f"alt of figure {name!r} must say what it shows")
    _display({_SVG: svg, "text/plain": alt}, name, "")


def text(value: str, name: str) -> None:
    """Display text under a name that other pages can use."""
    _display({"text/plain": value}, name, "")


def _display(data: dict, name: str, prefix: str, **metadata) -> None:
    from IPython.display import display

    named = {"scrapbook": {"name": name, "mime_prefix": prefix}}
    display(data, raw=True, metadata=named | metadata)


# Reading


def _named(outputs: list) -> dict:
    """The outputs that carry a name, by that name; ValueError for a second one."""
    named = {}
    for output in outputs:
        name = output.get("metadata", {}).get("scrapbook", {}).get("name")
        if name is None:
            continue
        if name in named:
            raise ValueError(f"{name!r} is stored twice")
        named[name] = output
    return named


def _outputs(node) -> list:
    return [o for c in node.cells if c.cell_type == "code" for o in c.outputs]


def output_records(outputs: list) -> dict[str, Record]:
    """The records among outputs, by key."""
    return {
        name: Record(
            literal_eval(output["data"][_NUMBER]), **output["metadata"]["tolerance"]
        )
        for name, output in _named(outputs).items()
        if _NUMBER in output["data"]
    }


def node_records(node, name) -> dict[str, Record]:
    """As `records`, of a notebook that was read; `name` is for messages."""
    cells = [c for c in node.cells if c.cell_type == "code" and c.source.strip()]
    if not cells:
        raise ValueError(f"{name} has no code cells")
    for number, cell in enumerate(cells):
        if cell.execution_count is None:
            raise ValueError(
                f"{name} was not executed: code cell {number} has no count"
            )
        if any(output.output_type == "error" for output in cell.outputs):
            raise ValueError(f"{name} stores an error in code cell {number}")
    return output_records(_outputs(node))


def records(path: str | Path) -> dict[str, Record]:
    """Every record of an executed notebook, by key.

    Raises ValueError for a notebook without outputs, with an error, or with a key
    stored twice.
    """
    import nbformat  # only readers of notebooks need it

    return node_records(nbformat.read(path, 4), path)


def figures(node) -> dict[str, tuple[str, str]]:
    """(SVG, alt text) of every named figure of a notebook, by name."""
    return {
        name: (output["data"][_SVG], output["data"]["text/plain"])
        for name, output in _named(_outputs(node)).items()
        if _SVG in output["data"]
    }


def texts(node) -> dict[str, str]:
    """Every text that a notebook stores, by name."""
    return {
        name: output["data"]["text/plain"]
        for name, output in _named(_outputs(node)).items()
        if output["metadata"]["scrapbook"]["mime_prefix"] == ""
        and _SVG not in output["data"]
    }


def names(node) -> set[str]:
    """The name of everything that a notebook stores, executed to its end or not."""
    return set(_named(_outputs(node)))


def visible(outputs: list) -> list:
    """The outputs without records, which only text shows."""
    return [
        o for o in outputs if not any(m.startswith(PREFIX) for m in o.get("data", {}))
    ]


# Pasting


def roles(source: str) -> Iterator[tuple[str, str, str]]:
    """(document, key, format) of each `{glue:text}` role; no document: its own."""
    for match in _ROLE.finditer(source):
        yield match[1] or "", match[2], match[3] or ""


def paste(source: str, lookup: Callable[[str, str], object]) -> str:
    """Text with roles and blocks replaced by what `lookup(document, key)` gives.

    A number is formatted as the role asks; None leaves the role as it is.
    """

    def role(match: re.Match) -> str:
        value = lookup(match[1] or "", match[2])
        if value is None or isinstance(value, str):
            return match[0] if value is None else value
        return format(value, match[3] or "")

    def block(match: re.Match) -> str:
        value = lookup(match[2], match[1])
        return match[0] if value is None else str(value)

    return _BLOCK.sub(block, _ROLE.sub(role, source))


def paste_own(source: str, values: dict[str, int | float]) -> str:
    """Text with the roles of its own notebook replaced; a key unknown as its name."""
    return paste(source, lambda document, key: values.get(key, key))

"""Glue: what a notebook stores by name for the text around it, and how text pastes it.

A record is a figure with the tolerance within which a rerun must agree; figures and
texts are stored under names as well. The format is that of MyST-NB's glue, so that
prose pastes a record with the role `{glue:text}`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from ssmbook.notebook.files import shown
from ssmbook.notebook.recorded import Record, checked

PREFIX = "application/papermill.record/"
NUMBER = PREFIX + "text/plain"
SVG = "image/svg+xml"
_NAME = re.compile(r"[\w-]+")
_ROLE = re.compile(r"\{glue:text\}`(?:([^`:]*)::)?(\w+)(?::([^`]*))?`")
#: a relative tolerance above this one needs a reason
LOOSE = 1e-3
_BLOCK = re.compile(r"```\{glue\} (\w+)\n:doc: (\S+)\n```")


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
    """Store a number of the running notebook under a key.

    Give at most one of rtol, atol and se. Without one, only claims read the number.

    Args:
        key: letters, digits and underscores.
        value: a finite Python int or float.
        rtol: how far a rerun may differ, relative to the stored value; at least 0.
        atol: how far a rerun may differ, absolutely; at least 0.
        se: the measured standard error of a random number. A rerun must agree within
            four standard errors of the difference.
        because: the reason for an rtol above 1e-3.
        freedom: the degrees of freedom of se, if there are few draws.

    Raises:
        TypeError: for a value or a tolerance that is not a Python int or float (call
            float(...) or int(...) first), or a reason that is not text.
        ValueError: for another key, a second record of a key in one execution of a
            cell, a value that is not finite or an int of more than 64 bits, a negative
            tolerance, two of them, an rtol above 1e-3 without a reason, or freedom that
            is not positive.
    """
    entry = checked(key, Record(value, rtol, atol, se, because, freedom))
    if (rtol or 0) > LOOSE and not because:
        raise ValueError(
            f"rtol of {key!r} is above {LOOSE:g}, so that because= must say why"
        )
    number = float(value) if isinstance(value, float) else int(value)
    _check_once(key)
    _display({NUMBER: repr(number)}, key, PREFIX, tolerance=entry.tolerance)


def record_all(
    values: Mapping[str, object] | None = None,
    *,
    rtol: float | None = None,
    atol: float | None = None,
    because: str | None = None,
    **more,
) -> None:
    """Store several figures, by key, with one tolerance.

    Args:
        values: key -> a number, an array or tensor of one number, or an estimate as
            `estimate` stores it, which has an error of its own.
        rtol: as `record`.
        atol: as `record`.
        because: as `record`.
        more: further keys and values, where a key is a name of Python.

    Raises:
        TypeError: as `record`.
        ValueError: as `record`.
    """
    for key, value in {**(values or {}), **more}.items():
        if hasattr(value, "se"):
            estimate(key, value)
        else:
            number = value.item() if hasattr(value, "item") else value
            record(key, number, rtol=rtol, atol=atol, because=because)


_recorded: dict[str, tuple[int, int]] = {}


def _check_once(key: str) -> None:
    """ValueError for a second record of a key in one execution of a cell.

    Two cells with one key are refused when the notebook is read: while it runs, they
    cannot be distinguished from a cell that is executed again.
    """
    from IPython import get_ipython

    shell = get_ipython()
    now = id(shell), getattr(shell, "execution_count", 0)
    if shell is not None and _recorded.get(key) == now:
        raise ValueError(f"{key!r} is recorded twice in one cell: choose another key")
    _recorded[key] = now


def estimate(key: str, found) -> None:
    """Store an estimate, as `record` with se.

    Args:
        key: letters, digits and underscores.
        found: an object with `value`, `se` and `freedom`.

    Raises:
        TypeError: as `record`.
        ValueError: as `record`.
    """
    record(key, found.value, se=found.se, freedom=found.freedom)


def figure(svg: str, name: str, alt: str) -> None:
    """Display a figure under a name that other pages can use.

    Args:
        svg: the figure as SVG text.
        name: letters, digits, underscores and hyphens.
        alt: a description of the figure for readers who do not see it, in one or
            several lines. It may paste records of the notebook with the role
            `{glue:text}`; the alt text of the page is made from it.

    Raises:
        TypeError: if svg is not text.
        ValueError: for an empty alt or another name.
    """
    _check_display(name, svg, "svg")
    if not isinstance(alt, str) or not alt.strip():
        raise ValueError(f"alt of figure {name!r} must say what it shows")
    _display({SVG: svg, "text/plain": " ".join(alt.split())}, name, "")


def text(value: str, name: str) -> None:
    """Display text under a name that other pages can use.

    Args:
        value: the text.
        name: letters, digits, underscores and hyphens.

    Raises:
        TypeError: if value is not text.
        ValueError: for another name.
    """
    _check_display(name, value, "value")
    _display({"text/plain": value}, name, "")


def _check_display(name: str, value: str, what: str) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(
            "a name must consist of letters, digits, underscores and hyphens, got "
            f"{shown(name)}"
        )
    if not isinstance(value, str):
        raise TypeError(f"{what} of {name!r} must be text, got {type(value).__name__}")


def _display(data: dict, name: str, prefix: str, **metadata) -> None:
    from IPython.display import display

    named = {"scrapbook": {"name": name, "mime_prefix": prefix}}
    display(data, raw=True, metadata=named | metadata)


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


def paste_own(source: str, values: Mapping[str, int | float | str]) -> str:
    """Text with the roles of its own notebook replaced; a key unknown as its name."""
    return paste(source, lambda document, key: values.get(key, key))

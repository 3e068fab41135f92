"""How papers are named where no Sphinx sets a citation."""

from __future__ import annotations

import logging
import textwrap
from functools import cache

from ssmbook.runs.key import ROOT

_log = logging.getLogger(__name__)


@cache
def _entries():
    """The bibliography; without one that can be read, papers are named by their keys.

    A page of a run is written after the run: a damaged file must not lose its result.
    """
    from pybtex.database import parse_file
    from pybtex.exceptions import PybtexError

    path = ROOT / "book" / "references.bib"
    try:
        return parse_file(str(path), encoding="utf-8").entries
    except FileNotFoundError:
        return {}
    except (PybtexError, OSError, UnicodeDecodeError) as error:
        reason = str(error).partition("\n")[0]
        _log.warning("%s cannot be read, papers are named by keys: %s", path, reason)
        return {}


def cited(key: str, *, titled: bool = False) -> str:
    """`Liu and Li (2025)`, and the title's beginning if `titled`; else the key."""
    entry = _entries().get(key.strip())
    if entry is None or not entry.persons.get("author"):
        return key.strip()
    names = [" ".join(person.last_names) for person in entry.persons["author"]]
    who = f"{names[0]} et al." if len(names) > 2 else " and ".join(names)
    title = ""
    if titled:
        whole = _plain(entry.fields.get("title", ""))
        title = ": " + textwrap.shorten(whole, 52, placeholder=" …")
    return f"{_plain(who)} ({entry.fields.get('year', 'undated')}){title}"


def _plain(text: str) -> str:
    """Text without LaTeX: its accents as letters, no braces."""
    from pybtex.richtext import Text

    return str(Text.from_latex(text))

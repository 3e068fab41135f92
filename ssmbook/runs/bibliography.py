"""How papers are named where no Sphinx sets a citation."""

from __future__ import annotations

import re
from functools import cache

from ssmbook.runs.key import ROOT


@cache
def _entries():
    from pybtex.database import parse_file

    path = ROOT / "book" / "references.bib"
    return parse_file(str(path)).entries if path.is_file() else {}


def cited(key: str, *, titled: bool = False) -> str:
    """`Liu and Li (2025)`, and the title's beginning if `titled`; else the key."""
    entry = _entries().get(key.strip())
    if entry is None or not entry.persons.get("author"):
        return key.strip()
    names = [" ".join(person.last_names) for person in entry.persons["author"]]
    who = f"{names[0]} et al." if len(names) > 2 else " and ".join(names)
    title = f": {entry.fields.get('title', '')[:48]}" if titled else ""
    return re.sub("[{}]", "", f"{who} ({entry.fields.get('year', 'undated')}){title}")

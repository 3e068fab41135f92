"""What the glossary says of a term, the ledger of a claim, on pages that link there.

A card is a `<template>` at the end of the page, which `_static/cards.js` shows on
hover, focus or touch: nothing is loaded, so that it works from a folder of files too.
"""

import re
from pathlib import Path

from bs4 import BeautifulSoup

_LINK = re.compile(r'href="[^"]*#((?:term|claim)-[\w-]+)"')


def definitions(page: str) -> dict[str, str]:
    """By the id of each term of the glossary, its definition, HTML without ids."""
    found = {}
    for term in BeautifulSoup(page, "html.parser").select("dl.glossary > dt[id]"):
        text = term.find_next_sibling("dd")
        for part in text.select("[id]"):
            del part["id"]
        found[term["id"]] = text.decode_contents()
    return found


def claims(page: str) -> dict[str, str]:
    """By the id of each claim of the ledger, its sentence and its verdict, HTML."""
    found = {}
    for entry in BeautifulSoup(page, "html.parser").select("details.claim"):
        target = entry.select_one("[id^=claim-]")
        for link in entry.summary.select("a"):
            link.name = "span"
            del link["href"]
        found[target["id"]] = entry.summary.select_one(
            ".sd-summary-text"
        ).decode_contents()
    return found


def _write(app, failure):
    folder = Path(app.outdir)
    sources = {
        folder / "book" / "glossary.html": definitions,
        folder / "book" / "claims.html": claims,
    }
    if failure or not all(path.is_file() for path in sources):
        return
    known = {}
    for path, read in sources.items():
        known |= read(path.read_text(encoding="utf-8"))
    for path in folder.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        used = dict.fromkeys(name for name in _LINK.findall(text) if name in known)
        if path in sources or not used:
            continue
        cards = "".join(f'<template id="card-{t}">{known[t]}</template>' for t in used)
        path.write_text(text.replace("</body>", cards + "</body>"), encoding="utf-8")


def setup(app):
    app.connect("build-finished", _write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""What the glossary says of a term, on each page that links to it.

A card is a `<template>` at the end of the page, which `_static/cards.js` shows on
hover, focus or touch: nothing is loaded, so that it works from a folder of files too.
"""

import re
from pathlib import Path

from bs4 import BeautifulSoup

_TERM = re.compile(r'href="[^"]*#(term-[\w().-]+)"')


def definitions(page: str) -> dict[str, str]:
    """By the id of each term, its definition, HTML without ids."""
    found = {}
    for term in BeautifulSoup(page, "html.parser").select("dl.glossary > dt[id]"):
        text = term.find_next_sibling("dd")
        for part in text.select("[id]"):
            del part["id"]
        found[term["id"]] = text.decode_contents()
    return found


def _write(app, failure):
    folder = Path(app.outdir)
    glossary = folder / "book" / "glossary.html"
    if failure or not glossary.is_file():
        return
    known = definitions(glossary.read_text())
    for path in folder.rglob("*.html"):
        text = path.read_text()
        used = dict.fromkeys(t for t in _TERM.findall(text) if t in known)
        if path == glossary or not used:
            continue
        cards = "".join(f'<template id="card-{t}">{known[t]}</template>' for t in used)
        path.write_text(text.replace("</body>", cards + "</body>"))


def setup(app):
    app.connect("build-finished", _write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

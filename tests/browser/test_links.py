"""Every link of the built book lives, every picture has words, every fold a name."""

import re
from collections import Counter
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.browser.conftest import BOOK, pages

pytestmark = pytest.mark.browser


class Parsed(HTMLParser):
    """What of a page can be wrong without a browser."""

    def __init__(self, text: str):
        super().__init__()
        self.ids, self.links, self.pictures = Counter(), [], []
        self.summaries: list[str] = []
        self._in_summary = False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.ids.update([values["id"]] if values.get("id") else [])
        self.links += [values[k] for k in ("href", "src") if values.get(k)]
        if tag == "img":
            self.pictures.append((values.get("src"), values.get("alt")))
        if tag == "summary":
            self.summaries.append(values.get("aria-label") or "")
            self._in_summary = True

    def handle_endtag(self, tag):
        if tag == "summary":
            self._in_summary = False

    def handle_data(self, data):
        if self._in_summary:
            self.summaries[-1] += data


@cache
def parsed(path: Path) -> Parsed:
    return Parsed(path.read_text(encoding="utf-8"))


def dead(name: str) -> list[str]:
    """The inner links of a page that lead nowhere."""
    found, here = [], BOOK / name
    for link in parsed(here).links:
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            continue
        target = (here.parent / unquote(parts.path)).resolve() if parts.path else here
        anchor = unquote(parts.fragment)
        if not target.is_file() or (
            anchor and target.suffix == ".html" and anchor not in parsed(target).ids
        ):
            found.append(link)
    return found


@pytest.mark.parametrize("name", pages() or ["no book was built"])
def test_a_page_s_links_pictures_and_folds(name):
    assert dead(name) == []
    page = parsed(BOOK / name)
    repeated = [i for i, n in page.ids.items() if n > 1]
    assert repeated == []
    # A file's name is no description.
    assert [
        src for src, alt in page.pictures if not alt or alt.endswith((".svg", ".png"))
    ] == []
    assert "" not in [text.strip() for text in page.summaries]


LINE = re.compile(
    r"</h1>\s*<p class=\"about-chapter\">Kind: [a-z ]+ · Reading time: \d+ minutes · "
    r"Presupposes: <a class=\"reference internal\""
)


@pytest.mark.parametrize("name", [n for n in pages() if n.startswith("notebooks/")])
def test_a_chapter_has_the_line_below_its_title(name):
    text = (BOOK / name).read_text(encoding="utf-8")
    assert LINE.search(text)
    assert text.count("about-chapter") == 1

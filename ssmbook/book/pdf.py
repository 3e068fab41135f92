"""The whole book as one PDF: a single page of HTML, printed by Chromium.

It has an outline, tags for screen readers, and links that lead to their places. It is
made on demand only, since it needs a browser and as long as the book itself. A page
that links to a PDF of its own is printed too.
"""

from __future__ import annotations

import os
import re
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ssmbook.book import sphinx

# The shell first: it has no windows of its own, and opens pages sooner.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
_FOOT = (
    '<div style="font-size:8px;width:100%;text-align:center">'
    '<span class="pageNumber"></span> / <span class="totalPages"></span></div>'
)
_TIMEOUT = 600_000  # ms
_BOOK = {
    "display_header_footer": True,
    "header_template": "<span></span>",
    "footer_template": _FOOT,
    "margin": dict.fromkeys(("top", "bottom", "left", "right"), "17mm"),
}
#: of a page that stands alone, without a number
ALONE = {"margin": dict.fromkeys(("top", "bottom", "left", "right"), "10mm")}


def chromium() -> str:
    """The browser's program: that of CHROMIUM, or one on the path.

    Raises RuntimeError where there is none, or not the package that calls it.
    """
    if find_spec("playwright") is None:
        raise RuntimeError(
            "no PDF: the package playwright is missing: in a clone of the repository, "
            'pip install ".[test]"'
        )
    named = os.environ.get("CHROMIUM")
    found = named or next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        raise RuntimeError(
            f"no PDF: none of {', '.join(NAMES)} is on the path, nor is one named by "
            "CHROMIUM; on Debian and Ubuntu, apt install chromium"
        )
    return found


def single_page(folder: Path) -> Path:
    """The page of a `singlehtml` build, with its paths and inner links mended.

    Sphinx writes it where the first page of the book would lie, with paths as if it
    lay above.
    """
    (made,) = folder.glob("book/*.html")
    name = f"book/{made.name}"
    text = made.read_text(encoding="utf-8").replace("../_images/", "_images/")
    text = text.replace("../_static/", "_static/").replace(f'href="{name}#', 'href="#')
    page = folder / "book.html"
    text = re.sub(r'(<a [^>]*href=")\.\./#', r"\1#", text)
    page.write_text(text, encoding="utf-8")
    return page


def write(tree: Path, target: Path) -> None:
    """Print the book whose source tree is given.

    Raises RuntimeError without Chromium, or where the build has warnings.
    """
    program = chromium()
    run = sphinx.run(tree, "--builder", "singlehtml")
    if run.returncode:
        raise RuntimeError(sphinx.failure(tree, run))
    page = single_page(tree / "_build" / "singlehtml")
    try:
        _print(program, page, target, _BOOK)
    finally:
        shutil.rmtree(tree / "_build")


def write_pages(html: Path) -> None:
    """Print each page that links to a PDF of its own, beside that of the book.

    Raises RuntimeError without Chromium.
    """
    for page in sorted(html.glob("book/*.html")):
        link = f'class="pdf-link" href="../{page.stem}.pdf"'
        if link in page.read_text(encoding="utf-8"):
            _print(chromium(), page, html / f"{page.stem}.pdf", ALONE)


def _print(program: str, page: Path, target: Path, layout: dict[str, Any]) -> None:
    from playwright.sync_api import Error

    try:
        _print_with(program, page, target, layout)
    except Error as error:
        reason = str(error).strip().partition("\n")[0]
        raise RuntimeError(f"no PDF: {program}: {reason}") from error


def _print_with(program: str, page: Path, target: Path, layout: dict[str, Any]) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox"]
        )
        window = browser.new_page()
        window.set_default_timeout(_TIMEOUT)
        window.goto(page.as_uri())
        window.evaluate("() => window.MathJax?.startup?.promise?.then(() => undefined)")
        window.emulate_media(media="print", color_scheme="light")
        window.pdf(
            path=target,
            format="A4",
            print_background=True,
            outline=True,
            tagged=True,
            **layout,
        )
        browser.close()

"""Chromium on the book that was built from the stored outputs, from file://."""

from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

import pytest

from ssmbook.book import pdf
from tests.conftest import ROOT

BOOK = ROOT / "_build" / "stored-html"
INDEX = Path("index.html")
try:
    CHROMIUM = pdf.chromium()
except RuntimeError:
    CHROMIUM = None
AXE = files("axe_playwright_python") / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# What pages with the same style have in common; it takes most of axe's time.
STYLE = ("color-contrast", "link-in-text-block", "target-size")
# No preload: axe would ask for the style sheets again, which file:// refuses.
VIOLATIONS = """([within, only, off]) => axe
    .run(within, {runOnly: only, rules: off, preload: false,
                  resultTypes: ["violations"]})
    .then(r => r.violations.map(v => [v.id, v.nodes.map(n => n.target.join(" "))]))"""
# Nothing is looked at, so that nothing needs a picture painted by the processor.
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-software-rasterizer"]
STILL = (
    "*, ::before, ::after { transition: none !important; animation: none !important }"
)


def pages() -> list[str]:
    """Every page of the book, by its path in it; index.html only leads to the first."""
    found = [p.relative_to(BOOK) for p in BOOK.rglob("*.html")]
    return sorted(str(p) for p in found if "_static" not in p.parts and p != INDEX)


def pytest_terminal_summary(terminalreporter):
    if CHROMIUM is None:
        terminalreporter.section("THE BOOK WAS NOT READ IN A BROWSER", red=True)
        terminalreporter.line(
            f"none of {', '.join(pdf.NAMES)} is on the path, nor is one named by "
            "CHROMIUM: on Debian and Ubuntu, apt install chromium"
        )


@pytest.fixture(scope="session")
def browser():
    if CHROMIUM is None:
        pytest.skip("no Chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        started.close()


class Reader:
    """A page in the browser; what it asked for from outside, and its errors."""

    def __init__(self, page):
        self.page, self.outside, self.errors = page, [], []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("requestfailed", lambda r: self.errors.append(f"failed: {r.url}"))
        page.on("request", self._note)

    def _note(self, request):
        if not request.url.startswith(("file://", "data:")):
            self.outside.append(request.url)

    def open(self, name: str, theme: str = "light") -> None:
        """A page of the book, its mathematics set."""
        path, _, anchor = name.partition("#")
        self.page.goto(f"{(BOOK / path).as_uri()}{'#' + anchor if anchor else ''}")
        self.page.add_style_tag(content=STILL)
        self.page.evaluate(
            "() => window.MathJax?.startup?.promise?.then(() => undefined)"
        )
        self.theme(theme)

    def leave(self) -> None:
        """Forget the page, and the requests that it ends."""
        self.page.goto("about:blank")
        self.outside.clear()
        self.errors.clear()

    def resize(self, width: int, height: int = 900) -> None:
        """Change the window of the open page."""
        self.page.set_viewport_size({"width": width, "height": height})

    def theme(self, name: str) -> None:
        self.page.evaluate("t => document.documentElement.dataset.theme = t", name)

    def violations(self, *rules: str, within: str = "html", style: bool = True) -> list:
        """What axe finds in a part of the page, of some of its rules or of all.

        style: whether the rules of `STYLE` are among all.
        """
        if not self.page.evaluate("() => 'axe' in window"):
            self.page.evaluate(AXE.read_text(encoding="utf-8"))
        only = {"type": "rule", "values": list(rules)} if rules else RULES
        off = {} if style else {rule: {"enabled": False} for rule in STYLE}
        return self.page.evaluate(VIOLATIONS, [within, only, off])

    @property
    def sideways(self) -> int:
        """By how many pixels the page is wider than the window."""
        return self.page.evaluate(
            "() => document.documentElement.scrollWidth - window.innerWidth"
        )


@pytest.fixture(scope="session")
def reading(browser):
    """A reader with a window and options of their own, for a `with` block."""

    @contextmanager
    def window(width: int = 1280, height: int = 900, **options):
        context = browser.new_context(
            viewport={"width": width, "height": height}, **options
        )
        yield Reader(context.new_page())
        context.close()

    return window

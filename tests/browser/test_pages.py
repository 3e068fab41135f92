"""Every page in a browser: nothing from outside, no error, no fault that axe knows."""

import pytest

from tests.browser.conftest import pages

pytestmark = pytest.mark.browser
#: a page of each kind
KINDS = (
    "book/intro.html",
    "book/claims.html",
    "book/effects.html",
    "book/api.html",
    "book/api/training.html",
    "book/symbols.html",
    "book/glossary.html",
    "book/recommend.html",
    "book/decide.html",
    "book/map.html",
    "book/schemes.html",
    "_modules/ssmlib/layers/s4d.html",
    "notebooks/autocorrelation/timescale.html",
    "notebooks/s4d/ablations.html",
)


def read_pages() -> list[str]:
    """All pages, but one of those that show a module, which differ in code alone.

    No browser is needed to see that these load nothing from outside: a build does.
    """
    return [n for n in pages() if n in KINDS or not n.startswith("_modules/")]


def fits(reader):
    """Nothing is wider than the window, and no formula is left unset."""
    article = reader.page.locator("article")
    assert article.locator("mjx-merror").count() == 0
    maths = article.locator(".math").count()
    assert maths == article.locator(".math mjx-container").count()
    for theme in ("light", "dark"):
        reader.theme(theme)
        assert reader.sideways <= 0, theme


@pytest.fixture(scope="module")
def window(reading):
    with reading() as reader:
        yield reader


@pytest.fixture
def reader(window):
    """The one window in which pages are read, empty."""
    window.leave()
    window.resize(1280)
    return window


@pytest.mark.parametrize("name", read_pages() or ["no book was built"])
def test_a_page_loads(name, reader):
    reader.open(name)
    assert reader.outside == []
    assert reader.errors == []
    # The style of one page of each kind: the others have the same.
    if name in KINDS:
        assert reader.violations() == []
        fits(reader)
        assert reader.violations("color-contrast") == []  # in the dark
    else:
        assert reader.violations(style=False) == []
    # The names of the API are long.
    if name in KINDS or name.startswith("book/api/"):
        reader.resize(360)
        fits(reader)


@pytest.mark.landing
@pytest.mark.parametrize("name", pages() or ["no book was built"])
def test_a_page_in_both_themes(name, reading):
    with reading() as reader:
        reader.open(name)
        assert reader.violations() == []
        reader.theme("dark")
        assert reader.violations("color-contrast") == []


def test_search_finds_a_word(reading):
    with reading() as reader:
        reader.open("search.html")
        reader.page.goto(f"{reader.page.url}?q=timescale")
        reader.page.wait_for_selector("#search-results li a")
        assert reader.outside == []


def test_a_figure_can_be_read_on_a_phone_and_scrolled_by_keyboard(reading):
    """The text of a figure of 672 px has 13 px, so 8 px need 420 px at least."""
    with reading(420) as reader:
        reader.open("notebooks/autocorrelation/timescale.html")
        reader.page.wait_for_selector(".figure-frame[tabindex='0']")
        for image in reader.page.locator("article figure img").all():
            if image.is_visible():
                image.scroll_into_view_if_needed()
                assert image.bounding_box()["width"] >= 420
        assert reader.sideways <= 0
        frame = reader.page.locator(".figure-frame").first
        frame.focus()
        reader.page.keyboard.press("ArrowRight")
        reader.page.wait_for_function(
            "() => document.querySelector('.figure-frame').scrollLeft > 0"
        )
        reader.resize(1280)
        assert reader.page.locator(".figure-frame[tabindex='0']").count() == 0

"""Every page in a browser: nothing from outside, no error, no fault that axe knows."""

import pytest

from tests.browser.conftest import pages

pytestmark = pytest.mark.browser
#: a page of each kind
KINDS = (
    "book/intro.html",
    "book/claims.html",
    "book/api.html",
    "book/api/layers.html",
    "book/symbols.html",
    "book/glossary.html",
    "book/recommend.html",
    "_modules/ssmlib/layers/s4d.html",
    "notebooks/foundations/state-space-models.html",
    "notebooks/autocorrelation/timescale.html",
    "notebooks/memory/memory-function.html",
    "notebooks/s4d/ablations.html",
)


@pytest.mark.parametrize("name", pages() or ["no book was built"])
def test_a_page_loads(name, reading):
    with reading() as reader:
        reader.open(name)
        assert reader.outside == []
        assert reader.errors == []
        # Contrast of one page of each kind: the others have the same style.
        assert reader.violations(contrast=name in KINDS) == []


@pytest.mark.landing
@pytest.mark.parametrize("name", pages() or ["no book was built"])
def test_a_page_in_both_themes(name, reading):
    with reading() as reader:
        reader.open(name)
        assert reader.violations() == []
        reader.theme("dark")
        assert reader.violations("color-contrast") == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("name", KINDS)
def test_a_page_of_each_kind_fits(name, width, theme, reading):
    with reading(width) as reader:
        reader.open(name, theme)
        assert reader.sideways <= 0
        page = reader.page
        assert page.locator("article mjx-merror").count() == 0
        maths = page.locator("article .math").count()
        assert maths == page.locator("article .math mjx-container").count()
        if (width, theme) == (1280, "dark"):
            assert reader.violations("color-contrast") == []


def test_search_finds_a_word(reading):
    with reading() as reader:
        reader.open("search.html")
        reader.page.goto(f"{reader.page.url}?q=timescale")
        reader.page.wait_for_selector("#search-results li a")
        assert reader.outside == []

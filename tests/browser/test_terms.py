"""A term of the glossary says what it is where it stands: by mouse, key and touch."""

import pytest

from tests.browser.conftest import BOOK

pytestmark = pytest.mark.browser
PAGE = "notebooks/autocorrelation/timescale.html"
TERM, CARD = "article a.term", "#term-card"


def test_a_card_opens_by_mouse_and_key_has_words_and_closes(reading):
    with reading() as reader:
        reader.open(PAGE)
        page = reader.page
        page.locator(TERM).first.hover()
        page.wait_for_selector(CARD)
        page.locator(CARD).hover()
        page.wait_for_timeout(400)
        assert page.locator(CARD).is_visible()
        page.mouse.move(5, 5)
        page.wait_for_selector(CARD, state="detached")
        terms = page.locator(TERM)
        for k in range(terms.count()):
            terms.nth(k).focus()
            assert len(page.locator(CARD).text_content()) > 20
            assert terms.nth(k).get_attribute("aria-describedby") == "term-card"
        page.wait_for_function(
            f"() => !document.querySelector('{CARD} .math')"
            f" || document.querySelector('{CARD} mjx-container')"
        )
        opened = f"{CARD}, [aria-describedby=term-card]"
        assert reader.violations(within=opened) == []
        page.keyboard.press("Escape")
        assert page.locator(CARD).count() == 0


def test_a_first_touch_opens_and_a_second_follows(reading):
    with reading(360, has_touch=True) as reader:
        reader.open(PAGE)
        page = reader.page
        term = page.locator(TERM).first
        term.tap()
        page.wait_for_selector(CARD)
        assert page.url.endswith(PAGE)
        assert reader.sideways <= 0
        term.tap()
        page.wait_for_url("**/book/glossary.html#term-*")


def test_without_scripts_a_term_is_a_link(reading):
    with reading(java_script_enabled=False) as reader:
        reader.page.goto((BOOK / PAGE).as_uri())
        reader.page.locator('article a[href*="#term-"]').first.click()
        assert reader.page.url.split("#")[0].endswith("book/glossary.html")

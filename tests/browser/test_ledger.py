"""The Claims page: links open its entries, its filter works by keyboard."""

import json

import pytest

from tests.browser.conftest import BOOK

pytestmark = pytest.mark.browser
PAGE = "book/claims.html"


@pytest.fixture(scope="module")
def claims():
    return json.loads((BOOK / "_static" / "claims.json").read_text(encoding="utf-8"))


def shown(page):
    """How many entries are seen."""
    return page.locator("details.claim:visible").count()


def test_a_link_opens_an_entry(reading, claims):
    name = claims[len(claims) // 2]["claim"]
    with reading() as reader:
        reader.open(f"{PAGE}#claim-{name}")
        opened = reader.page.locator("details.claim[open]")
        assert opened.count() == 1
        assert f"ssmbook-{name}," in opened.text_content()
        # It moves once more when the mathematics above it is set.
        reader.page.wait_for_function(
            "e => { const top = e.getBoundingClientRect().top;"
            "return 0 <= top && top < 450 }",
            arg=opened.element_handle(),
        )


def test_a_search_opens_an_entry_that_has_its_words(reading, claims):
    claim = claims[len(claims) // 3]["claim"]
    words = claim.replace("-", " ")
    with reading() as reader:
        reader.open(PAGE)
        page = reader.page
        page.evaluate("w => localStorage.setItem('sphinx_highlight_terms', w)", words)
        page.reload()
        opened = page.locator("details.claim[open]")
        opened.wait_for()
        assert opened.count() == 1
        text = opened.text_content().lower()
        assert all(word in text for word in words.split())
        page.reload()  # the words are gone
        page.wait_for_load_state("load")
        assert page.locator("details.claim[open]").count() == 0


def test_words_may_stand_apart_and_parts_say_how_many_are_shown(reading, claims):
    own = [c["kind"] for c in claims]
    with reading() as reader:
        reader.open(PAGE)
        page = reader.page
        head = page.locator("h2", has_text="What the papers say")
        assert head.get_attribute("data-shown") is None
        page.locator("input[name=word]").fill("memory  curse")
        few = shown(page)
        assert 0 < few < len(claims)
        said = page.locator("h2[data-shown]").evaluate_all(
            "h => h.map(x => x.dataset.shown)"
        )
        pairs = [tuple(map(int, one.split(" of "))) for one in said]
        assert sum(n for n, _ in pairs) == few
        assert sorted(n for _, n in pairs) == sorted(own.count(k) for k in set(own))


def test_choices_filter_and_keys_alone_filter_and_open(reading, claims):
    with reading() as reader:
        reader.open(PAGE)
        page = reader.page
        assert shown(page) == len(claims)
        for name, key in (("chapter", "chapter"), ("verdict", "verdict")):
            value = claims[0][key]
            page.locator(f"select[name={name}]").select_option(f"{name}-{value}")
            expected = sum(c[key] == value for c in claims)
            assert shown(page) == expected
            assert page.locator("#claim-filter output").text_content() == (
                f"{expected} of {len(claims)} claims"
            )
            page.locator(f"select[name={name}]").select_option("")
        page.locator("input[name=word]").fill("transformer")
        assert 0 < shown(page) < len(claims)
        page.locator("input[name=word]").fill("frequency range")
        wanted = "the-range-of-frequencies-matters"
        assert page.locator("details.claim:visible", has_text=wanted).count() > 0
        page.locator("input[name=word]").fill("")
        assert shown(page) == len(claims)
        page.locator("select[name=paper]").focus()
        page.keyboard.press("ArrowDown")
        assert page.locator("select[name=paper]").input_value() != ""
        few = shown(page)
        for _ in ("chapter", "evidence", "verdict", "word"):
            page.keyboard.press("Tab")
        page.keyboard.type("critical")
        assert 0 < shown(page) < few
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        assert page.locator("details.claim[open]").count() == 1


def test_a_choice_stands_in_the_address_and_comes_back(reading, claims):
    some = sum(c["evidence"] == "training" and "MNIST" in c["says"] for c in claims)
    with reading() as reader:
        reader.open(PAGE)
        page = reader.page
        page.locator("select[name=evidence]").select_option("evidence-training")
        page.locator("input[name=word]").fill("mnist")
        found = shown(page)
        assert some <= found < len(claims)
        assert "evidence=evidence-training&word=mnist" in page.url
        query = page.url.rpartition("?")[2]
        page.goto(f"{(BOOK / PAGE).as_uri()}?{query}")
        assert shown(page) == found
        page.goto(f"{(BOOK / PAGE).as_uri()}?verdict=verdict-unknown&other=1")
        assert shown(page) == len(claims)


def test_without_scripts_all_entries_are_shown(reading, claims):
    with reading(java_script_enabled=False) as reader:
        reader.page.goto((BOOK / PAGE).as_uri())
        assert shown(reader.page) == len(claims)
        assert not reader.page.locator("#claim-filter").is_visible()

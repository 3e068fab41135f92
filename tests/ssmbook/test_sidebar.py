"""The mark of chapters on trained models in the table of contents."""

import pytest

from ssmbook.pages.sidebar import MARK, marked

KINDS = {"notebooks/a/one": "training", "notebooks/b/two": "theory", "book/x": None}


def link(address, title):
    return f'<li><a class="reference internal" href="{address}">{title}</a></li>'


@pytest.mark.parametrize(
    ("page", "address"),
    [
        ("intro", "notebooks/a/one.html"),
        ("notebooks/b/two", "../a/one.html"),
        ("notebooks/a/zero", "one.html"),
        ("notebooks/a/one", "#"),
        ("notebooks/a/one", ""),
    ],
)
def test_a_chapter_on_trained_models_is_marked_from_every_page(page, address):
    found = marked(link(address, "1. One"), page, KINDS)
    assert found == link(address, f"1. One {MARK}")


@pytest.mark.parametrize("address", ["../b/two.html", "../../book/x.html", "zero.html"])
def test_other_pages_are_not_marked(address):
    contents = link(address, "2. Two")
    assert marked(contents, "notebooks/a/zero", KINDS) == contents


def test_links_to_other_sites_are_left_alone():
    contents = '<a class="reference external" href="https://a.org/one.html">one</a>'
    assert marked(contents, "notebooks/a/zero", KINDS) == contents

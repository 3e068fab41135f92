"""The page that leads from a task to an initialization, and prints on one sheet."""

import pytest
from pypdf import PdfReader

from ssmbook.book.pdf import ALONE

pytestmark = pytest.mark.browser
PAGE = "book/decide.html"


def test_it_prints_on_one_sheet(reading, tmp_path):
    with reading() as reader:
        reader.open(PAGE)
        reader.page.pdf(path=tmp_path / "decide.pdf", format="A4", **ALONE)
    (sheet,) = PdfReader(tmp_path / "decide.pdf").pages
    text = sheet.extract_text()
    assert "Which initialization" in text
    assert "What this evidence cannot tell" in text
    assert "Mamba(H" in text
    assert "Contents" not in text


@pytest.mark.parametrize("width", [1280, 420])
def test_the_front_page_leads_there_from_its_first_screen(width, reading):
    with reading(width) as reader:
        reader.open("book/intro.html")
        way = reader.page.locator("article a", has_text="Choose an initialization")
        finding = reader.page.get_by_text("Timescale.", exact=True)
        for shown in (way, finding):
            box = shown.first.bounding_box()
            assert box["y"] + box["height"] < 900
        way.first.click(no_wait_after=True)
        reader.page.wait_for_url("**/decide.html")


def test_a_step_leads_to_its_claim_and_to_the_tool(reading):
    with reading(420) as reader:
        reader.open(PAGE)
        assert reader.sideways <= 0
        rows = reader.page.locator("table.decide tbody tr")
        assert 5 <= rows.count() <= 8
        for row in rows.all():
            assert row.locator("a[href*='claims.html#claim-']").count() >= 1
        assert rows.locator("a[href*='#a-column-of-your-own']").count() == 1
        assert rows.get_by_text("not measured yet").count() == 0

"""The page of all trained comparisons: one axis for all tables, at each width."""

import math

import pytest

pytestmark = pytest.mark.browser
PAGE = "book/effects.html"
#: of each drawn row the places of the line at 1 and of the point, and the first number
DRAWN = """() => [...document.querySelectorAll("table.forest td svg:has(line)")]
  .map((svg) => {
    const at = (e) => e && e.getBoundingClientRect();
    const one = at(svg.querySelector("line.one")), ends = at(svg);
    const point = at(svg.querySelector("circle"));
    const cell = svg.closest("td").nextElementSibling;
    return {one: one.x + one.width / 2, left: ends.left, width: ends.width,
            point: point && point.x + point.width / 2,
            value: parseFloat(cell.textContent.replace(",", ""))} })"""


@pytest.mark.parametrize("width", [1280, 420])
def test_all_intervals_have_one_axis(reading, width):
    with reading(width) as reader:
        reader.open(PAGE)
        assert reader.sideways <= 0
        drawn = reader.page.evaluate(DRAWN)
        assert len(drawn) > 100
        axis = {(round(row["one"]), round(row["width"])) for row in drawn}
        assert len(axis) == 1, axis
        assert drawn[0]["width"] > 100
        for row in drawn:
            if row["point"] is not None:
                # The number beside it has two decimals.
                apart = (row["point"] - row["one"]) / row["width"]
                expected = 0.43 * math.log(row["value"]) / math.log(4)
                assert apart == pytest.approx(expected, abs=0.012), row


def test_a_key_leads_from_a_row_to_its_claim(reading):
    with reading() as reader:
        reader.open(PAGE)
        page = reader.page
        badge = page.locator("table.forest td a").first
        target = badge.get_attribute("href").partition("#")[2]
        badge.focus()
        page.keyboard.press("Enter")
        # The ledger is long: its formulas need not be set to see the entry open.
        page.wait_for_url(f"**/claims.html#{target}", wait_until="commit")
        page.wait_for_selector("details.claim[open]", timeout=120_000)

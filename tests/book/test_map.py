"""The Map, the prerequisites, and the table of schemes agree with the book."""

import math
import re

import pytest

from ssmbook.book.build import stored
from ssmbook.pages import reading
from ssmlib.initialization import initialize, is_random, names
from tests.book.conftest import CHAPTERS
from tests.conftest import ROOT

MAP = (ROOT / "book" / "map.md").read_text(encoding="utf-8")
PATHS = re.findall(r"```\{reading-path\}\n(.*?)```", MAP, re.DOTALL)


@pytest.fixture(scope="module")
def site():
    """The minutes and prerequisites of all pages, as assembly writes them."""
    sources = {slug: page.source for slug, page in stored(ROOT).items()}
    return reading.of_book(ROOT, CHAPTERS, sources, [])


def document(slug):
    return CHAPTERS[slug].document.removesuffix(".ipynb")


def test_each_chapter_has_prerequisites_and_a_reading_time(chapter, site):
    name = document(chapter.slug)
    assert 1 <= len(site["needs"][name]) <= reading.MOST
    assert 3 <= site["minutes"][name][1] <= 15
    assert site["minutes"][name][0] <= 3


def test_each_chapter_is_on_the_map_once(chapter):
    table = MAP[MAP.index(":::{table}") : MAP.index("(ten-minutes)=")]
    assert table.count(f"{{doc}}`/{document(chapter.slug)}`") == 1


@pytest.mark.parametrize(("number", "most"), [(0, 10), (1, 60), (2, 25)])
def test_a_path_takes_the_time_that_its_title_says(number, most, site):
    text = reading.path(PATHS[number].splitlines(), site["minutes"])
    total = int(re.match(r"Reading time: (\d+) minutes\.", text)[1])
    steps = [*map(int, re.findall(r"(\d+) minutes?\)\. ", text))]
    assert len(steps) == len(PATHS[number].splitlines())
    assert 0.7 * most <= total == sum(steps) <= most


def test_there_are_three_paths():
    assert len(PATHS) == 3


# The schemes


def rows():
    """The cells of each row of the table of schemes, by the name of the scheme."""
    text = (ROOT / "book" / "schemes.md").read_text(encoding="utf-8")
    found = re.findall(r"^\| `(\w+)`(.*) \|$", text, re.MULTILINE)
    return {name: rest.split(" | ") for name, rest in found}


ROWS = rows()
N = 64


def value(formula, **symbols):
    """The value of a formula of the table: fractions, powers, products, pi and e."""
    code = formula.replace(r"\pi", "pi").replace("^", "**").replace("e**", "E**")
    code = re.sub(r"(?<=[\dN)])(?=\(|pi|n|u)|(?<=pi) (?=[nu])|(?<=\))(?=\()", "*", code)
    return eval(code, {"pi": math.pi, "E": math.e, "N": N} | symbols)


def frequencies(name):
    """Those of a scheme; of a random one, of many draws."""
    seeds = range(200) if is_random(name) else [None]
    return [w for s in seeds for w in initialize(name, N, seed=s)[0].imag.tolist()]


def test_each_scheme_has_one_row():
    assert sorted(ROWS) == sorted(names())
    assert {len(cells) for cells in ROWS.values()} == {7}


@pytest.mark.parametrize(
    "name", [name for name in names() if name != "legs" and not is_random(name)]
)
def test_a_formula_gives_the_frequencies(name):
    formula = re.match(r"\$(.*?)\$", ROWS[name][1])[1]
    expected = [value(formula, n=n) for n in range(N // 2)]
    assert expected == pytest.approx(initialize(name, N)[0].imag.tolist(), rel=1e-12)


@pytest.mark.parametrize("name", names())
def test_a_range_has_all_frequencies_and_ends_at_them(name):
    found = frequencies(name)
    if name == "rand":
        assert min(found) > 0
        return
    *low, high = [value(f) for f in re.findall(r"\$(.*?)\$", ROWS[name][2])]
    near = 1e-4 if name == "legs" else 1e-12
    if is_random(name) and name != "random_real":
        assert low[0] < min(found)
        assert max(found) < high
        return
    assert high == pytest.approx(max(found), rel=near)
    assert low == [] or low[0] == pytest.approx(min(found), rel=near)


@pytest.mark.parametrize("name", [n for n in names() if n not in ("real", "rand")])
def test_the_largest_timescale_without_aliasing_turns_the_range_by_half(name):
    limit = value(re.search(r"up to (?:about )?\$(.*?)\$", ROWS[name][3])[1])
    *_, high = [value(f) for f in re.findall(r"\$(.*?)\$", ROWS[name][2])]
    assert limit == pytest.approx(math.pi / high, rel=1e-3 if name == "legs" else 1e-12)

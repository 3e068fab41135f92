"""Each stored figure is the one that its cell draws, with the alt text of its cell."""

import ast
import itertools
import re
from dataclasses import dataclass
from functools import cache

import nbformat
import pytest

from ssmbook.notebook.executed import Executed
from ssmbook.runs import studies
from tests.book.conftest import CHAPTERS
from tests.book.test_records import _EXEMPT
from tests.conftest import ROOT

#: how a page or a chapter's text shows a figure
_PAGE = re.compile(r"_figures/([\w-]+)\.svg")
_PLACED = re.compile(r"\{glue:figure\} ([\w-]+)")
#: a whole number that is no part of a name (S4D, x-2, float32)
_WHOLE = re.compile(r"(?<![\w.,-])\d+(?:,\d{3})*(?!\w|[.,]\d)")
_LABELS = ("set_xlabel", "set_ylabel", "set_title", "suptitle")


@dataclass(frozen=True)
class Drawn:
    """A stored figure, and the code of the cell that stores it."""

    name: str
    svg: str
    alt: str
    code: str

    @property
    def texts(self) -> set[str]:
        """What is written in the picture: matplotlib notes it beside the glyphs."""
        return set(re.findall(r"<!-- (.*?) -->", self.svg))


def code_cells(node):
    return [cell for cell in node.cells if cell.cell_type == "code"]


def drawn(cells) -> list[Drawn]:
    """The figures that cells store, in order."""
    found = []
    for cell in code_cells(nbformat.from_dict({"cells": cells})):
        shown = Executed("a cell", nbformat.from_dict({"cells": [cell]})).figures
        found += [Drawn(name, *parts, cell.source) for name, parts in shown.items()]
    return found


def one_line(value):
    """A string as `ssmbook.figure` stores it; another constant as it is."""
    return " ".join(value.split()) if isinstance(value, str) else value


@cache
def constants(code: str) -> set:
    """The strings, each in one line, and the numbers that are written out in code."""
    nodes = ast.walk(ast.parse(code))
    return {one_line(n.value) for n in nodes if isinstance(n, ast.Constant)}


def calls(code: str, *names: str) -> list[ast.Call]:
    """The calls of functions or methods by their last name."""
    return [
        node
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).rpartition(".")[2] in names
    ]


@cache
def declared(code: str) -> dict[str, str]:
    """name -> alt text of each figure whose cell has both written out."""
    assigned = {
        node.targets[0].id: node.value
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    found = {}
    for call in calls(code, "figure"):
        given = {k.arg: k.value for k in call.keywords}
        given |= dict(zip(("svg", "name", "alt"), call.args, strict=False))
        name, alt = given.get("name"), given.get("alt")
        alt = assigned.get(alt.id) if isinstance(alt, ast.Name) else alt
        if isinstance(name, ast.Constant) and isinstance(alt, ast.Constant):
            found[name.value] = one_line(alt.value)
    return found


@cache
def labels(code: str) -> set[str]:
    """The first line of each label of an axis that is written out."""
    given = [call.args[0] for call in calls(code, *_LABELS) if call.args]
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.keyword) and node.arg in ("xlabel", "ylabel", "title"):
            given.append(node.value)
    written = [node.value for node in given if isinstance(node, ast.Constant)]
    return {label.partition("\n")[0] for label in written} - {""}


def problems(cells) -> list[str]:
    """Figures among a notebook's cells that are not what their cells draw."""
    figures = drawn(cells)
    found = [
        f"{figure.name}: another name or alt text than its cell has"
        for figure in figures
        if declared(figure.code).get(figure.name, figure.alt) != figure.alt
        or not {figure.name, figure.alt} <= constants(figure.code)
    ]
    found += [
        f"{name}: its cell stores no such figure"
        for cell in cells
        if cell.cell_type == "code"
        for name in set(declared(cell.source)) - {f.name for f in drawn([cell])}
    ]
    found += [
        f"{figure.name}: {label!r} is not in the picture"
        for figure in figures
        for label in labels(figure.code) - figure.texts
    ]
    return found


def test_each_figure_is_what_its_cell_draws(node):
    assert drawn(node.cells)
    assert problems(node.cells) == []


@pytest.mark.parametrize("slug", studies.read(ROOT))
def test_each_figure_of_a_longer_run_is_what_its_cell_draws(slug):
    path = ROOT / "studies" / slug / f"{slug}.ipynb"
    assert problems(nbformat.read(path, 4).cells) == []


def output_of(node, name):
    """The stored output of a figure, and the cell that it is in."""
    for cell in code_cells(node):
        for output in cell.outputs:
            scrapbook = output.get("metadata", {}).get("scrapbook", {})
            if scrapbook.get("name") == name:
                return output, cell
    raise AssertionError(name)


def test_an_alt_text_that_differs_from_its_source_is_found(node):
    for figure in drawn(node.cells):
        output, cell = output_of(node, figure.name)
        output.data["text/plain"] = figure.alt.replace(" ", "  ", 1)
        assert problems([cell]), figure.name
        output.data["text/plain"] = figure.alt
    assert not problems(node.cells)


def test_a_figure_that_is_moved_to_another_cell_is_found(node):
    for figure in drawn(node.cells):
        output, cell = output_of(node, figure.name)
        place = cell.outputs.index(output)
        for target in code_cells(node):
            if target is not cell:
                cell.outputs.remove(output)
                target.outputs.append(output)
                assert problems([cell, target]), figure.name
                target.outputs.remove(output)
                cell.outputs.insert(place, output)
    assert not problems(node.cells)


def test_pictures_that_are_exchanged_are_found():
    """Of most pairs: two pictures may have the same labels, or draw them in a loop."""
    seen = total = 0
    for chapter in CHAPTERS.values():
        node = nbformat.read(chapter.path, 4)
        # The figure of a page's short run has the labels of that of the study.
        figures = [f for f in drawn(node.cells) if not f.name.endswith("-short")]
        for one, other in itertools.combinations(figures, 2):
            own = [output_of(node, figure.name) for figure in (one, other)]
            (first, _), (second, _) = own
            kind = "image/svg+xml"
            first.data[kind], second.data[kind] = second.data[kind], first.data[kind]
            seen, total = seen + bool(problems([cell for _, cell in own])), total + 1
            first.data[kind], second.data[kind] = second.data[kind], first.data[kind]
    assert seen > 0.9 * total


def test_each_name_of_a_figure_is_one_figure_of_the_book():
    """Pages name a figure without its chapter."""
    names = [
        figure.name
        for chapter in CHAPTERS.values()
        for figure in drawn(nbformat.read(chapter.path, 4).cells)
    ]
    names += [
        f"deposit-{figure.name}"
        for study in studies.read(ROOT).values()
        for figure in drawn([stored(study.outputs)])
    ]
    assert len(names) == len(set(names))


def stored(outputs):
    return nbformat.from_dict({"cell_type": "code", "source": "", "outputs": outputs})


@pytest.fixture(scope="module")
def longer():
    """The figures of each chapter's longer run, by the name that text has for them."""
    return {
        slug: {f"deposit-{figure.name}" for figure in drawn([stored(study.outputs)])}
        for slug, study in studies.read(ROOT).items()
    }


def test_figures_in_a_chapter_are_its_own_and_placed_once(node, chapter, longer):
    own = {figure.name for figure in drawn(node.cells)}
    text = "\n".join(c.source for c in node.cells if c.cell_type == "markdown")
    placed = _PLACED.findall(text)
    assert set(placed) <= own | longer.get(chapter.slug, set())
    assert len(placed) == len(set(placed))


def test_figures_on_pages_exist(root, longer):
    known = set().union(*longer.values())
    for chapter in CHAPTERS.values():
        known |= {f.name for f in drawn(nbformat.read(chapter.path, 4).cells)}
    for page in (root / "book").glob("*.md"):
        text = page.read_text(encoding="utf-8")
        named = {*_PAGE.findall(text), *_PLACED.findall(text)}
        assert named <= known, page


# Numbers in alt texts


def written(alt: str, numbers: set[float]) -> list[str]:
    """Whole numbers in an alt text that are neither pasted nor in the code.

    Allowed are 0, 1 and 2, the 95 % of an interval, and sizes, which are powers of two:
    they describe axes. A number of the notebook's code is a parameter.
    """
    text = _EXEMPT.sub("", alt).replace("95 %", "")
    return [
        match
        for match in _WHOLE.findall(text)
        if (n := int(match.replace(",", ""))) not in {0, *numbers} and n & (n - 1)
    ]


def test_no_measured_whole_number_is_written_in_an_alt_text(node):
    numbers = {
        value
        for cell in code_cells(node)
        for value in constants(cell.source)
        if type(value) in (int, float)
    }
    for figure in drawn(node.cells):
        assert written(figure.alt, numbers) == [], figure.name


def test_whole_numbers_in_alt_texts_are_found():
    alt = "S4D-Inv2 falls from 1 to 37 % by step 1,500, with 95 % intervals, at 64."
    assert written(alt, set()) == ["37", "1,500"]
    assert written(alt, {37, 1500}) == []
    assert written("float32 at {glue:text}`x:.0f` and $37$, AR(0.9)", set()) == []

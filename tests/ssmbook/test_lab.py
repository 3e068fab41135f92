"""Copies of notebooks for JupyterLab: their text is plain, their code the same."""

import re

import nbformat
import pytest

from ssmbook.notebook.chapters import chapters
from ssmbook.pages import lab
from tests.conftest import ROOT
from tests.ssmbook.toy import NOTEBOOK, ssmbook

CELL = nbformat.v4.new_markdown_cell
VALUES = {"x": 0.125, "cost": "1.24 times (1.05 to 1.46, 28 seeds)"}


def plain(source):
    node = nbformat.v4.new_notebook(cells=[CELL(source)])
    return lab.text(node, VALUES, {"a-claim": "qualified"}).cells[0].source


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{glue:text}`x:.2f` m", "0.12 m"),
        ("{effect}`cost` it", "1.24 times (1.05 to 1.46, 28 seeds) it"),
        ("so {claim}`a-claim`", "so `a-claim` (◐ holds up to a limit)"),
        ("a {term}`mode` and {term}`modes <mode>`", "a mode and modes"),
        ("{cite:t}`gu2022s4d` say", "Gu et al. (2022) say"),
        ("[page](../x.ipynb), [web](https://a.b)", "page, [web](https://a.b)"),
        ("```{chapter-claims}\n```\nnext", "next"),
        (":::{dropdown} Solution\n:open:\nIt is 3.\n:::\nnext",
         "**Solution**\n\nIt is 3.\nnext"),
        ("```{glue:figure} f\n:name: g\nA caption.\n```",
         "*Figure f, on the book's page.*\nA caption."),
        (":::{dropdown} S\n```python\nx = 1\n```\n:::",
         "**S**\n\n```python\nx = 1\n```"),
    ],
)  # fmt: skip
def test_roles_and_directives_become_plain(source, expected):
    assert plain(source) == expected


@pytest.mark.parametrize("slug", chapters(ROOT))
def test_a_chapter_keeps_its_code_and_loses_its_roles(slug):
    node = nbformat.read(chapters(ROOT)[slug].path, 4)
    copied = lab.text(node, {}, {})
    kept = [c for c in node.cells if c.cell_type == "code"]
    assert [c for c in copied.cells if c.cell_type == "code"] == kept
    for cell in copied.cells:
        if cell.cell_type == "markdown":
            left = re.sub(r"```\w*\n.*?```", "", cell.source, flags=re.S)
            assert not re.search(r"\{[\w:-]+\}`|^[`:]{3,}\{", left, re.M), left


@pytest.mark.slow
def test_the_command_writes_a_copy_once(place):
    ssmbook(place, "notebooks")
    before = (place / NOTEBOOK).read_bytes()
    out, _ = ssmbook(place, "lab", "1")
    copied = nbformat.read(out.strip(), 4)
    assert "Twice is 4. The claim is on its page." in copied.cells[3].source
    _, err = ssmbook(place, "lab", "1", status=1)
    assert "exists: remove it" in err
    _, err = ssmbook(place, "lab", "1", "-o", NOTEBOOK, status=1)
    assert "a part of the repository" in err
    assert (place / NOTEBOOK).read_bytes() == before

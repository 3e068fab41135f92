"""A chapter's page: the titles of folded cells, outputs that are not shown."""

import nbformat
import pytest

from ssmbook.notebook.executed import Executed
from ssmbook.pages.chapter_page import Page, does, write
from tests.ssmbook.outputs import notebook


@pytest.mark.parametrize(
    ("source", "title"),
    [
        ("# How far apart two kernels are.\ngap = 1", "How far apart two kernels are"),
        ("import torch\nfrom a import b", "imports"),
        ("def gap(x):\n    return x\n", "defines gap()"),
        ("fig = f()\nssmbook.figure(fig, 'x')\n", "draws the figure"),
        ("for k in a:\n    ssmbook.record(k, 1)", "records the values"),
        ("x = 1", "computes the values"),
    ],
)
def test_the_title_of_a_fold_describes_its_code(source, title):
    assert does(source) == title


def test_a_table_of_losses_is_not_shown(tmp_path):
    shown = nbformat.v4.new_output("display_data", {"text/plain": "task,arm\n"})
    shown.metadata["scrapbook"] = {"name": "losses", "mime_prefix": ""}
    ran = Executed.read(notebook(tmp_path / "toy.ipynb", shown))
    write(Page(ran, ran), tmp_path / "page.ipynb", {}, None)
    cell = nbformat.read(tmp_path / "page.ipynb", 4).cells[1]
    assert "remove-output" in cell.metadata["tags"]

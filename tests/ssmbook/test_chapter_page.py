"""What a cell that folds is called, by what its code does."""

import pytest

from ssmbook.pages.chapter_page import does


@pytest.mark.parametrize(
    ("source", "title"),
    [
        ("# How far apart two kernels are.\ngap = 1", "How far apart two kernels are"),
        ("import torch\nfrom a import b", "imports"),
        ("def gap(x):\n    return x\n", "functions gap"),
        ("fig = f()\nssmbook.figure(fig, 'x')\n", "draws the figure"),
        ("for k in a:\n    ssmbook.record(k, 1)", "keeps the numbers"),
        ("x = 1", "works it out"),
    ],
)
def test_a_fold_is_called_by_what_its_code_does(source, title):
    assert does(source) == title

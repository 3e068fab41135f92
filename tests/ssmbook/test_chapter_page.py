"""The titles of folded cells."""

import pytest

from ssmbook.pages.chapter_page import does


@pytest.mark.parametrize(
    ("source", "title"),
    [
        ("# How far apart two kernels are.\ngap = 1", "How far apart two kernels are"),
        ("import torch\nfrom a import b", "imports"),
        ("def gap(x):\n    return x\n", "functions gap"),
        ("fig = f()\nssmbook.figure(fig, 'x')\n", "draws the figure"),
        ("for k in a:\n    ssmbook.record(k, 1)", "records the values"),
        ("x = 1", "computes the values"),
    ],
)
def test_the_title_of_a_fold_describes_its_code(source, title):
    assert does(source) == title

"""The files of a figure: itself as SVG, and the numbers that it draws as CSV.

A figure brings its numbers as CSV in its element `metadata`. A page shows it without.
"""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

FOLDER = "book/_figures"
_NUMBERS = re.compile(r"<metadata>([^<]*)</metadata>")


def without_numbers(svg: str) -> str:
    """Return a figure without the numbers that it draws."""
    return _NUMBERS.sub("", svg, count=1)


def write(tree: Path, name: str, svg: str) -> None:
    """Write a figure and its numbers, if it brings any, into the book's tree.

    Args:
        tree: the book's tree.
        name: the name of the figure.
        svg: the figure.
    """
    folder = tree / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.svg").write_text(without_numbers(svg), encoding="utf-8")
    numbers = _NUMBERS.search(svg)
    if numbers and numbers[1]:
        (folder / f"{name}.csv").write_text(unescape(numbers[1]), encoding="utf-8")

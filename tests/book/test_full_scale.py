"""The page Full scale: its tables are those of the library."""

from __future__ import annotations

import re

from ssmlib.published import PAPER
from ssmlib.reproduction import GATES
from ssmlib.reproduction.data import SOURCES
from tests.conftest import ROOT

PAGE = (ROOT / "book" / "full-scale.md").read_text(encoding="utf-8")


def rows(columns: int) -> dict[str, list[str]]:
    """Rows of the tables with so many columns, by configuration."""
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in PAGE.splitlines()
        if line.startswith("| `")
    ]
    return {own[0].strip("`"): own[1:] for own in cells if len(own) == columns}


def test_the_configurations_are_those_of_the_library():
    found = {name: tuple(map(int, own[1:])) for name, own in rows(6).items()}
    assert found == {
        name: (row.length, row.n_layers, row.d_model, row.epochs)
        for name, row in PAPER.items()
    }
    assert {*SOURCES} == {*PAPER}


def test_the_hours_are_those_of_minutes_and_epochs():
    hours = 0.0
    for name, (minutes, shown, gate) in rows(4).items():
        own = int(minutes.split()[0]) * PAPER[name].epochs / 60
        assert round(own) == int(shown), name
        hours += own
        epoch, level = GATES[name]
        assert gate == f"{round(100 * level)} % after {epoch} epochs"
    assert {*rows(4)} == {*GATES}
    (told,) = re.findall(r"take about (\d+) hours", PAGE)
    assert round(hours) == int(told)

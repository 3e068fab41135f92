"""Contrasts of studies compare choices that differ."""

import pytest

from ssmbook.notebook.executed import Executed
from ssmbook.studies.parts import measured
from tests.book.conftest import CHAPTERS
from tests.conftest import ROOT

# Their arms are named by the base-2 logarithm of the timescale, or by the images whose
# rule gives it.
STUDIES = ("sequential-mnist", "deeper-and-nonlinear")
COMPARED = [
    (slug, key, contrast.arms)
    for slug in STUDIES
    for key, contrast in measured(ROOT)[slug].study.contrasts.items()
    if any(arm.endswith("'s rule") for arm in contrast.arms)
    and any(arm.lstrip("-").isdigit() for arm in contrast.arms)
]


def octaves(arm, rules):
    """The base-2 logarithm of the timescale of an arm."""
    return float(rules[arm] if arm in rules else arm)


def test_there_are_some():
    assert COMPARED


@pytest.mark.parametrize(("slug", "key", "arms"), COMPARED)
def test_a_timescale_is_compared_with_another(slug, key, arms):
    records = Executed.read(CHAPTERS[slug].path).records
    kinds = ("raw", "decorrelated")
    rules = {f"{kind}'s rule": records[f"rule_{kind}"].value for kind in kinds}
    first, second = (octaves(arm, rules) for arm in arms)
    assert abs(first - second) > 0.5, f"{key} compares {arms[0]} with itself"

"""What `ssmbook plan` says: hours of missing parts, and draws that would decide."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ssmbook.ledger.decision import Part
from ssmbook.ledger.plan import draws, needs, progress
from ssmbook.studies.parts import of_study
from ssmbook.studies.student import skewness
from tests.ssmbook.synthetic import claim, finished, stated, write_part

LEARNS = {"key": "learns", "below": 0.5}


def test_progress_counts_seeds_and_hours(tmp_path):
    study = stated(tmp_path)
    for block in study.blocks("base")[:3]:
        write_part(tmp_path, study, "base", block)
    base, untrained = progress({"toy": of_study(tmp_path, study)})
    assert (base.measured, base.stated, base.hours) == (12, 16, 0.0)
    assert (untrained.measured, untrained.stated, untrained.hours) == (0, 8, None)


def test_an_undecided_claim_needs_the_draws_of_its_hardest_part(tmp_path):
    study = finished(tmp_path)
    near = claim(study, {"key": "a_over_b", "below": 0.905}, LEARNS)
    (need,) = needs([near], {"toy": study})
    assert (need.claim, need.key) == ("a-is-better", "a_over_b")
    assert need.n is None or need.n > 16
    assert needs([claim(study, LEARNS)], {"toy": study}) == []


@pytest.mark.parametrize("law", ["normal", "lognormal"])
@pytest.mark.parametrize("side", [-1, 1])
def test_draws_have_the_stated_power(law, side):
    """In simulation: with so many draws, about four of five studies decide."""
    rng, apart = np.random.default_rng(0), 0.4
    sample = {
        "normal": lambda n: rng.normal(0, 1, n),
        "lognormal": lambda n: (rng.lognormal(0, 0.6, n) - math.exp(0.18)) / 0.785,
    }[law]

    def part(own):
        low, high = sorted([side * math.inf, -side * apart])
        se, skew = own.std(ddof=1) / len(own) ** 0.5, skewness(own)
        return Part("x", own.mean(), se, len(own) - 1, low, high, skew)

    many = sample(100_000)
    known = part(many - many.mean())
    n = draws(known, len(many))
    tried = [part(sample(n)) for _ in range(2000)]
    decided = sum(own.inside and own.p <= 0.05 for own in tried)
    assert 0.75 < decided / 2000 < 0.95  # the favorable side of a skewed law has more


def test_no_number_decides_at_the_edge():
    assert draws(Part("x", 1.0, 0.1, 9, 1.0, 2.0), 10) is None

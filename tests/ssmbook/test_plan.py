"""What `ssmbook plan` says: hours of missing parts, and draws that would decide."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ssmbook.ledger.decision import Part
from ssmbook.ledger.plan import draws, needs, progress
from ssmbook.studies.parts import of_study
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


def test_draws_have_the_stated_power():
    """In simulation: with so many draws, four of five studies decide."""
    rng, sd, apart = np.random.default_rng(0), 1.0, 0.3
    n = math.ceil(draws(Part("x", 0.0, sd / math.sqrt(10), 9, -math.inf, apart), 10))
    decided = 0
    for _ in range(2000):
        own = rng.normal(0, sd, n)
        part = Part("x", own.mean(), own.std(ddof=1) / n**0.5, n - 1, -math.inf, apart)
        decided += part.inside and part.p <= 0.05
    assert decided / 2000 == pytest.approx(0.8, abs=0.03)


def test_no_number_decides_at_the_edge():
    assert draws(Part("x", 1.0, 0.1, 9, 1.0, 2.0), 10) == math.inf

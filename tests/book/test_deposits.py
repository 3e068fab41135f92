"""Longer runs that are kept: whole, and still what the code computes."""

import math

import pytest

from ssmbook.book import deposits
from ssmlib import autocorrelation, inputs
from ssmlib.initialization import window_spacing
from ssmlib.tasks import delay
from ssmlib.training import fit
from tests.conftest import ROOT

KEPT = deposits.read(ROOT)


def sequence_length(p):
    """White noise at the shortest length, the rule's timescale: a first epoch."""
    L, seeds = 64, range(p["seed"], p["seed"] + p["n_seeds"])
    top = autocorrelation.moment_largest_eigenvalue(inputs.white().moment(L))
    dt = (L * top) ** -0.5
    start = {"dt": dt, "real": 0.0, "imag_scale": window_spacing(dt, L) / math.pi}
    start |= {"lr": p["rate"], "ssm_lr": p["rate"] / 10}
    data = [delay.block_copy(p["n_train"], L, L // 8, s, inputs.white()) for s in seeds]
    options = {"batch_size": p["batch_size"], "linear": True}
    options |= {"d_model": p["d_model"], "d_state": p["d_state"]}
    return fit(data, [start], seeds=seeds, epochs=1, **options).table.valid_loss.mean()


SPOTS = {"sequence-length": sequence_length}


def test_each_deposit_has_a_spot_check():
    assert set(KEPT) <= set(SPOTS)


@pytest.mark.parametrize("slug", sorted(KEPT))
def test_a_first_epoch_is_as_recorded(slug):
    spot = KEPT[slug].records["spot"]
    assert SPOTS[slug](KEPT[slug].run.parameters) == pytest.approx(
        spot.value, abs=spot.se
    )


def test_a_deposit_took_at_most_25_minutes():
    for kept in KEPT.values():
        assert kept.run.seconds <= 25 * 60


def test_claims_judged_on_a_deposit_have_one(ledger):
    assert {c.notebook for c in ledger if c.judged_on == "deposit"} <= set(KEPT)

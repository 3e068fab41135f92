"""Longer runs that are kept: whole, and still what the code computes."""

import pytest

from ssmbook.runs import studies
from ssmlib import inputs
from ssmlib.initialization import window_grid
from ssmlib.tasks import delay, medical
from ssmlib.training import fit
from tests.conftest import ROOT

KEPT = studies.read(ROOT)


def first_epoch(p, data, start, **more):
    """The validation loss after one epoch at the middle rate, mean over seeds."""
    start = start | {"lr": p["rate"], "ssm_lr": p["rate"] / 10}
    options = {k: p[k] for k in ("batch_size", "d_model", "d_state") if k in p} | more
    seeds = _seeds(p)
    return fit(data, [start], seeds=seeds, epochs=1, **options).table.valid_loss.mean()


def _seeds(p):
    return range(p["seed"], p["seed"] + p["n_seeds"])


def ablations(p):
    """Arterial pressure, S4D-Lin."""
    windows = min(p["n_train"], 1000)
    data = [medical.pressure(128, windows, s, horizon=16) for s in _seeds(p)]
    return first_epoch(p, data, {})


def rule_in_training(p):
    """White noise, the rule's timescale, undamped."""
    L, process, dt = p["L_max"], inputs.white(), p["L_max"] ** -0.5
    data = [delay.block_copy(p["n_train"], L, L // 8, s, process) for s in _seeds(p)]
    start = {"init": window_grid(dt, L)}
    return first_epoch(p, data, start, linear=True, batch_size=p["n_train"] // 4)


SPOTS = {
    "rule-in-training": rule_in_training,
    "ablations": ablations,
}


def test_each_study_has_a_spot_check():
    assert set(KEPT) == set(SPOTS)


@pytest.mark.slow
@pytest.mark.parametrize("slug", sorted(KEPT))
def test_a_first_epoch_is_as_recorded(slug):
    spot = KEPT[slug].records["spot"]
    assert SPOTS[slug](KEPT[slug].run.parameters) == pytest.approx(
        spot.value, abs=spot.se
    )


def test_a_study_took_at_most_45_minutes():
    for kept in KEPT.values():
        assert kept.run.seconds <= 45 * 60


def test_claims_judged_on_a_study_have_one(ledger):
    assert {c.notebook for c in ledger if c.judged_on == "deposit"} <= set(KEPT)

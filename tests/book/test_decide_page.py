"""The tables that lead to a decision: a claim stands beside an effect it predicts."""

import math
import re

import pytest

from ssmlib import _advice, inputs
from ssmlib.autocorrelation import moment_timescale
from ssmlib.initialization import DT
from tests.conftest import ROOT

DECIDE = (ROOT / "book" / "decide.md").read_text(encoding="utf-8")
FRONT = (ROOT / "book" / "intro.md").read_text(encoding="utf-8")
CLAIM = re.compile(r"\{named-claim\}`([\w-]+)`")
EFFECT = re.compile(r"\{effect\}`\S+/([\w-]+)\.ipynb::(\w+)`")


def rows(text):
    """The rows that name claims."""
    return [row for row in re.findall(r"^\| .* \|$", text, re.M) if CLAIM.search(row)]


@pytest.mark.parametrize("page", [DECIDE, FRONT], ids=["decide", "intro"])
def test_a_claim_on_a_study_stands_beside_an_effect_it_predicts(page, ledger):
    known = {claim.id: claim for claim in ledger}
    on_study = 0
    for row in rows(page):
        effects = set(EFFECT.findall(row))
        for claim in map(known.__getitem__, CLAIM.findall(row)):
            if claim.measured_by:
                on_study += 1
                assert effects & {(claim.notebook, key) for key in claim.keys}, claim.id
    assert on_study > 10


def test_there_are_at_most_eight_rows():
    assert len(rows(DECIDE)) <= 8


def test_the_tool_says_to_compare_under_the_power_law():
    """What the page says of 4,096 steps, where the default range has a higher loss."""
    dt = float(moment_timescale(inputs.power_law(0.5).moment(4096)))
    assert DT[0] < dt < 1.5 * DT[0]
    said, _ = _advice.decision(dt, 4096, suspect=False)
    assert said.endswith("so train with both and compare.")


def test_three_lengths_of_damping_are_the_threshold_of_the_tool():
    assert math.exp(-3) == pytest.approx(_advice.FORGOTTEN, abs=0.005)


def test_the_lines_of_code_make_what_the_steps_say():
    (code,) = re.findall(r"^```python\n(.*?)^```$", DECIDE, re.M | re.S)
    *lines, default, one, undamped = code.splitlines()
    names = {}
    exec("\n".join(lines), names)
    default, one, undamped = (eval(line, names) for line in (default, one, undamped))
    L, dt = names["L"], names["dt"]
    assert default.dt.min() >= DT[0]
    assert default.dt.max() <= DT[1]
    for layer, real, spacing in (
        (default, -0.5, math.pi),
        (one, -0.5, math.pi),
        (undamped, 0, 2 * math.pi / (dt * L)),
    ):
        A = layer.A.detach()
        assert A.real.unique().tolist() == [real]
        assert A.imag[0, :3].tolist() == pytest.approx([0, spacing, 2 * spacing])
    for layer in (one, undamped):
        assert layer.dt.flatten().tolist() == pytest.approx([dt] * names["H"])

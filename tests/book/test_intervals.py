"""The interval of a figure is that of the text: the library's is the ledger's."""

import math

import pandas as pd
import pytest

from ssmbook.studies import parts
from ssmbook.studies.design import BASE
from ssmbook.studies.estimates import effects
from ssmlib import statistics
from ssmlib.training import log_ratio
from tests.conftest import ROOT

MEASURED = {n: m for n, m in parts.measured(ROOT).items() if m.evaluated(BASE)}


@pytest.mark.parametrize("name", MEASURED)
def test_both_estimate_a_ratio_alike(name):
    measured = MEASURED[name]
    rows = [row for part in measured.evaluated(BASE) for row in part.losses.rows]
    table, contrasts = pd.DataFrame(rows), measured.study.contrasts
    for key, effect in effects(measured).items():
        of = contrasts[key]
        if of.ratio is None or of.column != "test_loss":
            continue
        options = {"budget": of.budget}
        if of.across == "tasks":
            tasks = of.tasks or tuple(dict.fromkeys(table.task))
            own = [log_ratio(table, *of.arms, task=t, **options) for t in tasks]
            found = statistics.mean([e.value for e in own], skewed=True)
        else:
            found = log_ratio(table, *of.arms, task=of.tasks, **options)
        shown = [math.exp(x) for x in (found.value, found.low, found.high)]
        assert shown == pytest.approx([effect.value, *effect.ends], rel=1e-9), key

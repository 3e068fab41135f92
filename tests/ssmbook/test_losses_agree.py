"""When two tables of losses agree, as nbval compares them."""

from __future__ import annotations

import numpy as np
import pytest

from ssmbook.notebook import comparison
from tests.ssmbook.synthetic import csv, rows


def table(change=lambda k, row: row) -> str:
    """Losses of 8 seeds; the arm `constant` is not trained."""
    made = [
        row | {"lr": 0.0 if row["arm"] == "constant" else 0.1} for row in rows(range(8))
    ]
    return csv([change(k, row) for k, row in enumerate(made)]).decode()


def trained(row) -> bool:
    return bool(row["lr"])


def by(factor, every=1):
    """Change the loss of trained models, of each one or of every so many."""

    def change(k, row):
        if trained(row) and k % every == 0:
            return row | {"test_loss": row["test_loss"] * factor(k)}
        return row

    return change


rng = np.random.default_rng(0)
SAME = {
    "rounding": by(lambda k: 1 + 1e-7 * rng.normal()),
    "one model in ten is chaotic": by(lambda k: 2.0, every=10),
}
OTHERS = {
    "one percent": by(lambda k: 1.01),
    "every second model": by(lambda k: 1.3, every=2),
    "an untrained model": lambda k, row: (
        row if trained(row) or k > 5 else row | {"test_loss": row["test_loss"] * 1.01}
    ),
    "a rate": lambda k, row: row | {"lr": 0.2} if k == 3 else row,
    "an arm": lambda k, row: row | {"arm": "c"} if k == 3 else row,
    "a seed": lambda k, row: row | {"seed": 9} if row["seed"] == 7 else row,
}


@pytest.mark.parametrize("case", SAME)
def test_rounding_and_some_chaos_agree(case):
    assert comparison.losses_agree(table(), table(SAME[case]))


@pytest.mark.parametrize("case", OTHERS)
def test_another_experiment_does_not_agree(case):
    assert not comparison.losses_agree(table(), table(OTHERS[case]))


def test_other_rows_do_not_agree():
    lines = table().splitlines(keepends=True)
    assert not comparison.losses_agree(table(), "".join(lines[:-1]))


def test_outputs_with_tables_are_compared_so():
    stored, fresh, other = (
        [{"output_type": "display_data", "data": {"text/plain": text}}]
        for text in (table(), table(SAME["rounding"]), table(OTHERS["one percent"]))
    )
    assert comparison.differences(stored, fresh) == []
    assert len(comparison.differences(stored, other)) == 1

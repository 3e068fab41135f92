"""The table of losses that a study stores."""

import pandas as pd
import pytest
import torch

from ssmlib.tasks.split import Split
from ssmlib.training import Comparison, chosen_rates, loss_table

SEEDS = (3, 4)


def found() -> Comparison:
    """Two arms at two rates; the lower is chosen for "a", the higher for "b"."""
    rows = [
        {"arm": arm, "seed": seed, "budget": budget, "lr": lr, "test_loss": lr}
        | {"valid_loss": lr, "status": "finished"}
        for arm in "ab"
        for seed in SEEDS
        for budget in ("short", "long")
        for lr in (0.1, 0.3)
    ]
    return Comparison(pd.DataFrame(rows), {"a": 0.1, "b": 0.3}, ())


def split() -> Split:
    x = torch.arange(60.0).reshape(12, 5)
    return Split(*[part for _ in range(3) for part in (x, x[:, -1] + 1)])


def test_a_table_has_the_chosen_rates_alone():
    table = loss_table({"one": found()})
    assert set(zip(table.arm, table.lr, strict=True)) == {("a", 0.1), ("b", 0.3)}
    assert len(table) == 2 * 2 * 2  # arms, seeds, budgets
    assert chosen_rates(table) == {"one": {"a": 0.1, "b": 0.3}}


def test_baselines_are_arms_of_every_seed_and_budget_and_have_no_rate():
    table = loss_table({"one": found()}, {"one": [split(), split()]})
    beside = table[~table.arm.isin(["a", "b"])]
    assert set(beside.arm) == {"mean", "last", "linear"}
    assert len(beside) == 3 * 2 * 2
    assert set(beside.lr) == {0.0}
    assert "linear" not in chosen_rates(table)["one"]


def test_data_must_fit_the_seeds_and_the_tasks():
    with pytest.raises(ValueError, match=r"one per seed \(2\), got 3"):
        loss_table({"one": found()}, {"one": [split()] * 3})
    with pytest.raises(KeyError, match="one"):
        loss_table({"one": found()}, {"another": split()})

"""One table of the losses of comparisons and baselines, and the rates in it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ssmlib.tasks import delay
from ssmlib.tasks.baselines import baselines
from ssmlib.training import (
    Comparison,
    chosen_rates,
    compare,
    log_ratio,
    loss_table,
)

ARMS = {"small": {"dt": 0.01}, "large": {"dt": 0.1}}


@pytest.fixture(scope="module")
def measured():
    data = {
        "one": [delay.block_copy(32, 16, 2, seed) for seed in (3, 1)],
        "two": delay.block_copy(32, 16, 4, 0),
    }
    options = {"seeds": (3, 1), "epochs": 1, "longer": 2, "batch_size": 16}
    options |= {"d_model": 2, "d_state": 4, "linear": True}
    rates = {"small": 0.1, "large": 0.01}
    found = {t: compare(d, ARMS, rates=rates, **options) for t, d in data.items()}
    return found, data


def test_it_holds_every_arm_and_baseline_per_budget_and_seed(measured):
    table = loss_table(*measured)
    arms = ["small", "large", "mean", "linear", "last"]
    assert len(table) == 2 * len(arms) * 2 * 2
    assert set(table.arm) == set(arms)
    for (task, arm), own in table.groupby(["task", "arm"]):
        assert sorted(zip(own.budget, own.seed, strict=True)) == [
            ("long", 1), ("long", 3), ("short", 1), ("short", 3)
        ]  # fmt: skip
        if arm in ARMS:
            long = own[own.budget == "long"].sort_values("seed").test_loss
            figures = measured[0][task].figures(arm)
            assert np.array_equal(long, figures)


def test_baselines_are_those_of_the_seed_s_own_data(measured):
    found, data = measured
    table = loss_table(found, data)
    own = table[(table.task == "one") & (table.arm == "linear")]
    for seed, split in zip((3, 1), data["one"], strict=True):
        exact = baselines(split).test_loss["linear"]
        assert (own[own.seed == seed].test_loss == exact).all()
    shared = table[(table.task == "two") & (table.arm == "mean")].test_loss
    assert len(set(shared)) == 1


def test_of_several_rates_it_holds_the_chosen_ones_alone():
    rows = [
        {"arm": arm, "seed": seed, "budget": "long", "lr": lr, "test_loss": lr}
        | {"valid_loss": lr, "status": "finished"}
        for arm in "ab"
        for seed in (3, 4)
        for lr in (0.1, 0.3)
    ]
    found = Comparison(pd.DataFrame(rows), {"a": 0.1, "b": 0.3}, ())
    table = loss_table({"one": found})
    assert set(zip(table.arm, table.lr, strict=True)) == {("a", 0.1), ("b", 0.3)}
    assert len(table) == 4


def test_rates_are_those_of_the_arms(measured):
    table = loss_table(*measured)
    rates = {"small": 0.1, "large": 0.01}
    assert chosen_rates(table) == {"one": rates, "two": rates}
    zero = chosen_rates(table, zero=True)
    assert zero["one"] == {"small": 0.0, "large": 0.0}
    table.loc[table.arm == "small", "lr"] = [0.1, 0.2] * 4
    with pytest.raises(ValueError, match="must have one rate"):
        chosen_rates(table)


def test_a_ratio_is_the_paired_mean_of_logarithms(measured):
    table = loss_table(*measured)

    def logs(task, arm):
        own = table[(table.task == task) & (table.arm == arm)]
        own = own[own.budget == "long"].sort_values("seed")
        return np.log(own.test_loss.to_numpy())

    each = [logs(task, "small") - logs(task, "linear") for task in ("one", "two")]
    found = log_ratio(table, "small", "linear")
    assert found.value == pytest.approx(np.mean(each), rel=1e-12)
    exact = stats.ttest_1samp(np.mean(each, axis=0), 0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx(exact, rel=1e-9)
    one = log_ratio(table.iloc[::-1], "small", "linear", task="one")
    assert one.value == pytest.approx(each[0].mean(), rel=1e-12)
    short = log_ratio(table, "small", "linear", task="one", budget="short")
    assert short.value != one.value


def test_a_ratio_without_losses_is_refused(measured):
    table = loss_table(*measured)
    with pytest.raises(ValueError, match="no loss of 'other' on 'one', long training"):
        log_ratio(table, "other", "linear")
    with pytest.raises(ValueError, match="on 'three'"):
        log_ratio(table, "small", "linear", task=["one", "three"])
    with pytest.raises(ValueError, match="no loss of 'linear' on 'one', quick"):
        log_ratio(table, "small", "linear", budget="quick")
    first = (table.arm == "small") & (table.seed == 1)
    with pytest.raises(ValueError, match="must have the same seeds"):
        log_ratio(table[~first], "small", "linear")
    table.loc[first, "status"] = "diverged"
    with pytest.raises(ValueError, match="'small' or 'linear' diverged on 'one'"):
        log_ratio(table, "small", "linear")


def test_models_at_a_rate_of_zero_do_not_train(measured):
    found, data = measured
    options = {"seeds": (3, 1), "epochs": 1, "batch_size": 16, "d_model": 2}
    options |= {"d_state": 4, "linear": True}
    zero = chosen_rates(loss_table(found, data), zero=True)["one"]
    table = compare(data["one"], ARMS, rates=zero, longer=2, **options).table
    short, long = (table[table.budget == b].valid_loss for b in ("short", "long"))
    assert np.array_equal(short, long)


def test_other_numbers_of_splits_are_refused(measured):
    found, data = measured
    with pytest.raises(ValueError, match=r"one per seed \(2\), got 3"):
        loss_table({"one": found["one"]}, {"one": [data["two"]] * 3})
    with pytest.raises(KeyError, match="one"):
        loss_table({"one": found["one"]}, {})

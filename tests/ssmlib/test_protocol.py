"""The protocol of a comparison: which rates, chosen by what, for how long."""

import math
import warnings
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch

from ssmlib.layers import S4, S4D
from ssmlib.tasks.split import Split
from ssmlib.training import compare, fit, loop, protocol
from tests.ssmlib.double import float64_fits

OPTIONS = {"d_model": 2, "d_state": 4, "batch_size": 32, "seeds": [0, 1, 2]}


def task(seed=0, n=64, L=16):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(3 * n, L, generator=generator)
    pairs = zip(x.split(n), x.mean(1).split(n), strict=True)
    return Split(*(t for pair in pairs for t in pair))


@pytest.fixture(scope="module")
def found():
    arms = {
        "slow": {"dt": 0.02},
        "fast": {"dt": 0.5},
        "kept": {"dt": 0.5, "ssm_share": 0},
    }
    with float64_fits():
        return compare(task(), arms, rates=[1e-3, 3e-3], epochs=2, **OPTIONS)


def test_the_range_grows_where_the_best_is_an_end(found):
    """In two epochs a rate of .003 is too small: it grows to .027 and more."""
    short = found.table[found.table.budget == "short"]
    tried = np.sort(short.lr.unique())
    assert len(tried) > 2
    assert tried[1:] / tried[:-1] == pytest.approx(3)
    for arm, own in short.groupby("arm"):
        assert sorted(own.lr.unique()) == pytest.approx(tried)  # the same for all
        assert len(own) == 3 * len(tried)
        if arm not in found.unsettled:
            assert tried[0] < found.chosen[arm] < tried[-1]


def test_validation_data_choose_each_arm_s_rate(found):
    short = found.table[found.table.budget == "short"]
    for arm, rate in found.chosen.items():
        own = short[short.arm == arm]
        mean = np.log(own.valid_loss).groupby(own.lr).mean()
        assert rate == mean.idxmin()


@float64_fits()
def test_the_chosen_rates_are_trained_for_longer(found):
    long = found.table[found.table.budget == "long"]
    assert len(long) == 9
    assert (long.epochs == 8).all()
    assert (long.lr == long.arm.map(found.chosen)).all()
    assert found.figures("slow").shape == (3,)
    by_hand = 100 * np.log(found.figures("slow") / found.figures("fast"))
    assert found.difference("slow", "fast").value == pytest.approx(by_hand.mean())
    logs = found.curves(["slow", "fast"], "test_loss")
    assert logs.shape == (3, 2)
    assert logs[:, 1] == pytest.approx(np.log(found.figures("fast")))
    grid = [
        {"dt": 0.02, "lr": found.chosen["slow"], "ssm_lr": found.chosen["slow"] / 10}
    ]
    alone = fit(task(), grid, epochs=8, **OPTIONS).table.test_loss
    assert found.figures("slow") == pytest.approx(alone.to_numpy(), rel=1e-5)


@float64_fits()
def test_rates_chosen_before_are_used_and_none_is_searched(found):
    arms = {"slow": {"dt": 0.02}, "fast": {"dt": 0.5}}
    rates = {arm: found.chosen[arm] for arm in arms}
    again = compare(task(), arms, rates=rates, epochs=8, longer=0, **OPTIONS)
    assert again.chosen == rates
    assert set(again.table.budget) == {"short"}
    for arm in arms:
        same = again.figures(arm, budget="short")
        assert same == pytest.approx(found.figures(arm), rel=1e-5)


def test_rates_of_parts_are_shares(found):
    own = found.table[found.table.arm == "fast"]
    assert own.ssm_lr.to_numpy() == pytest.approx(0.1 * own.lr.to_numpy())
    assert (found.table[found.table.arm == "kept"].ssm_lr == 0).all()


def row(arm, lr, loss, status="finished"):
    return {"arm": arm, "lr": lr, "valid_loss": loss, "status": status}


def test_a_rate_at_which_one_seed_diverges_is_not_chosen():
    table = pd.DataFrame(
        [
            row("a", 0.1, 0.2),
            row("a", 0.1, 0.2),
            row("a", 0.3, 0.01),
            row("a", 0.3, 0.01, "diverged"),
        ]
    )
    assert protocol._best([table], {"a": {}}) == {"a": 0.1}
    with pytest.raises(ValueError, match="'a' diverged at every rate"):
        protocol._best([table.assign(status="diverged")], {"a": {}})


@pytest.mark.parametrize(
    ("losses", "best"),
    [
        ({0.1: [0.2, 0.2], 0.3: [0.2, 0.2]}, 0.1),  # the lowest of equal ones
        ({0.3: [0.2, 0.2], 0.1: [0.2, 0.2]}, 0.1),
        ({0.1: [0.2, 0.2], 0.3: [math.nan, 0.01]}, 0.1),
        ({0.1: [0.2, 0.2], 0.3: [math.inf, 0.01]}, 0.1),
        ({0.1: [0.2, 0.2], 0.3: [0.0, 0.3]}, 0.3),
        ({0.1: [0.0, 0.0], 0.3: [0.0, 0.0]}, 0.1),
        ({0.1: [0.2, 0.2], 0.3: [0.0, math.nan]}, 0.1),
        ({0.2: [5.0]}, 0.2),
        ({0.1: [math.nan], 0.3: [math.inf]}, None),
    ],
)
def test_the_choice_of_a_rate(losses, best):
    rows = [row("a", lr, loss) for lr, own in losses.items() for loss in own]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if best is not None:
            assert protocol._best([pd.DataFrame(rows)], {"a": {}}) == {"a": best}
            return
        with pytest.raises(ValueError, match=r"diverged at every rate.*give lower"):
            protocol._best([pd.DataFrame(rows)], {"a": {}})


def test_a_difference_of_what_diverged_has_no_value(found):
    """Its loss may be finite: that of the step before."""
    table = found.table.copy()
    own = (table.arm == "slow") & (table.budget == "long") & (table.seed == 1)
    table.loc[own, "status"] = "diverged"
    other = replace(found, table=table)
    with pytest.raises(ValueError, match=r"arm 'slow' diverged .* seeds \[1\]"):
        other.difference("fast", "slow")
    assert np.isfinite(other.difference("fast", "kept").value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"arm": "slowly"}, "arm must be one of fast, kept, slow"),
        ({"arm": "slow", "column": "loss"}, "column must be one of B, C_lr"),
        ({"arm": "slow", "budget": "both"}, "budget must be one of long, short"),
    ],
)
def test_figures_that_are_not_there(found, arguments, message):
    with pytest.raises(ValueError, match=message):
        found.figures(**arguments)


def test_a_budget_that_was_not_trained_is_named():
    found = compare(task(), {"a": {}}, rates={"a": 0.1}, epochs=1, longer=0, **OPTIONS)
    with pytest.raises(ValueError, match="budget 'long' was not trained"):
        found.figures("a")


class Shifted(S4D):
    def __init__(self, *args, shift, **options):
        super().__init__(*args, **options)
        self.shift = shift

    def kernel(self, L):
        return super().kernel(L) + self.shift[0, 0]


def test_arms_that_print_alike_are_not_the_same():
    """A `repr` shows four digits of a tensor."""
    shifts = {"a": torch.full((1, 1), 1.00001), "b": torch.full((1, 1), 1.00004)}
    arms = {
        name: {"layer": partial(Shifted, shift=shift)} for name, shift in shifts.items()
    }
    assert len({repr(arm) for arm in arms.values()}) == 1
    rates = {"a": 0.01, "b": 0.01}
    together = compare(task(), arms, rates=rates, epochs=1, longer=0, **OPTIONS)
    first, second = (together.figures(arm, budget="short") for arm in arms)
    assert (first != second).all()


@pytest.mark.parametrize(
    "arguments",
    [
        {"arms": [{}]},
        {"arms": {"a": None}},
        {"arms": {"a": {"ssm_share": None}}},
        {"rates": 0.1},
        {"rates": "0.1"},
        {"rates": ["0.1", "0.2"]},
        {"rates": {"a": "0.1"}},
        {"epochs": 1.5},
    ],
)
def test_arguments_of_another_type(arguments, monkeypatch):
    monkeypatch.setattr(loop.Steps, "take", None)
    given = {"arms": {"a": {}}, "rates": [0.1, 0.2], "epochs": 1} | OPTIONS | arguments
    with pytest.raises(TypeError, match="must be a"):
        compare(task(), **given)


def test_a_best_rate_that_stays_an_end_is_said():
    with pytest.warns(UserWarning, match="an end of 1e-06 to 3e-06 for a"):
        found = compare(
            task(), {"a": {}}, rates=[1e-6, 3e-6], epochs=1, grow=0, **OPTIONS
        )
    assert found.unsettled == ("a",)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rates": [0.1]}, "at least two"),
        ({"rates": [0.01, 0.1]}, "at most a factor of 3 apart"),
        ({"rates": [0.1, 0.05]}, "rising"),
        ({"rates": [0.0, 0.1]}, "at most a factor"),
        ({"arms": {}}, "at least one arm"),
        ({"arms": {"a": {"lr": 0.1}}}, "must not hold lr"),
        ({"longer": -1}, "longer must be at least 0"),
        ({"rates": {"slow": 0.1, "fast": 0.1}}, "rates must hold one rate for each"),
        ({"arms": {"a": {"dt": math.inf}}}, "dt must be positive"),
        ({"grow": -1}, "grow must be at least 0"),
        ({"checkpoint": "fit.pt"}, "checkpoint goes with fit only"),
        ({"arms": {"a": {"checkpoint": "a.pt"}}}, "checkpoint goes with fit only"),
        ({"start": None}, "start goes with fit only"),
        ({"arms": {"a": {"start": None}}}, "start goes with fit only"),
        ({"rates": [0.1, math.nan]}, "at most a factor of 3 apart"),
        ({"rates": {"a": math.nan}}, "lr must be finite"),
        ({"arms": {"a": {}, "b": {"layer": "gru", "lr": 1}}}, "'b' must not hold lr"),
    ],
)
def test_bad_arguments(arguments, message, monkeypatch):
    """Each before anything is trained."""
    monkeypatch.setattr(loop.Steps, "take", None)
    given = {"arms": {"a": {}}, "rates": [0.1, 0.2], "epochs": 1} | OPTIONS
    with pytest.raises(ValueError, match=message):
        compare(task(), **given | arguments)


@pytest.mark.slow
@float64_fits()
def test_an_arm_may_be_of_another_kind_of_model():
    """Its layer and size are its own: the same figures as in a comparison alone."""
    arms = {
        "plain": {"dt": 0.1},
        "large": {"dt": 0.1, "d_state": 8},
        "dense": {"dt": 0.1, "layer": S4, "init": "legs"},
        "gated": {"layer": "gru"},
    }
    rates = {"rates": [1e-2, 3e-2], "epochs": 2, "grow": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the best of two rates is an end
        together = compare(task(), arms, **rates, **OPTIONS)
        for name, arm in arms.items():
            alone = compare(task(), {name: arm}, **rates, **OPTIONS)
            assert alone.chosen[name] == together.chosen[name]
            for budget in ("short", "long"):
                figures = [c.figures(name, budget=budget) for c in (alone, together)]
                assert figures[0] == pytest.approx(figures[1], rel=1e-5)
    assert len(set(together.table.groupby("arm").test_loss.first())) == 4
    with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
        compare(task(), {"odd": {"colour": 1}}, **rates, **OPTIONS)

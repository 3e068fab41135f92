"""More epochs of an earlier fit."""

import functools

import numpy as np
import pandas as pd
import pytest
import torch

from ssmlib.layers import S4, S4D
from ssmlib.training import arguments, fit, load, loop
from ssmlib.training.checkpoint import save
from tests.ssmlib.test_training_options import OPTIONS, recall, task

GRID = [{"dt": 0.1, "dropout": 0.2}, {"lr": 1e30, "ssm_lr": 1e30}, {"dt": 0.02}]


def run(epochs, grid=GRID, **options):
    own = OPTIONS | {"seeds": [3, 4], "epochs": epochs}
    return fit(options.pop("data", task()), grid, **own | options)


def equal(one, other):
    assert one.table.equals(other.table)
    assert one.curves.equals(other.curves)
    pairs = zip(one.model.parameters(), other.model.parameters(), strict=True)
    assert all(torch.equal(a.nan_to_num(), b.nan_to_num()) for a, b in pairs)


@pytest.mark.parametrize("options", [{}, {"norm": "batch", "n_layers": 2}])
def test_plain_descent_goes_on_as_if_it_had_not_stopped(options):
    """Without moments and schedule, two fits of two epochs are one of four."""
    options = options | {"optimizer": "sgd"}
    whole, first = run(4, **options), run(2, **options)
    equal(run(2, start=first, **options), whole)


def test_a_new_fit_has_its_own_schedule_and_moments():
    first, seen = run(2), []

    class Seen(loop.Steps):
        def __init__(self, *args):
            super().__init__(*args)
            seen.append(self.optimizer)

        def take(self, alive):
            if not hasattr(self, "first"):
                self.first = self.optimizer.param_groups[0]["lr"]
                assert not self.optimizer.state
            super().take(alive)
            self.last = self.optimizer.param_groups[0]["lr"]

    with pytest.MonkeyPatch.context() as patch:
        made = []
        patch.setattr(loop, "Steps", lambda *args: made.append(Seen(*args)) or made[0])
        run(3, start=first, warmup=3)
    assert made[0].first == pytest.approx(1 / 3)
    assert made[0].last == pytest.approx(0.0)


def test_curves_and_epochs_are_counted_on():
    first = run(2)
    second = run(3, start=first)
    third = run(1, start=second, batch_size=12, clip=1.0)
    E = len(first.table)
    for found, epochs in ((second, 5), (third, 6)):
        assert (
            found.curves.epoch.tolist() == np.repeat(range(1, epochs + 1), E).tolist()
        )
    pd.testing.assert_frame_equal(second.curves[: 2 * E], first.curves)
    pd.testing.assert_frame_equal(third.curves[: 5 * E], second.curves)
    alive = first.table.status == "finished"
    assert alive.tolist() == [True, False, True] * 2
    assert (third.table.status == first.table.status).all()
    assert (third.table.epochs == first.table.epochs + 4 * alive).all()
    last = third.curves[third.curves.epoch == 6].set_index("run")
    assert last.valid_loss.equals(third.table.valid_loss)


def test_models_that_diverged_are_left_as_they_are():
    first = run(2)
    first.table.loc[0, "status"] = "diverged"  # at a batch that does not come again
    second = run(2, start=first)
    assert list(second.table.index[second.table.status == "diverged"]) == [0, 1, 4]
    for k in (0, 1, 4):
        one, other = (f.model.member(k).state_dict() for f in (first, second))
        assert all(torch.equal(one[n].nan_to_num(), other[n].nan_to_num()) for n in one)


def test_the_order_of_batches_is_not_repeated(monkeypatch):
    seen = []

    def order(seed, epoch, n):
        seen.append((seed, epoch))
        return arguments.order(seed, epoch, n)

    monkeypatch.setattr(loop, "order", order)
    first = run(2)
    run(2, start=run(1, start=first))
    assert seen == [(seed, epoch) for epoch in range(5) for seed in (3, 4)]


def test_the_earlier_fit_does_not_change():
    first = run(2)
    before = {n: v.clone() for n, v in first.model.state_dict().items()}
    tables = first.table.copy(), first.curves.copy()
    run(2, start=first)
    now = first.model.state_dict()
    assert all(torch.equal(now[n].nan_to_num(), before[n].nan_to_num()) for n in now)
    assert first.table.equals(tables[0])
    assert first.curves.equals(tables[1])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"layer": functools.partial(S4D, discretization="bilinear")},
        {"data": recall(), "pooling": "none"},
        {"data": task().map_x(lambda x: x), "norm": True},
        {"grid": [{"dt": np.float64(0.1), "lr": np.float32(0.01), "frozen": ["A"]}]},
    ],
)
def test_a_loaded_fit_goes_on_to_the_same_bits(tmp_path, options):
    first = run(1, **options)
    first.save(tmp_path / "a.fit")
    equal(
        run(2, start=load(tmp_path / "a.fit"), **options),
        run(2, start=first, **options),
    )


def test_regression_goes_on(tmp_path):
    data = task()
    data = type(data)(*(t.float() for t in data.tensors().values()))
    whole, first = (run(e, data=data, optimizer="sgd") for e in (3, 1))
    equal(run(2, data=data, optimizer="sgd", start=first), whole)


def test_it_goes_on_from_a_checkpoint(tmp_path, monkeypatch):
    first, path = run(2), tmp_path / "fit.pt"
    whole = run(3, start=first)

    def stop(*args):
        save(*args)
        raise KeyboardInterrupt

    monkeypatch.setattr(loop, "save", stop)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            run(3, start=first, checkpoint=path)
    monkeypatch.undo()
    equal(run(3, start=first, checkpoint=path), whole)
    equal(run(3, start=first, checkpoint=path), whole)  # nothing left
    for other in (None, run(1), run(2, batch_size=12)):
        with pytest.raises(ValueError, match=r"of another fit: it differs in .*start"):
            run(3, start=other, checkpoint=path)


class Own(S4D):
    """A layer of the user's own."""


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"grid": GRID[:2]}, r"grid\[2\] "),
        ({"grid": [*GRID[:2], {"dt": 0.03}]}, r"grid\[2\] dt \(0.02 and 0.03\)"),
        ({"grid": [*GRID[:2], {"dt": 0.02, "lr": 0.1}]}, r"grid\[2\] lr"),
        ({"grid": [GRID[1], GRID[0], GRID[2]]}, r"grid\[0\] "),
        ({"seeds": [3, 5]}, "seeds"),
        ({"seeds": [3]}, "seeds"),
        ({"d_model": 5}, "d_model"),
        ({"d_state": 4}, "ssms.0"),
        ({"n_layers": 2}, "ssms.1"),
        ({"norm": True}, "norm"),
        ({"pooling": "mean"}, "pooling"),
        ({"layer": Own}, "ssms.0"),
        (
            {"layer": functools.partial(S4D, discretization="bilinear")},
            "discretization",
        ),
        ({"data": recall(), "pooling": "none"}, "channels"),
        (
            {"data": type(task())(*(t.float() for t in task().tensors().values()))},
            "outputs",
        ),
    ],
)
def test_another_fit_is_refused(monkeypatch, change, named):
    first = run(1)
    monkeypatch.setattr(loop.Steps, "take", None)
    with pytest.raises(ValueError, match=rf"start must be a fit of .* in .*{named}"):
        run(1, start=first, **change)


def test_defaults_in_words_are_the_same():
    run(1, start=run(1), grid=[e | {"init": "lin"} for e in GRID], norm=False)


def test_something_else_is_refused():
    first = run(1)
    for bad in (first.model, first.table, "a.fit", True):
        with pytest.raises(TypeError, match="start must be the result of fit, which"):
            run(1, start=bad)
    with pytest.raises(ValueError, match="start must be a fit that fit or load"):
        run(1, start=type(first)(first.table, first.curves, first.model, 1.0))
    first.curves["epoch"] += 1
    with pytest.raises(
        ValueError, match="start must have curves with one row per epoch"
    ):
        run(1, start=first)


def test_a_layer_that_changed_something_else_is_named():
    class Counts(S4):
        def forward(self, u, *given):
            self.calls = getattr(self, "calls", 0) + 1
            return super().forward(u, *given)

    options = {"grid": [{"init": "legs"}], "layer": Counts, "pooling": "mean"}
    first = run(1, **options)
    with pytest.raises(ValueError, match=r"it differs in ssms\.0\.calls"):
        run(1, start=first, **options)


@pytest.mark.slow
def test_batches_without_targets_are_checked_in_the_later_epochs():
    data = recall(n=32)
    data.y_train[: 16 + 7] = -100
    options = {"data": data, "pooling": "none", "grid": [{}], "seeds": [0]}

    def silent(epoch):
        order = arguments.order(0, epoch, 32)
        return any((order[k : k + 16] < 23).all() for k in (0, 16))

    first_bad = next(e for e in range(10**6) if silent(e))
    assert first_bad > 1
    first = run(1, **options)
    first = run(first_bad - 1, start=first, **options)
    with pytest.raises(ValueError, match=rf"one of epoch {first_bad + 1} of seed 0"):
        run(1, start=first, **options)

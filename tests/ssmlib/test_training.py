import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from ssmlib.initialization import Initialization, initialize
from ssmlib.layers import S4D
from ssmlib.models import Ensemble, Model
from ssmlib.tasks.split import Split
from ssmlib.training import configurations, fit, loop
from ssmlib.training.steps import Steps
from tests.ssmlib.double import float64_fits

SHAPE = {"d_model": 4, "d_state": 8}
GRID = [
    {"dt": 0.1},
    {"dt": 0.02, "real": 0.0, "lr": 3e-3, "ssm_lr": 2e-3},
    {"init": "random_imag", "dt": 0.1, "real": 0.0, "ssm_lr": 1e-2},
]


def task(n=96, L=32, seed=0):
    """Which half of the sequence is larger."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, L, generator=generator)
    y = (x[:, : L // 2].mean(1) > x[:, L // 2 :].mean(1)).long()
    return Split(x[: n // 2], y[: n // 2], *[x[n // 2 :], y[n // 2 :]] * 2)


def run(data=None, grid=GRID, **options):
    options = {"epochs": 3, "batch_size": 16} | SHAPE | options
    return fit(data or task(), grid, **options)


def test_one_row_a_configuration_and_seed():
    found = run(grid={"dt": [0.1, 0.2], "init": ["lin", "inv"]}, seeds=[5, 7, 9])
    assert len(found.table) == 12
    assert (
        found.table.groupby(["dt", "init"]).seed.apply(list).map(sorted).tolist()
        == [[5, 7, 9]] * 4
    )
    assert (found.table.status == "finished").all()
    assert set(found.curves.columns) == {
        "run",
        "epoch",
        "train_loss",
        "valid_loss",
        "valid_accuracy",
    }
    assert len(found.curves) == 12 * 3
    last = found.curves[found.curves.epoch == 3].set_index("run")
    assert (last.valid_loss == found.table.valid_loss).all()
    # The task validates and tests on the same sequences.
    assert (found.table.test_loss == found.table.valid_loss).all()
    assert (found.table.test_accuracy == found.table.valid_accuracy).all()


@pytest.mark.parametrize("options", [{}, {"n_layers": 2, "norm": True}])
@float64_fits()
def test_a_configuration_in_a_grid_is_itself_alone(options):
    together = run(seeds=[1, 2], **options)
    for k, entry in enumerate(GRID):
        alone = run(grid=[entry], seeds=[2], **options)
        row = together.table.iloc[len(GRID) + k]
        assert row.test_loss == pytest.approx(alone.table.test_loss[0], rel=1e-5)
        assert row.train_loss == pytest.approx(alone.table.train_loss[0], rel=1e-5)
        # Real parts at 0 too, whatever rates the others have.
        mine = together.model.member(len(GRID) + k).ssms[0].A
        assert torch.allclose(mine, alone.model.member(0).ssms[0].A, atol=1e-6)
    assert all(not (ssm.A_re > 0).any() for ssm in together.model.stacked.ssms)


def test_loss_and_accuracy_are_those_of_the_model_it_leaves():
    data = task()
    found = run(data, grid=GRID[:2], seeds=[1])
    with torch.no_grad():
        out = found.model(data.x_test[None, :, None])
    for row, logits in zip(found.table.itertuples(), out, strict=True):
        loss = torch.nn.functional.cross_entropy(logits, data.y_test)
        right = (logits.argmax(-1) == data.y_test).float().mean()
        assert row.test_loss == pytest.approx(float(loss), rel=1e-5)
        assert row.test_accuracy == pytest.approx(float(right), rel=1e-5)


@pytest.mark.slow
def test_it_learns():
    found = run(task(n=1200), epochs=25, grid=[{"dt": 0.1, "lr": 2e-2}])
    assert found.table.test_accuracy[0] > 0.9


@pytest.mark.parametrize("pooling", ["last", "mean", "none"])
def test_regression(pooling):
    x = task().x_train
    y = 2 * x if pooling == "none" else x.mean(1)
    found = run(Split(*[x, y] * 3), pooling=pooling, linear=True, epochs=20)
    assert "test_accuracy" not in found.table
    first = found.curves[found.curves.epoch == 1].valid_loss.mean()
    assert found.table.test_loss.mean() < 0.7 * first


def test_every_epoch_shows_a_seed_every_sequence_once(monkeypatch):
    seen = []
    forward = Ensemble.forward

    def watch(self, x, masks=None, lengths=None, members=slice(None)):
        if x.shape[0] == 2:  # not the test set, which all share
            seen.append(x[:, :, 0, 0])
        return forward(self, x, masks, lengths, members)

    monkeypatch.setattr(Ensemble, "forward", watch)
    data = task()
    run(data, seeds=[1, 2], epochs=1)
    orders = torch.cat(seen, 1)
    assert not torch.equal(orders[0], orders[1])
    for order in orders:
        assert torch.equal(order.sort()[0], data.x_train[:, 0].sort()[0])


def test_rate_zero_keeps_the_recurrent_part():
    found = run(grid=[{"ssm_lr": 0.0}, {"ssm_lr": 1e-2}], seeds=[0])
    start = Model(1, 2, **SHAPE).ssms[0]
    kept, moved = (found.model.member(k).ssms[0] for k in range(2))
    for name in start.ssm_names():
        assert torch.equal(getattr(start, name), getattr(kept, name)), name
        assert not torch.equal(getattr(start, name), getattr(moved, name)), name
    assert not torch.equal(start.C_re, kept.C_re)
    assert float(moved.A_re.detach().max()) <= 0


def test_rates_rise_then_fall():
    model = Ensemble([Model(1, 2, **SHAPE)])
    steps = Steps(model, configurations([{}]), 20, 0.25)
    rates = []
    for _ in range(20):
        rates.append(steps.optimizer.param_groups[0]["lr"])
        steps.optimizer.step()
        steps.schedule.step()
    assert rates[4] == max(rates) == 1
    assert rates[:5] == sorted(rates[:5])
    assert rates[4:] == sorted(rates[4:], reverse=True)
    assert rates[-1] < 0.1


def test_one_that_diverges_is_stopped_and_the_others_go_on():
    """Two steps: after more of them, rounding alone makes a difference."""
    grid = [GRID[0], {"dt": 0.1, "lr": 1e25}]
    two_steps = {"epochs": 2, "batch_size": 48}
    with_it = run(grid=grid, **two_steps)
    without = run(grid=GRID[:1], **two_steps)
    assert list(with_it.table.status) == ["finished", "diverged"]
    assert with_it.table.epochs[1] < 2
    assert all(p.isfinite().all() for p in with_it.model.parameters())  # as it was
    assert with_it.table.test_loss[0] == pytest.approx(
        without.table.test_loss[0], rel=1e-3
    )


def test_all_that_diverge_later_end_the_fit(tmp_path):
    options = {"grid": [{"dt": 0.1, "lr": 1e25}], "epochs": 50}
    found = run(checkpoint=tmp_path / "fit.pt", **options)
    assert list(found.table.status) == ["diverged"]
    assert len(found.curves) < 50
    again = run(checkpoint=tmp_path / "fit.pt", **options)
    assert again.curves.equals(found.curves)


@pytest.mark.parametrize("warmup", [0.0, 0.1, 0.9])
def test_a_fit_may_be_one_step(warmup):
    found = run(epochs=1, batch_size=999, warmup=warmup)
    assert (found.table.status == "finished").all()


def test_a_seed_s_streams_are_its_own():
    """Neither frequencies and timescales, nor layers of one model, share draws."""
    model = Model(1, 2, init="random_imag", n_layers=2, d_model=8, d_state=16, seed=5)
    alone = S4D(8, 16, init="random_imag", seed=5)
    drawn = [alone.D.detach()]
    for layer in (alone, *model.ssms):
        drawn += [
            layer.A_im[0].detach() / (torch.pi * 8),
            (layer.log_dt.detach() - math.log(1e-3)) / math.log(100),
            layer.C_re[0].detach(),
        ]
    for k, first in enumerate(drawn):
        for second in drawn[:k]:
            assert not torch.isclose(first, second, atol=1e-4).any()


def test_interrupted_fit_goes_on_to_the_same_bits(tmp_path, monkeypatch):
    path = tmp_path / "fit.pt"
    whole = run(seeds=[0, 1], epochs=4, n_layers=2)
    save = loop.save

    def stop_at_two(path, setting, parts, progress):
        save(path, setting, parts, progress)
        if len(progress[2]) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(loop, "save", stop_at_two)
    with pytest.raises(KeyboardInterrupt):
        run(seeds=[0, 1], epochs=4, n_layers=2, checkpoint=path)
    monkeypatch.setattr(loop, "save", save)
    rest = run(seeds=[0, 1], epochs=4, n_layers=2, checkpoint=path)
    assert rest.curves.equals(whole.curves)
    assert rest.table.equals(whole.table)
    for p, q in zip(rest.model.parameters(), whole.model.parameters(), strict=True):
        assert torch.equal(p, q)
    done = run(seeds=[0, 1], epochs=4, n_layers=2, checkpoint=path)  # nothing left
    assert done.table.equals(whole.table)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"grid": GRID[:2]}, "configurations"),
        ({"seeds": [1]}, "seeds"),
        ({"epochs": 4}, r"epochs \(3 and 4\)"),
        ({"data": task(seed=1)}, "data"),
    ],
)
def test_checkpoint_of_another_configuration(tmp_path, change, named):
    run(checkpoint=tmp_path / "fit.pt")
    with pytest.raises(ValueError, match=f"another fit: it differs in {named}"):
        run(checkpoint=tmp_path / "fit.pt", **change)


def test_a_grid_s_words():
    """A list means several values, a tuple within it one range."""
    two, one = (configurations({"dt": dt}) for dt in ([0.01, 0.1], [(0.01, 0.1)]))
    assert [c.init.dt for c in two] == [0.01, 0.1]
    assert [c.init.dt for c in one] == [(0.01, 0.1)]
    pair = initialize("inv", 8)
    init = Initialization("legs", B="hippo", dt=0.1)
    chosen = configurations({"init": ["lin", pair, init], "lr": 0.1})
    assert [c.init for c in chosen] == [
        Initialization(),
        Initialization(pair),
        init,
    ]
    rows = [c.row() for c in chosen]
    assert [row["init"] for row in rows] == ["lin", "given", "legs"]
    assert [row["dt"] for row in rows] == [(1e-3, 1e-1), (1e-3, 1e-1), 0.1]


def test_an_object_in_a_grid_is_its_words():
    same = [{"init": "inv", "real": 0.0, "dt": 0.1}]
    init = Initialization("inv", real=0.0, dt=0.1)
    first, second = run(grid=same), run(grid=[{"init": init}])
    assert first.table.equals(second.table)


def test_silent_where_there_is_no_terminal(capfd):
    run()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"grid": []}, "E = 0"),
        ({"grid": {"dt": []}}, "E = 0"),
        (
            {"grid": {"dz": [0.1]}},
            "grid key must be one of B, C_lr, dropout, dt, frozen",
        ),
        ({"grid": [{"dt": 0.0}]}, "dt must be positive"),
        ({"grid": [{"later_dt": (0.2, 0.1)}]}, "dt must be positive"),
        ({"grid": [{"init": Initialization(), "dt": 0.1}]}, "dt cannot be given"),
        ({"grid": [{"lr": -1.0}]}, "lr must be finite and >= 0, got -1"),
        ({"seeds": []}, "seeds must be"),
        ({"seeds": [1, 1]}, "seeds must be"),
        ({"epochs": 0}, "epochs must be at least 1"),
        ({"warmup": 1.0}, "warmup must be in"),
        ({"pooling": "first"}, "pooling must be one of"),
        ({"seeds": [-1]}, "seeds must be at least 0"),
        ({"checkpoint": "/no/such/folder/fit.pt"}, "checkpoint must be in a folder"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        run(**arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seeds": 5}, "seeds must be a sequence of ints, got 5"),
        ({"grid": {"dt": np.array([0.1, 0.2])}}, "'dt'. must be a list of values"),
        ({"grid": [{"dt": [0.1, 0.2]}]}, "dt must be a number or a range"),
        ({"grid": [{"dt": (0.1, 0.2, 0.3)}]}, "dt must be a number or a range"),
        (
            {"grid": {"dt": (0.1, 0.2)}},
            r"write \[.0.1, 0.2.\] for one range, \[0.1, 0.2\] for 2 values",
        ),
        ({"lr": 0.1}, "unexpected keyword argument 'lr'"),
        ({"data": Split(*[np.zeros((4, 4))] * 6)}, "x_train must be a tensor"),
    ],
)
def test_arguments_of_another_type(arguments, message):
    with pytest.raises(TypeError, match=message):
        run(**arguments)


X = task().x_train
INT32 = torch.zeros(48, dtype=torch.int32)


def changed(**parts):
    """The task, changed; what is given for testing serves validation too."""
    same = {n.replace("test", "valid"): part for n, part in parts.items()}
    return replace(task(), **(same | parts))


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        (changed(y_train=torch.zeros(48).long()), {}, "at least two classes"),
        (changed(y_train=torch.zeros(47).long()), {}, "one target a sequence, 48"),
        (
            changed(x_train=torch.full((48, 32), torch.nan)),
            {},
            "x_train must be finite",
        ),
        (
            changed(x_train=1e30 * X, y_train=X[:, 0], y_test=X[:, 1]),
            {},
            "finite loss at the first",
        ),
        (changed(x_test=torch.zeros(48, 31)), {}, "same channels and length"),
        (
            changed(y_train=torch.zeros(48, 31), y_test=torch.zeros(48, 32)),
            {"pooling": "none"},
            "y_train must be as long as x_train, 32",
        ),
        (changed(y_train=INT32, y_test=INT32), {}, "must be int64"),
        (
            changed(y_train=torch.zeros(48), y_test=torch.zeros(48)),
            {"pooling": "none"},
            "y_train must be as long as x_train, 32",
        ),
        (task(), {"pooling": "none"}, "y_train must be as long"),
        ([task()] * 2, {}, "one for each of 1 seeds, got 2"),
        ([task(), task(L=16)], {"seeds": [0, 1]}, "of one shape and dtype"),
        (changed(x_train=torch.zeros(48, 32).int()), {}, "x_train must be floating"),
        (changed(y_test=torch.zeros(48)), {}, "y_valid must be of y_train's dtype"),
        (
            changed(y_train=torch.zeros(48), y_test=torch.zeros(48, 1)),
            {},
            "y_valid must be of y_train's dtype and shape",
        ),
    ],
)
def test_bad_data(data, options, message):
    with pytest.raises(ValueError, match=message):
        run(data, **options)

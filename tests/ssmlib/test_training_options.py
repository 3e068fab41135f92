"""What `fit` can be told: data for each seed, a target a step, rates, optimizers."""

import math

import pytest
import torch

from ssmlib.layers import S4D, optimizer
from ssmlib.models import Ensemble, Model
from ssmlib.tasks.split import Split
from ssmlib.training import configurations, fit, loop
from ssmlib.training.checkpoint import save
from ssmlib.training.dropout import Dropout
from ssmlib.training.steps import Steps
from tests.ssmlib.double import float64_fits

SHAPE = {"d_model": 4, "d_state": 8}
OPTIONS = SHAPE | {"epochs": 2, "batch_size": 16}


def task(seed=0, n=48, L=16):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(3 * n, L, generator=generator)
    y = (x[:, -1] > 0).long()
    parts = zip(x.split(n), y.split(n), strict=True)
    return Split(*(t for pair in parts for t in pair))


def recall(seed=0, n=32, L=12):
    """Tokens as one-hot channels; the class at a step is the token two steps ago."""
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randint(3, (3 * n, L), generator=generator)
    x = torch.nn.functional.one_hot(tokens, 3).mT.float()
    y = tokens.roll(2, 1)
    y[:, :2] = -100
    parts = zip(x.split(n), y.split(n), strict=True)
    return Split(*(t for pair in parts for t in pair))


@float64_fits()
def test_a_split_for_each_seed_is_that_seed_s_fit_alone():
    splits = [task(1), task(2)]
    grid = [{"dt": 0.1}, {"dt": 0.02}]
    together = fit(splits, grid, seeds=[3, 4], **OPTIONS)
    for k, (seed, split) in enumerate(zip([3, 4], splits, strict=True)):
        alone = fit(split, grid, seeds=[seed], **OPTIONS)
        own = together.table[together.table.seed == seed].reset_index(drop=True)
        for column in ("train_loss", "valid_loss", "test_loss", "test_accuracy"):
            assert own[column].to_numpy() == pytest.approx(
                alone.table[column].to_numpy(), rel=1e-6
            ), (k, column)
    first, second = (together.table[together.table.seed == s] for s in (3, 4))
    assert (first.test_loss.to_numpy() != second.test_loss.to_numpy()).all()


def test_a_class_a_step():
    """Loss and accuracy against the model's own output, ignored steps left out."""
    data = recall()
    found = fit(data, [{"dt": 0.3}], pooling="none", **OPTIONS | {"epochs": 30})
    model = found.model.member(0).requires_grad_(False)
    out = model(data.x_test)  # (n, classes, L)
    assert out.shape[1:] == (3, 12)
    counted = data.y_test != -100
    chosen = torch.log_softmax(out, 1).gather(1, data.y_test.clamp(0)[:, None])[:, 0]
    loss = -chosen[counted].mean()
    right = (out.argmax(1) == data.y_test)[counted].float().mean()
    assert found.table.test_loss[0] == pytest.approx(float(loss), rel=1e-5)
    assert found.table.test_accuracy[0] == pytest.approx(float(right), rel=1e-5)
    assert right > 0.5  # chance is 1/3


@float64_fits()
def test_plain_gradient_descent_is_its_formula():
    """Full batches, a constant rate: p - lr * gradient, each model at its own."""
    data = task()
    rates = [{"dt": 0.1, "lr": 0.5, "ssm_lr": 0.1}, {"dt": 0.1, "lr": 0.02}]
    options = SHAPE | {"epochs": 3, "batch_size": 48, "optimizer": "sgd"}
    found = fit(data, rates, seeds=[7], **options)
    for k, (lr, ssm_lr) in enumerate([(0.5, 0.1), (0.02, 1e-3)]):
        begun = configurations([{"dt": 0.1}])[0].init
        model = Model(1, 2, init=begun, seed=7, **SHAPE).double()
        (ssm,) = model.ssms
        own = {id(getattr(ssm, name)) for name in ssm.ssm_names()}
        for _ in range(3):
            loss = torch.nn.functional.cross_entropy(
                model(data.x_train[:, None].double()), data.y_train
            )
            model.zero_grad()
            loss.backward()
            with torch.no_grad():
                for p in model.parameters():
                    p -= (ssm_lr if id(p) in own else lr) * p.grad
            ssm.project_()
        for a, b in zip(
            model.parameters(), found.model.member(k).parameters(), strict=True
        ):
            assert torch.allclose(a, b, rtol=0, atol=1e-7)


@float64_fits()
def test_the_readout_s_rate_is_its_own():
    base = {"dt": 0.1, "lr": 1e-2}
    grid = [base, base | {"C_lr": 1e-2}, base | {"C_lr": 0.0}, base | {"C_lr": 0.3}]
    found = fit(task(), grid, **OPTIONS)
    same, still, fast = (found.model.member(k) for k in (1, 2, 3))
    start = Model(1, 2, init=configurations([base])[0].init, **SHAPE).double().ssms[0]
    assert torch.equal(still.ssms[0].C_re, start.C_re)
    assert not torch.equal(still.ssms[0].D, start.D)
    for a, b in zip(found.model.member(0).parameters(), same.parameters(), strict=True):
        assert torch.allclose(a, b, rtol=0, atol=1e-8)
    moved = [(m.ssms[0].C_re - start.C_re).abs().mean() for m in (same, fast)]
    assert moved[1] > 10 * moved[0]


@float64_fits()
def test_what_is_frozen_stays_and_nothing_else():
    grid = [{}, {"frozen": ("A",)}, {"frozen": ("dt", "B")}]
    grid += [{"frozen": ("A", "B", "dt")}, {"ssm_lr": 0.0}]
    start = Model(1, 2, **SHAPE).double().ssms[0]
    found = fit(task(), grid, **OPTIONS)
    for k, entry in enumerate(grid[:4]):
        ssm = found.model.member(k).ssms[0]
        for name, part in ssm.ssm_names().items():
            kept = torch.equal(getattr(ssm, name), getattr(start, name))
            assert kept == (part in entry.get("frozen", ())), (entry, name)
        assert not torch.equal(ssm.C_re, start.C_re)
    frozen, still = (found.model.member(k) for k in (3, 4))
    for name, value in still.state_dict().items():
        other = frozen.state_dict()[name]
        assert torch.allclose(other, value, rtol=0, atol=1e-8), name
    for k, entry in enumerate(grid):
        ssm = found.model.member(k).ssms[0]
        kept = {ssm.ssm_names()[name] for name, _ in ssm.named_buffers()}
        assert kept == set(entry.get("frozen", ()))


@float64_fits()
def test_each_model_has_its_own_weight_decay():
    """Against AdamW on one model, three steps of full batches."""
    data, decays = task(), [0.0, 0.5, 3.0]
    grid = {"lr": 0.02, "weight_decay": decays}
    options = SHAPE | {"epochs": 3, "batch_size": 48, "warmup": 0.0}
    found = fit(data, grid, **options)
    for k, decay in enumerate(decays):
        model = Model(1, 2, **SHAPE).double()
        adamw = optimizer(model, 0.02, decay)
        for share in (1.0, 1.0, 0.5):  # a half cosine over the steps after the first
            adamw.param_groups[0]["lr"] = 0.02 * share
            adamw.param_groups[1]["lr"] = 1e-3 * share
            loss = torch.nn.functional.cross_entropy(
                model(data.x_train[:, None].double()), data.y_train
            )
            adamw.zero_grad()
            loss.backward()
            adamw.step()
        for a, b in zip(
            model.parameters(), found.model.member(k).parameters(), strict=True
        ):
            assert torch.allclose(a, b, rtol=0, atol=1e-7), decay


@pytest.mark.parametrize("pooling", ["last", "mean"])
@float64_fits()
def test_dropout_is_a_model_s_own(pooling):
    """Beside others as alone; without it as if no other had any."""
    options = OPTIONS | {"n_layers": 2, "pooling": pooling}
    grid = [{}, {"dropout": 0.3}, {"dropout": 0.6, "dt": 0.1}]
    together = fit(task(), grid, seeds=[3, 4], **options)
    for k, seed, entry in ((0, 3, grid[0]), (1, 3, grid[1]), (5, 4, grid[2])):
        single = fit(task(), [entry], seeds=[seed], **options)
        for a, b in zip(
            together.model.member(k).parameters(),
            single.model.member(0).parameters(),
            strict=True,
        ):
            assert torch.allclose(a, b, rtol=0, atol=1e-7), k
    losses = together.curves.groupby("run").train_loss.first()
    assert losses.nunique() == len(losses)


def test_masks_are_drawn_anew_and_keep_the_mean():
    model = Ensemble([Model(1, 2, n_layers=2, **SHAPE)] * 4)
    chosen = configurations({"dropout": [0.25, 0.5]}) * 2
    dropout = Dropout(model, chosen, [0, 1])
    first, second = dropout.masks(500, 16), dropout.masks(500, 16)
    assert [tuple(m.shape) for m in first] == [(4, 500, 4, 16), (4, 500, 4, 1)]
    for mask, other, kept in zip(first[0], second[0], (0.75, 0.5) * 2, strict=True):
        assert mask.unique().tolist() == pytest.approx([0.0, 1 / kept])
        error = math.sqrt((1 - kept) / kept / mask.numel())
        assert abs(mask.mean() - 1) < 5 * error
        assert not torch.equal(mask, other)
    assert not torch.equal(first[0][0], first[0][2])  # another seed
    dropout.start(1)
    assert not torch.equal(dropout.masks(500, 16)[0], first[0])
    dropout.start(0)
    assert torch.equal(dropout.masks(500, 16)[0], first[0])


def test_dropout_goes_on_from_a_checkpoint(tmp_path, monkeypatch):
    grid, path = [{"dropout": 0.4}], tmp_path / "fit.pt"
    whole = fit(task(), grid, **OPTIONS)

    def stop(*args):
        save(*args)
        raise KeyboardInterrupt

    monkeypatch.setattr(loop, "save", stop)
    with pytest.raises(KeyboardInterrupt):
        fit(task(), grid, checkpoint=path, **OPTIONS)
    monkeypatch.undo()
    resumed = fit(task(), grid, checkpoint=path, **OPTIONS)
    for a, b in zip(whole.model.parameters(), resumed.model.parameters(), strict=True):
        assert torch.equal(a, b)


def test_what_the_options_refuse():
    for name in ("lr", "ssm_lr", "C_lr"):
        with pytest.raises(ValueError, match=f"{name} must be finite"):
            configurations([{name: math.inf}])
    with pytest.raises(ValueError, match="optimizer must be one of adamw, sgd"):
        fit(task(), [{}], optimizer="adam", **OPTIONS)

    class Nameless(S4D):
        readout_parameters = ()

    model = Ensemble([Model(1, 2, layer=Nameless, **SHAPE)])
    with pytest.raises(ValueError, match="C_lr needs a layer"):
        Steps(model, configurations([{"C_lr": 0.1}]), 5, 0.1)
    with pytest.raises(ValueError, match="weight_decay must be finite and >= 0"):
        configurations([{"weight_decay": -0.1}])
    with pytest.raises(ValueError, match="frozen must be one of A, B, dt; got 'C'"):
        configurations([{"frozen": ("A", "C")}])
    with pytest.raises(TypeError, match="frozen must be a tuple of names, got 'A'"):
        configurations([{"frozen": "A"}])
    for share in (-0.1, 1.0, math.nan):
        with pytest.raises(ValueError, match=r"dropout must be in \[0, 1\)"):
            configurations([{"dropout": share}])
    with pytest.raises(ValueError, match="dropout goes with linear=False only"):
        fit(task(), [{"dropout": 0.1}], linear=True, **OPTIONS)


@pytest.mark.parametrize(
    "kind", [torch.optim.AdamW, torch.optim.SGD, torch.optim.NAdam]
)
def test_any_optimizer_has_the_rates_of_the_layers(kind):
    layer = S4D(3, 8)
    with torch.no_grad():
        layer.A_re.zero_()
    found = optimizer(layer, 0.02, 0.1, kind=kind)
    assert type(found) is kind
    assert [(g["lr"], g["weight_decay"]) for g in found.param_groups] == [
        (0.02, 0.1),
        (1e-3, 0.0),
    ]
    layer(torch.randn(2, 3, 9)).square().sum().backward()
    layer.A_re.grad = -torch.ones_like(layer.A_re)  # a step upward, above 0
    found.step()
    assert not layer.A_re.any()


def test_options_of_the_optimizer_reach_it():
    found = optimizer(S4D(3, 8), 0.02, betas=(0.9, 0.95), fused=True)
    assert all(g["betas"] == (0.9, 0.95) and g["fused"] for g in found.param_groups)

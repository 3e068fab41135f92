"""Clipping the gradient of each model, and warmup as a number of steps."""

import math

import pytest
import torch

from ssmlib.layers import S4D, optimizer, ssm_layers
from ssmlib.models import Ensemble, Model
from ssmlib.training import configurations, fit
from ssmlib.training.steps import Steps
from tests.ssmlib.double import float64_fits
from tests.ssmlib.test_training_options import SHAPE, task

FULL = SHAPE | {"epochs": 5, "batch_size": 48}


def plain_loop(clip, lr, ssm_lr, kind, frozen=()):
    """Train one model by PyTorch's own functions; return it and the first norm."""
    data = task()
    model = Model(1, 2, init="lin", frozen=frozen, seed=3, **SHAPE).double()
    (ssm,) = ssm_layers(model)
    own = [p for n, p in ssm.named_parameters() if n in ssm.ssm_names()]
    others = [p for p in model.parameters() if all(p is not q for q in own)]
    trained = others + own * (ssm_lr > 0)
    if kind == "adamw":
        taken = optimizer(model, lr, 0.0, ssm_lr=ssm_lr)
    else:
        groups = [{"params": others, "lr": lr}, {"params": own, "lr": ssm_lr}]
        taken = torch.optim.SGD([g for g in groups if g["params"]])
    peaks, norms = [g["lr"] for g in taken.param_groups], []
    for step in range(FULL["epochs"]):
        share = 1.0
        if kind == "adamw":
            share = 1.0 if step < 1 else 0.5 * (1 + math.cos(math.pi * (step - 1) / 4))
        for group, peak in zip(taken.param_groups, peaks, strict=True):
            group["lr"] = peak * share
        out = model(data.x_train[:, None].double())
        taken.zero_grad()
        torch.nn.functional.cross_entropy(out, data.y_train).backward()
        most = math.inf if clip is None else clip
        norms.append(float(torch.nn.utils.clip_grad_norm_(trained, most)))
        taken.step()
        ssm.project_()
    return model, norms


ENTRIES = {
    "all": {"lr": 0.3, "ssm_lr": 0.1},
    "no rate of A": {"lr": 0.3, "ssm_lr": 0.0},
    "frozen": {"lr": 0.3, "ssm_lr": 0.1, "frozen": ("A",)},
    "slow": {"lr": 0.01, "ssm_lr": 0.005},
}


@pytest.mark.parametrize("kind", ["sgd", "adamw"])
@pytest.mark.parametrize("clip", [0.2, 1e-3])
@float64_fits()
def test_each_model_is_clipped_as_alone(kind, clip):
    """Against `clip_grad_norm_` on one model; beside them one model diverges."""
    grid = [*ENTRIES.values(), {"lr": 1e30, "ssm_lr": 1e30}]
    options = FULL | {"optimizer": kind, "warmup": 0}
    found = fit(task(), grid, seeds=[3], clip=clip, **options)
    for k, entry in enumerate(ENTRIES.values()):
        model, norms = plain_loop(clip, kind=kind, **entry)
        assert max(norms) > clip  # so that it was clipped
        own = found.model.member(k).state_dict()
        for name, value in model.state_dict().items():
            assert torch.allclose(own[name], value, rtol=0, atol=1e-7), (entry, name)


@float64_fits()
def test_a_gradient_below_the_limit_is_unchanged():
    options = FULL | {"optimizer": "sgd"}
    found = fit(task(), [{}], **options)
    same, other = (fit(task(), [{}], clip=c, **options) for c in (1e3, 1e-3))
    assert found.table.equals(same.table)
    assert not found.table.equals(other.table)


def test_norms_leave_out_parameters_without_a_rate():
    grid = [{"lr": 0.1, "ssm_lr": 0.1}, {"lr": 0.1, "ssm_lr": 0.0}, {"lr": 0.0}]
    model = Ensemble([Model(1, 2, layer=S4D, **SHAPE)] * 3)
    steps = Steps(model, configurations(grid), 5, 0.1)
    for p in model.parameters():
        p.grad.fill_(1.0)
    count = sum(p[0].numel() for p in model.parameters())
    (ssm,) = ssm_layers(model)
    ssms = sum(getattr(ssm, name)[0].numel() for name in ssm.ssm_names())
    total = sum(flat.squares() for flat in steps.flats)
    assert total.tolist() == pytest.approx([count, count - ssms, 0.0])


def test_a_large_gradient_does_not_overflow():
    """Its square is beyond float32."""
    model = Ensemble([Model(1, 2, **SHAPE)])
    steps = Steps(model, configurations([{"lr": 1.0}]), 5, 0.0, "sgd", clip=1.0)
    before = model.stacked.decoder.detach().clone()
    steps.begin()
    model.stacked.decoder.grad.fill_(1e30)
    steps.take(torch.tensor([True]))
    moved = before - model.stacked.decoder.detach()
    assert float(moved.norm()) == pytest.approx(1.0, rel=1e-5)


@pytest.mark.parametrize(
    ("clip", "kind", "message"),
    [
        (0.0, ValueError, "clip must be positive and finite, got 0"),
        (-1.0, ValueError, "clip must be positive and finite, got -1"),
        (math.inf, ValueError, "clip must be finite, got inf"),
        (math.nan, ValueError, "clip must be finite, got nan"),
        ("1", TypeError, "clip must be a number, got '1'"),
        (True, TypeError, "clip must be a number, got True"),
    ],
)
def test_a_bad_limit_is_refused(clip, kind, message):
    with pytest.raises(kind, match=message):
        fit(task(), [{}], clip=clip, **FULL)


def test_a_limit_makes_another_fit(tmp_path):
    path = tmp_path / "fit.pt"
    fit(task(), [{}], checkpoint=path, **FULL)
    with pytest.raises(ValueError, match=r"of another fit: it differs in clip"):
        fit(task(), [{}], checkpoint=path, clip=1.0, **FULL)


def rates(warmup, total=10):
    model = Ensemble([Model(1, 2, **SHAPE)])
    steps = Steps(model, configurations([{}]), total, warmup)
    found = []
    for _ in range(total):
        found.append(steps.optimizer.param_groups[0]["lr"])
        steps.begin()
        steps.take(torch.tensor([True]))
    return found


def test_warmup_is_a_share_or_a_number_of_steps():
    assert rates(3) == rates(0.3)
    assert rates(3)[:4] == pytest.approx([1 / 3, 2 / 3, 1.0, 1.0])
    assert rates(0) == rates(0.0)
    assert rates(10)[-1] == 1.0
    assert rates(1) == rates(0.1)


def test_a_fit_takes_both(tmp_path):
    options = SHAPE | {"epochs": 2, "batch_size": 16}  # 6 steps
    half, three = (fit(task(), [{}], warmup=w, **options) for w in (0.5, 3))
    assert half.curves.equals(three.curves)
    path = tmp_path / "fit.pt"
    fit(task(), [{}], warmup=0.0, checkpoint=path, **options)
    fit(task(), [{}], warmup=0, checkpoint=path, **options)  # the same fit
    fit(task(), [{}], warmup=6, **options)
    for bad in (7, -1):
        with pytest.raises(ValueError, match=rf"steps in 0 \.\. 6, .* got {bad}"):
            fit(task(), [{}], warmup=bad, **options)
    with pytest.raises(TypeError, match="warmup must be a number, got True"):
        fit(task(), [{}], warmup=True, **options)

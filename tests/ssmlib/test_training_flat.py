"""The optimizer on one vector is the optimizer on each parameter."""

import pytest
import torch
from torch import nn

from ssmlib.layers import S4D, parameter_groups, ssm_layers
from ssmlib.layers.projection import leave_projection_to
from ssmlib.models import Ensemble, Model
from ssmlib.training import checkpoint, configurations, fit, loop
from ssmlib.training.steps import OPTIMIZERS, Steps
from tests.ssmlib.double import float64_fits
from tests.ssmlib.test_ensemble_tensors import Layer, Tied
from tests.ssmlib.test_training_options import SHAPE, task


class Plain(Steps):
    """An optimizer with two groups; the step of each parameter is scaled afterwards."""

    def __init__(self, model, chosen, total, warmup, optimizer="adamw", clip=None):
        super().__init__(model, chosen, total, warmup, optimizer, clip)
        for flat in self.flats:
            flat.end()
        self.chosen = chosen
        top = max(max(c.lr, c.C_lr or 0.0) for c in chosen)
        groups = parameter_groups(model, top, ssm_lr=1.0)
        self.optimizer = OPTIMIZERS[optimizer](groups)
        leave_projection_to(self.optimizer)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(
            self.optimizer, self.schedule.lr_lambdas[0]
        )
        self.part, self.readouts = {}, set()
        for ssm in ssm_layers(model):
            parts = ssm.ssm_names().items()
            self.part |= {id(getattr(ssm, name)): part for name, part in parts}
            self.readouts |= {id(getattr(ssm, n)) for n in ssm.readout_parameters}

    def begin(self):
        self.optimizer.zero_grad(set_to_none=True)

    @torch.no_grad()
    def take(self, alive):
        groups = self.optimizer.param_groups
        before = [[p.clone() for p in group["params"]] for group in groups]
        self.optimizer.step()
        for group, olds in zip(groups, before, strict=True):
            for p, old in zip(group["params"], olds, strict=True):
                for k, c in enumerate(self.chosen):
                    rate = self.rate(p, c) if alive[k] else 0.0
                    decay = 0.0 if id(p) in self.part else c.weight_decay
                    moved = p[k] - old[k] - group["lr"] * decay * old[k]
                    own = old[k] + rate / group["initial_lr"] * moved
                    p[k] = own if rate else old[k]
        self.schedule.step()
        for ssm in self.ssms:
            ssm.project_()

    def rate(self, p, c):
        if id(p) in self.part:
            return 0.0 if self.part[id(p)] in c.frozen else min(c.lr, c.ssm_lr)
        return c.C_lr if id(p) in self.readouts and c.C_lr is not None else c.lr


class Wide(S4D):
    """A layer whose parameters are float64 in a float32 stack."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.double()

    def forward(self, u, *args, **options):
        return super().forward(u.double(), *args, **options).to(u.dtype)


class Unused(S4D):
    """A layer with a parameter that has no gradient, and one that needs none."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.unused = nn.Parameter(torch.ones(3))
        self.fixed = nn.Parameter(torch.ones(3), requires_grad=False)


RATES = [{}, {"lr": 0.1, "ssm_lr": 0.03}, {"weight_decay": 0.5}, {"lr": 0.0}]
OF_LAYERS = [*RATES, {"frozen": ("A",)}, {"C_lr": 0.0}, {"C_lr": 0.2, "real": 0.0}]
CASES = {
    "S4D": (OF_LAYERS, {"n_layers": 2, "norm": True}),
    "sgd": (OF_LAYERS, {"optimizer": "sgd"}),
    "tied": ([{}, {"lr": 0.1}, {"weight_decay": 0.5}], {"layer": Tied}),
    "float64": (OF_LAYERS[:5], {"layer": Wide, "pooling": "mean"}),
    "unused": (RATES, {"layer": Unused}),
    "no SSM": ([{"lr": r} for r in (0.1, 0.01)], {"layer": Layer}),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_fifty_steps_are_those_of_each_parameter(monkeypatch, name):
    grid, options = CASES[name]
    if name == "sgd":
        options = options | {"warmup": 0.0}
    options = SHAPE | {"epochs": 17, "batch_size": 16} | options
    found = fit(task(), grid, **options)
    monkeypatch.setattr(loop, "Steps", Plain)
    plain = fit(task(), grid, **options)
    for column in ("train_loss", "valid_loss", "test_loss"):
        # A loss of 0.003 is the difference of rounded logits: 1e-6 is their rounding.
        assert found.table[column].to_numpy() == pytest.approx(
            plain.table[column].to_numpy(), rel=1e-5, abs=1e-6
        )


@float64_fits()
def test_steps_in_double_precision_are_those_of_each_parameter(monkeypatch):
    options = SHAPE | {"epochs": 3, "batch_size": 16, "n_layers": 2}
    found = fit(task(), OF_LAYERS, **options)
    monkeypatch.setattr(loop, "Steps", Plain)
    plain = fit(task(), OF_LAYERS, **options)
    for one, other in zip(
        found.model.parameters(), plain.model.parameters(), strict=True
    ):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_what_does_not_train_keeps_its_bits(optimizer):
    """A diverged model, a rate of 0, and a frozen part; the others move."""
    model = Ensemble([Model(1, 2, seed=k, **SHAPE) for k in range(4)])
    chosen = configurations([{}, {}, {"lr": 0.0}, {"frozen": ("A", "B", "dt")}])
    start = {name: p.detach().clone() for name, p in model.named_parameters()}
    steps = Steps(model, chosen, 3, 0.0, optimizer)
    alive = torch.tensor([True, False, True, True])
    for _ in range(3):
        steps.begin()
        losses = model(torch.ones(1, 3, 1, 9)).square().flatten(1).sum(1)
        (losses * torch.tensor([1.0, torch.nan, 1.0, 1.0])).sum().backward()
        steps.take(alive)
    steps.end()
    (ssm,) = model.stacked.ssms
    own = {f"stacked.ssms.0.{name}" for name in ssm.ssm_names()}
    for name, p in model.named_parameters():
        same = [torch.equal(a, b) for a, b in zip(p, start[name], strict=True)]
        assert same[1:] == [True, True, name in own], name
        assert not same[0] or not start[name].numel(), name
        assert p.isfinite().all()


def test_a_parameter_has_memory_of_its_own_before_and_after():
    model = Ensemble([Model(1, 2, layer=Tied, n_layers=2, **SHAPE)] * 2)
    parameters = list(model.parameters())

    def storages():
        return {p.untyped_storage().data_ptr() for p in parameters}

    assert len(storages()) == len(parameters)
    steps = Steps(model, configurations([{}]) * 2, 5, 0.1)
    assert len(storages()) == 1
    steps.begin()
    gradients = [p.grad.data_ptr() for p in parameters]
    for part in (slice(0, 1), slice(1, 2)):
        model(torch.ones(1, 3, 1, 9), members=part).sum().backward()
    assert [p.grad.data_ptr() for p in parameters] == gradients
    assert bool(steps.flats[0].moved.grad.any())
    steps.take(torch.ones(2, dtype=torch.bool))
    steps.end()
    assert len(storages()) == len(parameters)
    assert all(p.grad is None for p in parameters)
    assert [id(p) for p in model.parameters()] == [id(p) for p in parameters]


def test_real_parts_are_projected_after_the_scaling():
    """The steps of the second model are ten times as long."""
    model = Ensemble([Model(1, 2, **SHAPE)] * 2)
    chosen = configurations([{"ssm_lr": 0.1, "lr": 1.0}, {"ssm_lr": 1.0, "lr": 1.0}])
    steps = Steps(model, chosen, 9, 0.0, "sgd")
    (ssm,) = model.stacked.ssms
    steps.begin()
    (-ssm.A_re.sum()).backward()
    steps.take(torch.ones(2, dtype=torch.bool))
    assert torch.allclose(ssm.A_re[0].detach(), torch.tensor(-0.4))
    assert torch.equal(ssm.A_re[1].detach(), torch.zeros_like(ssm.A_re[1]))


def test_a_checkpoint_of_the_version_before_is_refused(tmp_path):
    path = tmp_path / "fit.pt"
    options = SHAPE | {"epochs": 1, "batch_size": 24, "checkpoint": path}
    fit(task(), [{}], **options)
    assert b"format 4" in checkpoint.FORMAT
    path.write_bytes(path.read_bytes().replace(b"format 4", b"format 3", 1))
    with pytest.raises(ValueError, match="was not written by this version of ssmlib"):
        fit(task(), [{}], **options)

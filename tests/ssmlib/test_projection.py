"""Real parts return to <= 0 after a step of any optimizer of PyTorch."""

import copy
import gc
import pickle
from functools import partial

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize, prune

from ssmlib.layers import DSS, S4, S4D, S4DReal, optimizer, parameter_groups, projection
from ssmlib.models import Ensemble, Model

ADAM = torch.optim.Adam
OPTIMIZERS = {
    "SGD": torch.optim.SGD,
    "SGD, foreach": partial(torch.optim.SGD, foreach=True),
    "Adam": ADAM,
    "Adam, foreach": partial(ADAM, foreach=True),
    "Adam, fused": partial(ADAM, fused=True),
    "AdamW, one by one": partial(torch.optim.AdamW, foreach=False),
    "RMSprop": torch.optim.RMSprop,
    "NAdam": torch.optim.NAdam,
    "LBFGS": torch.optim.LBFGS,
}
LAYERS = {
    "S4D": S4D,
    "S4": S4,
    "DSS": partial(DSS, length=9),
    "S4DReal": S4DReal,
    "shared": partial(S4D, n_ssm=1),
}


def pushed(layer):
    """A loss that falls as real parts rise."""
    loss = -layer.A.real.sum()
    loss.backward()
    return loss


def train(layer, made, steps=3):
    def closure():
        made.zero_grad()
        return pushed(layer)

    for _ in range(steps):
        made.step(closure)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("kind", LAYERS)
def test_after_a_step_of_any_optimizer(kind, name):
    layer = LAYERS[kind](2, 8)
    train(layer, OPTIMIZERS[name](layer.parameters(), lr=1.0))
    assert float(layer.A_re.detach().max()) == 0


class Same(nn.Module):
    def forward(self, x):
        return x.clone()


class Invertible(Same):
    def right_inverse(self, x):
        return x


def parametrized(layer):
    parametrize.register_parametrization(layer, "A_re", Invertible())
    return layer


def pruned(layer):
    prune.random_unstructured(layer, "A_re", 2)
    layer(torch.zeros(1, 2, 3))  # which computes the pruned tensor again
    return layer


WAYS = {
    "copied": copy.deepcopy,
    "copied twice": lambda layer: copy.deepcopy(copy.deepcopy(layer)),
    "pickled": lambda layer: pickle.loads(pickle.dumps(layer)),
    "in double precision": lambda layer: layer.double(),
    "from meta": lambda layer: _from_meta(),
    "within a model": lambda layer: nn.Sequential(layer)[0],
    "parametrized": parametrized,
    "parametrized, copied": lambda layer: copy.deepcopy(parametrized(layer)),
    "pruned": pruned,
}


def _from_meta():
    layer = S4D(2, 8, device="meta").to_empty(device="cpu")
    layer.reset_parameters()
    return layer


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("made_by", ["Adam", "ours"])
def test_a_layer_that_was_copied_or_changed(way, made_by):
    layer = WAYS[way](S4D(2, 8))
    adam = ADAM(layer.parameters(), 1.0) if made_by == "Adam" else optimizer(layer, 1.0)
    for group in adam.param_groups:
        group["lr"] = 1.0
    for _ in range(3):
        layer(torch.zeros(1, 2, 3))
        adam.zero_grad()
        pushed(layer)
        adam.step()
    stored = dict(layer.named_parameters())
    (name,) = [n for n in stored if "A_re" in n]
    assert float(stored[name].detach().max()) == 0
    plain = parameter_groups(S4D(2, 8), 0.1)
    sizes = [len(group["params"]) for group in parameter_groups(layer, 0.1)]
    assert sizes == [len(group["params"]) for group in plain]


def test_a_parametrization_without_inverse_is_left_as_it_is():
    layer = S4D(2, 8)
    parametrize.register_parametrization(layer, "A_re", Same())
    train(layer, torch.optim.SGD(layer.parameters(), lr=1.0))
    assert float(layer.A_re.detach().max()) > 0
    assert float(layer.A.real.detach().max()) == 0  # the map does not use it


def test_plain_adam_on_a_model_and_a_scaler():
    model = Model(1, 1, n_layers=2, d_model=4, d_state=8)
    adam, scaler = ADAM(model.parameters(), 0.5), torch.amp.GradScaler("cpu")
    for _ in range(5):
        adam.zero_grad()
        loss = model(torch.randn(3, 1, 20)).square().mean()
        loss = loss - sum(ssm.A.real.mean() for ssm in model.ssms)
        scaler.scale(loss).backward()
        scaler.step(adam)
        scaler.update()
    for ssm in model.ssms:
        assert float(ssm.A_re.detach().max()) == 0


@pytest.mark.slow
def test_a_compiled_step_and_a_compiled_layer():
    torch._dynamo.reset()
    layer = S4D(2, 8)
    adam = ADAM(layer.parameters(), 1.0)
    fast = torch.compile(layer, backend="aot_eager")
    (fast(torch.ones(1, 2, 5)).sum() - layer.A.real.sum()).backward()
    torch.compile(adam.step, backend="aot_eager")()
    assert float(layer.A_re.detach().max()) == 0


def test_only_the_layers_that_were_stepped_are_put_back():
    stepped, other = S4D(2, 8), S4D(2, 8)
    with torch.no_grad():
        other.A_re.fill_(0.5)
    train(stepped, torch.optim.SGD(stepped.parameters(), lr=1.0))
    assert bool((other.A_re == 0.5).all())


@pytest.mark.parametrize("transform", ["exp", "softplus", "relu", "stable"])
def test_other_transforms_are_left_as_they_are(transform):
    layer = S4D(2, 8, real_transform=transform)
    with torch.no_grad():
        layer.A_re.fill_(0.5)
    torch.optim.SGD(layer.parameters(), lr=1.0).step()
    assert bool((layer.A_re == 0.5).all())


def test_an_optimizer_of_another_kind_calls_project_itself():
    """As the docstring of S4D says: PyTorch cannot know of its step."""
    layer = S4D(2, 8)
    pushed(layer)
    with torch.no_grad():
        for p in layer.parameters():
            if p.grad is not None:
                p.sub_(p.grad)
    assert float(layer.A_re.detach().max()) > 0
    layer.project_()
    assert float(layer.A_re.detach().max()) == 0


def test_the_forward_pass_changes_no_parameter():
    layer = S4D(2, 8)
    with torch.no_grad():
        layer.A_re.fill_(0.5)
    layer(torch.ones(1, 2, 5)).sum().backward()
    assert bool((layer.A_re == 0.5).all())


def test_an_ensemble_under_an_optimizer_of_its_own():
    together = Ensemble([Model(1, 1, d_model=2, d_state=4, seed=s) for s in (0, 1)])
    ssm = together.stacked.ssms[0]
    torch.optim.SGD([ssm.A_re], lr=1.0)
    ssm.A_re.grad = -torch.ones_like(ssm.A_re)
    torch.optim.SGD([ssm.A_re], lr=1.0).step()
    assert float(ssm.A_re.detach().max()) == 0


def test_layers_are_listed_weakly():
    gc.collect()
    before = len(projection._ALIVE)
    layers = [S4D(2, 8) for _ in range(5)]
    assert len(projection._ALIVE) == before + 5
    del layers
    gc.collect()
    assert len(projection._ALIVE) <= before

"""An ensemble of layers whose tensors are not one parameter per name."""

import copy

import pytest
import torch
from torch import nn

from ssmlib.models import Ensemble, Model, tensors


class Layer(nn.Module):
    """A layer of a user with one weight per feature."""

    def __init__(self, d_model, d_state, init=None, seed=0):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.weight = nn.Parameter(torch.randn(d_model, 1, generator=generator))
        self.prepare(d_model)

    def prepare(self, d_model):
        pass

    def forward(self, u, valid=None):
        return u * self.weight


class Table(Layer):
    """Positions (H, L) in a buffer that is in no state dict."""

    def prepare(self, d_model):
        table = torch.arange(d_model * 8.0).view(d_model, 8).sin()
        self.register_buffer("table", table, persistent=False)

    def forward(self, u, valid=None):
        return super().forward(u + self.table)


class Scalar(Table):
    def prepare(self, d_model):
        self.register_buffer("table", torch.tensor(0.5), persistent=False)


class Assigned(Layer):
    """A running value that `forward` assigns."""

    persistent = True

    def prepare(self, d_model):
        count = torch.zeros(d_model, 1)
        self.register_buffer("count", count, persistent=self.persistent)

    def forward(self, u, valid=None):
        self.count = 0.5 * self.count + u.detach().mean((0, 2))[:, None]
        return super().forward(u) + self.count


class Passing(Assigned):
    persistent = False


class InPlace(Assigned):
    def forward(self, u, valid=None):
        self.count.add_(u.detach().mean((0, 2))[:, None])
        return Layer.forward(self, u) + self.count


class Constant(Assigned):
    """A buffer that receives the same value in all models."""

    def forward(self, u, valid=None):
        self.count = torch.ones(len(self.weight), 1)
        return Layer.forward(self, u) + self.count


class Slow(Assigned):
    """A layer that `vmap` has no rule for."""

    vmaps = False


class Tied(Layer):
    """One parameter under two names, in two modules."""

    def prepare(self, d_model):
        self.first = nn.Linear(d_model, d_model, bias=False)
        self.second = nn.Linear(d_model, d_model)
        with torch.no_grad():
            self.first.weight.copy_(torch.eye(d_model) * self.weight)
            self.second.bias.fill_(0.1)
        self.second.weight = self.first.weight

    def forward(self, u, valid=None):
        return self.second(torch.tanh(self.first(super().forward(u).mT))).mT


class TiedModule(Tied):
    def prepare(self, d_model):
        super().prepare(d_model)
        self.first = self.second


class TiedBuffer(Layer):
    """One buffer under two names, changed under one of them."""

    def prepare(self, d_model):
        self.register_buffer("one", torch.zeros(d_model, 1))
        self.register_buffer("two", self.one)

    def forward(self, u, valid=None):
        self.one.add_(1)
        return super().forward(u) + self.two


class TiedAssigned(TiedBuffer):
    def forward(self, u, valid=None):
        self.two = self.two + 1
        return Layer.forward(self, u) + self.one + 2 * self.two


LAYERS = [Table, Scalar, Assigned, Passing, InPlace, Constant, Slow]
LAYERS += [Tied, TiedModule, TiedBuffer, TiedAssigned]
GENERATOR = torch.Generator().manual_seed(0)
X = torch.randn(6, 4, 2, 8, generator=GENERATOR)
OPTIONS = {"d_model": 3, "pooling": "mean"}


def models(layer, count, **options):
    return [Model(2, 1, layer=layer, seed=k, **OPTIONS | options) for k in range(count)]


def trained(model, x):
    """Take a few steps of gradient descent, with an evaluation after each."""
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    for _ in range(3):
        optimizer.zero_grad()
        model.train()(x).square().sum().backward()
        optimizer.step()
        with torch.inference_mode():
            model.eval()(x)
    return model.train()


@pytest.mark.parametrize("count", [1, 2, 3, 6])
@pytest.mark.parametrize("layer", LAYERS, ids=lambda c: c.__name__)
def test_a_layer_s_tensors_are_those_of_the_model_alone(layer, count):
    alone = models(layer, count)
    together = trained(Ensemble(alone), X[:1])
    for k, model in enumerate(alone):
        check_same(trained(model, X[0]), together.member(k))


@pytest.mark.parametrize("layer", LAYERS, ids=lambda c: c.__name__)
def test_a_layer_s_tensors_are_each_group_s_own(layer):
    alone = models(layer, 6, n_layers=2)
    together = trained(Ensemble(alone), X[:3])
    for k, model in enumerate(alone):
        check_same(trained(model, X[k // 2]), together.member(k))


def check_same(one, other):
    assert [set(names) for names in tensors.groups(one)] == [
        set(names) for names in tensors.groups(other)
    ]
    assert one.state_dict().keys() == other.state_dict().keys()
    own = tensors.named(other)
    for name, value in tensors.named(one).items():
        torch.testing.assert_close(own[name], value)
    torch.testing.assert_close(one(X[0]), other(X[0]))


def changed(layer, change):
    def made(*args, **options):
        module = layer(*args, **options)
        change(module)
        return module

    return made


def untie(module):
    module.second.weight = nn.Parameter(module.second.weight.detach().clone())


def test_models_that_differ_in_sharing_are_refused():
    for one, name in ((Tied, "first.weight"), (TiedModule, "first.bias")):
        other = Tied if one is TiedModule else changed(Tied, untie)
        pair = [*models(one, 1), *models(other, 1)]
        with pytest.raises(ValueError, match=rf"models 0 and 1 differ .*\.{name}"):
            Ensemble(pair)
    copied = changed(TiedModule, lambda m: setattr(m, "first", copy.deepcopy(m.first)))
    with pytest.raises(ValueError, match="models 0 and 1 differ in which of"):
        Ensemble([*models(TiedModule, 1), *models(copied, 1)])


def view(module):
    module.other = nn.Parameter(module.weight.data[1:])


def same(module):
    module.other = nn.Parameter(module.weight.data.mT)


def bits(module):
    module.register_buffer("other", module.weight.detach().view(torch.int32))


def both(module):
    module.register_buffer("other", module.weight)


def listed(module):
    module.other = {"weights": [module.weight]}


def plain(module):
    object.__setattr__(module, "other", module.weight)


SHARED = {
    view: "two tensors that share memory, got ssms.0.weight and ssms.0.other",
    same: "two tensors that share memory",
    bits: "two tensors that share memory",
    both: "one tensor as a parameter and as a buffer, got ssms.0.weight and ssms.0.oth",
    listed: "ssms.0.other: an attribute refers to ssms.0.weight",
    plain: "ssms.0.other: an attribute refers to ssms.0.weight",
}


@pytest.mark.parametrize("change", SHARED, ids=lambda f: f.__name__)
def test_sharing_that_a_stack_would_lose_is_refused(change):
    with pytest.raises(ValueError, match=SHARED[change]):
        Ensemble(models(changed(Layer, change), 2))


def test_real_and_imaginary_part_of_one_tensor_are_apart():
    def parts(module):
        module.z = torch.ones(3, 1, dtype=torch.complex64)
        module.re, module.im = nn.Parameter(module.z.real), nn.Parameter(module.z.imag)

    assert Ensemble(models(changed(Layer, parts), 2))(X[:1]).shape == (2, 4, 1)


class Grown(Assigned):
    def forward(self, u, valid=None):
        self.count = torch.cat([self.count, self.count], 1)
        return Layer.forward(self, u)


class Converted(Assigned):
    def forward(self, u, valid=None):
        self.count = self.count.double()
        return Layer.forward(self, u)


class Followed(Assigned):
    def forward(self, u, valid=None):
        self.count = self.count + self.weight
        return Layer.forward(self, u)


class Late(Layer):
    vmaps = False

    def prepare(self, d_model):
        self.register_buffer("table", None)

    def forward(self, u, valid=None):
        self.table = torch.ones(8)
        return super().forward(u)


FORWARD = {
    Grown: r"shape or dtype of a buffer in forward: ssms.0.count was .*\(3, 1\)",
    Converted: "shape or dtype of a buffer in forward: .* got torch.float64",
    Followed: "without gradient to a buffer, but ssms.0.count has one",
    Late: "buffers in __init__, but ssms.0.table appeared",
}


@pytest.mark.parametrize("layer", FORWARD, ids=lambda c: c.__name__)
def test_a_change_in_forward_that_a_stack_would_lose_is_refused(layer):
    with pytest.raises(ValueError, match=FORWARD[layer]):
        Ensemble(models(layer, 2))(X[:1])


class Module(Layer):
    def prepare(self, d_model):
        self.thinned = nn.Sequential(nn.Dropout(0.5))

    def forward(self, u, valid=None):
        return super().forward(self.thinned(u))


class Function(Layer):
    def forward(self, u, valid=None):
        return super().forward(nn.functional.dropout(u, 0.1, self.training))


class Noise(Layer):
    def forward(self, u, valid=None):
        return super().forward(u + self.training * torch.randn_like(u))


DRAWING = {
    Module: r"ssms.1.thinned.0 \(Dropout\) does. .*`dropout` in the grid of `fit`",
    Function: r"ssms.1 \(Function\) does",
    Noise: r"ssms.1 \(Noise\) does",
}


@pytest.mark.parametrize("layer", DRAWING, ids=lambda c: c.__name__)
def test_a_layer_that_draws_random_numbers_is_named(layer):
    kinds = iter((Layer, layer))
    made = Model(
        2, 1, layer=lambda *a, **k: next(kinds)(*a, **k), n_layers=2, **OPTIONS
    )
    with pytest.raises(ValueError, match=DRAWING[layer]):
        Ensemble([made])(X[:1])

"""A state dict of another map is refused, although names and shapes are the same."""

import copy
import io
import pickle
from functools import partial

import pytest
import torch
from torch.func import functional_call

from ssmlib.layers import DSS, LRU, S4, S4D, S5, LinOSS, S4DReal
from ssmlib.models import OTHER_LAYERS, Ensemble, Model
from tests.ssmlib.test_layers import Kernel


class Doubled(Kernel):
    """The same parameters, another kernel: it names none."""

    def kernel(self, L):
        return 2 * super().kernel(L)


class Other(Kernel):
    """The same parameter with a meaning of its own."""

    def initial_values(self, generator):
        return super().initial_values(generator)


PAIRS = {
    "real_transform": [partial(S4D, 3, 8, real_transform=t) for t in ("exp", "free")],
    "relu": [partial(S4D, 3, 8, real_transform=t) for t in ("relu", "softplus")],
    "discretization": [
        partial(S4D, 3, 8), partial(S4D, 3, 8, discretization="bilinear")],
    "discretization of S4": [
        partial(S4, 3, 8), partial(S4, 3, 8, discretization="bilinear")],
    "discretization of S5": [
        partial(S5, 3, 8), partial(S5, 3, 8, discretization="bilinear")],
    "discretization of LinOSS": [
        partial(LinOSS, 3, 8, damping=False),
        partial(LinOSS, 3, 8, damping=False, discretization="im")],
    "bidirectional": [
        partial(LRU, 3, 8), partial(LRU, 3, 8, bidirectional=True)],
    "real_transform of S4DReal": [
        partial(S4DReal, 3, 8), partial(S4DReal, 3, 8, real_transform="exp")],
    "length": [partial(DSS, 3, 8, length=64), partial(DSS, 3, 8, length=128)],
    "variant": [partial(DSS, 3, 8, length=64), partial(DSS, 3, 8, variant="exp")],
    "layer": [partial(Kernel, 3, 8), partial(Other, 3, 8)],
    "pooling": [partial(Model, 1, 2), partial(Model, 1, 2, pooling="mean")],
    "prenorm": [
        partial(Model, 1, 2, norm="layer", n_layers=2),
        partial(Model, 1, 2, norm="layer", n_layers=2, prenorm=True)],
    "linear": [partial(Model, 1, 2, linear=True), partial(Model, 1, 2)],
    "norm": [partial(Model, 1, 2, norm="batch"), partial(Model, 1, 2, norm="layer")],
    "mix": [partial(Model, 1, 2, mix="glu"), partial(Model, 1, 2)],
    "tokens": [partial(Model, 4, 2, tokens=True), partial(Model, 4, 2)],
    "a model's layer": [
        partial(Model, 1, 2, layer=partial(S4D, real_transform="exp"), n_layers=2),
        partial(Model, 1, 2, n_layers=2)],
}  # fmt: skip


def saved(module):
    """The state dict as a file gives it back."""
    file = io.BytesIO()
    torch.save(module.state_dict(), file)
    file.seek(0)
    return torch.load(file, weights_only=True)


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("name", PAIRS)
def test_a_state_dict_with_another_option_is_refused(name, turned, strict):
    first, second = reversed(PAIRS[name]) if turned else PAIRS[name]
    module, other = first(seed=1), second(seed=2)
    option = name.split()[0] if name != "a model's layer" else "real_transform"
    option = {"relu": "real_transform"}.get(option, option)
    before = copy.deepcopy(other.state_dict())
    for state in (module.state_dict(), saved(module)):
        with pytest.raises(RuntimeError, match=rf"{option}=.*not .*Make the module w"):
            other.load_state_dict(state, strict=strict)
    if not isinstance(other, Model):  # of a model, the other parts may be loaded
        for key, value in other.state_dict().items():
            assert torch.equal(value, before[key])


def same(one, other):
    state = other.state_dict()
    return one.state_dict().keys() == state.keys() and all(
        torch.equal(value, state[key]) for key, value in one.state_dict().items()
    )


MADE = {
    "S4D": partial(S4D, 3, 8),
    "frozen": partial(S4D, 3, 8, frozen=("A", "B")),
    "S4": partial(S4, 3, 8),
    "DSS": partial(DSS, 3, 8, length=64),
    "S4DReal": partial(S4DReal, 3, 8),
    "Doubled": partial(Doubled, 3, 8),
    "Model": partial(Model, 1, 2, n_layers=2, norm="batch", bias=True),
    **{name: partial(Model, 1, 2, layer=name) for name in OTHER_LAYERS},
}
COPIES = {
    "the state dict": lambda m: m.state_dict(),
    "a file": saved,
    "a copy of it": lambda m: copy.deepcopy(m.state_dict()),
    "a plain dict": lambda m: dict(m.state_dict()),
    "that of a copy": lambda m: copy.deepcopy(m).state_dict(),
    "that of a pickle": lambda m: pickle.loads(pickle.dumps(m)).state_dict(),
}


@pytest.mark.parametrize("kind", COPIES)
@pytest.mark.parametrize("name", MADE)
def test_a_state_dict_of_the_same_options_is_loaded(name, kind):
    module, other = MADE[name](seed=1), MADE[name](seed=2)
    assert not same(module, other)
    assert other.load_state_dict(COPIES[kind](module)).missing_keys == []
    assert same(module, other)


def test_the_names_are_those_of_the_parameters_alone():
    assert list(S4D(2, 4).state_dict()) == [
        *("D", "log_dt", "A_re", "A_im", "B_re", "B_im", "C_re", "C_im")
    ]
    prefixed = S4D(2, 4).state_dict(prefix="a.b.")
    assert all(key.startswith("a.b.") for key in prefixed)


def test_a_plain_dict_is_not_checked():
    """The way that the error names."""
    exp, free = S4D(3, 8, real_transform="exp"), S4D(3, 8)
    free.load_state_dict(dict(exp.state_dict()))
    assert same(free, exp)


def test_a_subclass_without_parameters_of_its_own_reads_those_of_its_base():
    base, sub = Kernel(3, 8, seed=1), Doubled(3, 8, seed=2)
    sub.load_state_dict(base.state_dict())
    base.load_state_dict(sub.state_dict())


def test_training_and_freezing_do_not_change_the_meaning():
    trained, frozen = S4D(3, 8, seed=1), S4D(3, 8, frozen=("A",))
    frozen.load_state_dict(trained.state_dict())
    u = torch.randn(2, 3, 9)
    assert torch.equal(frozen(u), trained(u))


def test_ensembles_are_checked_and_members_are_not_changed():
    def ensemble(transform, seed):
        layer = partial(S4D, real_transform=transform)
        return Ensemble([Model(1, 2, layer=layer, seed=s) for s in (seed, seed + 1)])

    with pytest.raises(RuntimeError, match=r"stacked\.ssms\.0.*real_transform='exp'"):
        ensemble("free", 0).load_state_dict(ensemble("exp", 2).state_dict())
    one, other = ensemble("exp", 0), ensemble("exp", 2)
    other.load_state_dict(saved(one))
    assert same(other.member(1), one.member(1))


def test_functional_call_reads_a_state_dict():
    layer, other, u = S4D(3, 8, seed=1), S4D(3, 8, seed=2), torch.randn(2, 3, 9)
    assert torch.equal(functional_call(other, layer.state_dict(), (u,)), layer(u))

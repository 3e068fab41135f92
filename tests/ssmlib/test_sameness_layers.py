"""Layers that hold themselves, hooks or odd objects, in ensembles and in fits."""

import functools
import re
import types
import weakref

import pytest
import torch

from ssmlib import _origins, _sameness
from ssmlib.layers import S4D
from ssmlib.models import Ensemble, Model
from ssmlib.training import fit
from tests.ssmlib.test_sameness_code import FIT, MADE, MODES
from tests.ssmlib.test_training_options import task


class Act(S4D):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.act = self.squash

    def squash(self, x):
        return x.tanh()


class Owner(S4D):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.__dict__["owner"] = self
        self.parts = [self.squash, {"self": self}]

    squash = Act.squash


class Partially(S4D):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.act = functools.partial(Act.squash, self)


def ring():
    made = types.SimpleNamespace()
    made.ring = [made]
    return made


class Ring(S4D):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.ring = ring()


@pytest.mark.parametrize("layer", [Act, Owner, Partially, Ring])
def test_a_layer_may_refer_to_itself(layer, tmp_path):
    models = [Model(1, 2, layer=layer, seed=k, **MADE) for k in range(2)]
    found = Ensemble(models)
    x = torch.randn(1, 3, 1, 8)
    for k, model in enumerate(models):
        assert torch.allclose(found(x)[k], model(x[0]), atol=1e-6)
    for path in (None, tmp_path / "fit.pt", tmp_path / "fit.pt"):
        assert len(fit(task(), [{}], layer=layer, checkpoint=path, **FIT).table) == 1


def test_hooks_of_the_same_kind_are_alike():
    models = [Model(1, 2, seed=k, **MADE) for k in range(2)]
    for model in models:
        model.ssms[0].register_forward_hook(lambda m, i, o: o * m.D.sum())
    assert Ensemble(models).size == 2


REFERRING = {
    "hook": lambda m: m.register_forward_hook(lambda mod, i, o: o * m.D.sum()),
    "closure": lambda m: setattr(m, "act", lambda x: x * m.D),
    "parameter": lambda m, **_: setattr(m, "act", (lambda D: lambda x: x * D)(m.D)),
    "default": lambda m: setattr(m, "act", lambda x, m=m: x * m.D),
    "partial in a closure": lambda m: setattr(
        m, "act", (lambda f: lambda: f())(functools.partial(len, m))
    ),
}


@pytest.mark.parametrize("change", REFERRING.values(), ids=REFERRING)
def test_a_function_around_its_own_layer_is_refused(change):
    """A copy's function would read the original's parameters, silently."""

    def layer(*args, **options):
        made = S4D(*args, **options)
        change(made)
        return made

    model = Model(1, 2, layer=layer, **MADE)
    with pytest.raises(ValueError, match=r"ssms\.0\..*refers to ssms\.0.*Make it a me"):
        Ensemble([model])
    with pytest.raises(ValueError, match=r"ssms\.0\..*refers to ssms\.0"):
        fit(task(), [{}], layer=layer, **FIT)


class Odd:
    def __getattr__(self, name):
        raise KeyError(name)


class Around(S4D):
    def kernel(self, L):
        return super().kernel(L) if STRANGE is not None else None


STRANGE = None
ODD = {
    "a __getattr__ that raises KeyError": Odd,
    "a reference": lambda: weakref.ref(S4D),
    "an object around itself": ring,
    "a generator": lambda: (k for k in range(2)),
}


@pytest.mark.parametrize("made", ODD.values(), ids=ODD)
def test_any_object_may_be_around_a_layer(made, monkeypatch, tmp_path):
    monkeypatch.setitem(globals(), "STRANGE", made())
    fit(task(), [{}], layer=Around, checkpoint=tmp_path / "fit.pt", **FIT)


UNCOPIED = {
    "ScriptFunction": lambda: torch.jit.trace(lambda x: 2 * x, torch.ones(1)),
    "module": lambda: re,
}


@pytest.mark.parametrize("kind", UNCOPIED)
def test_an_attribute_without_a_copy_is_named(kind):
    def layer(*args, **options):
        made = S4D(*args, **options)
        made.held = UNCOPIED[kind]()
        return made

    message = rf"ssms\.0\.held, of the class {kind}, cannot be \("
    with pytest.raises(ValueError, match=message):
        Ensemble([Model(1, 2, layer=layer, **MADE)])
    with pytest.raises(ValueError, match=message):
        fit(task(), [{}], layer=layer, **FIT)


def test_models_share_the_descriptions_of_unchanged_classes(monkeypatch):
    """Hundreds of models are compared in the time that a few take."""
    looked, changed = [], _origins.changed

    def count(base):
        looked.append(base)
        return changed(base)

    models = [Model(1, 2, seed=k, **MADE) for k in range(4)]
    alone = [_sameness.structure(model) for model in models]
    monkeypatch.setattr(_origins, "changed", count)
    classes = {}
    assert [_sameness.structure(m, classes=classes) for m in models] == alone
    once = len(looked)
    _sameness.structure(models[0])
    assert looked[:once] == looked[once:]
    # A changed class may refer to a part of one model.
    monkeypatch.setattr(S4D, "modes", lambda self: MODES(self))
    classes = {}
    _sameness.structure(models[0], classes=classes)
    assert S4D not in [value for value, _ in classes.values()]
    assert Model in [value for value, _ in classes.values()]

"""A user's classes, functions and modules are what they do, whatever their names."""

import dataclasses
import functools
import importlib
import sys
import types

import pytest
import torch

from ssmlib import _origins, _sameness
from ssmlib.layers import DSS, S4D
from ssmlib.models import Ensemble, Model
from ssmlib.training import fit
from tests.ssmlib.test_sameness import attribute, reader
from tests.ssmlib.test_training_options import task

MADE = {"d_model": 4, "d_state": 8}
FIT = MADE | {"batch_size": 24, "epochs": 1}


def executed(source, name):
    space = {"S4D": S4D, "torch": torch} | ({} if name is None else {"__name__": name})
    exec(source, space)
    return space["L"]


LAYER = """class L(S4D):
    def last_weights(self, L): return {k} * super().last_weights(L)"""
HELPER = """class H:
    def __call__(self, x): return {k} * x
h = H()
class L(S4D):
    def last_weights(self, L): return h(super().last_weights(L))"""
OTHERS = {
    "a function": "def L(x): return {k} * x",
    "a decorated function": "@torch.no_grad()\ndef L(x): return {k} * x",
    "a constant": "class L(S4D): k = {k}",
    "a base": "class L((torch.nn.ReLU, torch.nn.Tanh)[{k} - 1]): pass",
    "a metaclass": "class M(type):\n  def __call__(cls): return {k}\n"
    "class L(metaclass=M): pass",
}
SOURCES = {"a layer": LAYER, "an object": HELPER} | OTHERS
NAMES = (None, "builtins", "os", "json", "types", "torch", "torch.nn", "ssmlib.layers")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_code_with_the_name_of_a_library_s_module_is_a_user_s(source, name):
    made = [executed(source.format(k=k), name) for k in (1, 1, 2)]
    one, same, other = map(_sameness.text, made)
    assert one == same != other
    if source in (LAYER, HELPER):
        models = [Model(1, 2, layer=layer, **MADE) for layer in made]
        Ensemble(models[:2])
        with pytest.raises(ValueError, match=r"models 0 and 1 differ in .*ssms\.0"):
            Ensemble(models[1:])


def test_a_fit_does_not_go_on_with_code_by_exec_of_another_layer(tmp_path):
    def go(k):
        layer, path = executed(LAYER.format(k=k), None), tmp_path / "fit.pt"
        return fit(task(), [{}], layer=layer, checkpoint=path, **FIT)

    for k in (1, 1):
        go(k)
    with pytest.raises(ValueError, match=r"ssms\.0"):
        go(2)


def test_a_fit_does_not_go_on_with_a_changed_method(tmp_path, monkeypatch):
    options = FIT | {"checkpoint": tmp_path / "fit.pt"}
    fit(task(), [{}], **options)
    monkeypatch.setattr(S4D, "modes", lambda self: MODES(self))
    with pytest.raises(ValueError, match=r"ssms\.0"):
        fit(task(), [{}], **options)


HIDING = """class H:
    def __init__(self): self.k = {k}
    def __reduce__(self): return (int, ())
L = H()"""


def test_an_object_is_its_attributes_whatever_it_would_be_pickled_as():
    for name in (None, "torch"):
        made = (executed(HIDING.format(k=k), name) for k in (1, 1, 2))
        one, same, other = map(_sameness.text, made)
        assert one == same != other


def of_new_class(k):
    return types.new_class("L", (S4D,), exec_body=lambda space: space.update(k=k))


def of_dataclass(k):
    space = {"f": lambda self, x: k * x}
    return dataclasses.make_dataclass("L", ["x"], namespace=space)


def of_type(k):
    return type("L", (S4D,), {"f": lambda self: k, "__module__": "torch.nn"})


def registered(k):
    """A module of a user under the name of a library's."""
    return reader(attribute(types.ModuleType("torch.nn"), k))


@pytest.mark.parametrize("made", [of_new_class, of_dataclass, of_type, registered])
def test_a_class_that_a_library_s_function_made_is_a_user_s(made):
    one, same, other = (_sameness.text(made(k)) for k in (1, 1, 2))
    assert one == same != other


CHANGES = {
    "a method": lambda k: lambda self: (*MODES(self)[:2], k * MODES(self)[2]),
    "one by exec": lambda k: executed(f"def L(self): return {k}", "ssmlib.layers.s4d"),
    "a property": lambda k: property(lambda self: k),
    "a class method": lambda k: classmethod(lambda cls: k),
    "one that wraps the first": lambda k: functools.wraps(MODES)(lambda self: k),
    "another class's": lambda k: (S4D.modes, DSS.modes)[k - 1],
}
MODES = S4D.modes


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_changed_method_of_a_library_s_class_is_seen(change, monkeypatch):
    plain, texts = _sameness.text((S4D, S4D(4, 8))), []
    made = [change(k) for k in (1, 1, 2)]
    for own in made:
        monkeypatch.setattr(S4D, "modes", own)
        texts.append([_sameness.text(S4D)])
        texts[-1].append(_sameness.text(executed(LAYER.format(k=1), None)))
    assert texts[0] == texts[1]
    assert all(a != b for a, b in zip(texts[1], texts[2], strict=True))
    monkeypatch.undo()
    assert _sameness.text((S4D, S4D(4, 8))) == plain


def test_libraries_come_as_their_source_has_them():
    """No class of a library counts as changed, or its text would be long."""
    loaded = [m for n, m in sys.modules.items() if n.startswith(("torch.nn", "ssmlib"))]
    classes = {v for m in loaded for v in vars(m).values() if isinstance(v, type)}
    assert len(classes) > 300
    own = [c for c in classes if c.__module__.startswith("ssmlib")]
    assert all(map(_origins.library, own))
    assert not {c: found for c in classes if (found := _origins.changed(c))}


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A user's package whose file `cfg.py` holds k."""
    (tmp_path / "userpkg").mkdir()
    (tmp_path / "userpkg" / "__init__.py").write_text(
        "from userpkg import cfg\n", encoding="utf-8"
    )
    monkeypatch.syspath_prepend(tmp_path)

    def load(k):
        for name in [n for n in sys.modules if n.partition(".")[0] == "userpkg"]:
            monkeypatch.delitem(sys.modules, name)
        # Sizes differ, so that no cached bytecode of the earlier file is used.
        (tmp_path / "userpkg" / "cfg.py").write_text(
            f"k = {k}\n" + "# \n" * int(k), encoding="utf-8"
        )
        importlib.invalidate_caches()
        return importlib.import_module("userpkg")

    return load


LOOK_UPS = {
    "import userpkg": "import userpkg\ndef f(x): return x * userpkg.cfg.k",
    "import userpkg.cfg as c": "import userpkg.cfg as c\ndef f(x): return x * c.k",
    "in the function": "def f(x):\n    import userpkg.cfg as c\n    return x * c.k",
    "from": "def f(x):\n    from userpkg.cfg import k\n    return k * x",
    "by a computed name": "import userpkg\n"
    "def f(x): return x * getattr(userpkg.cfg, 'kk'[:1])",
}


@pytest.mark.parametrize("source", LOOK_UPS.values(), ids=LOOK_UPS)
def test_a_user_s_module_is_its_values_and_its_file(package, source):
    texts = []
    for k in (1, 1, 2):
        package(k)
        space = {"__name__": "userpkg.layers"}
        exec(source, space)
        texts.append(_sameness.text(space["f"]))
    assert texts[0] == texts[1] != texts[2]

"""What makes two things the same: differences that a name or a `repr` hides."""

import collections
import copy
import dataclasses
import functools
import importlib
import itertools
import re
import sys
import types
import weakref
from decimal import Decimal

import numpy as np
import pytest
import torch
from torch import nn

from ssmlib import _origins, _sameness
from ssmlib.layers import DSS, S4D
from ssmlib.models import Ensemble, Model
from ssmlib.training import fit
from tests.ssmlib.test_training_options import task

MADE = {"d_model": 4, "d_state": 8}
FIT = MADE | {"batch_size": 24, "epochs": 1}


def reader(value):
    """A layer whose kernel reads the value, from a closure."""

    class P(S4D):
        def last_weights(self, L):
            return value.k * super().last_weights(L)

    return P


def with_attribute(k):
    def function(x):
        return x

    function.k = k
    return function


class List(list):
    pass


class Dict(dict):
    pass


class Tuple(tuple):
    pass


class Set(set):
    pass


class Float(float):
    pass


class Text(str):
    pass


class Slots(list):
    __slots__ = ("k",)


class Private:
    __slots__ = ("__k",)

    def __init__(self, k):
        self.__k = k


@dataclasses.dataclass
class Data:
    x: int = 0


class Partial(functools.partial):
    pass


def attribute(made, k):
    made.k = k
    return made


def wrapped(k):
    @functools.wraps(np.sin)
    def function(x):
        return k * np.sin(x)

    return function


def scripted(k):
    return torch.jit.trace(lambda x: x * k, torch.ones(2))


def module(k):
    return attribute(types.ModuleType("written_by_a_user"), k)


def metaclass(k):
    class Meta(type):
        def __call__(cls):
            return k

    return Meta("Made", (), {"__module__": __name__})


def dispatched(k):
    @functools.singledispatch
    def function(x):
        return x

    function.register(int, lambda x: k * x)
    return function


DIFFERENT = {
    "a function's attribute": with_attribute,
    "a list's": lambda k: attribute(List([1]), k),
    "a dict's": lambda k: attribute(Dict(a=1), k),
    "a tuple's": lambda k: attribute(Tuple((1,)), k),
    "a set's": lambda k: attribute(Set([1]), k),
    "a float's": lambda k: attribute(Float(1), k),
    "a text's": lambda k: attribute(Text("a"), k),
    "a slot": lambda k: attribute(Slots([1]), k),
    "a private slot": Private,
    "a dataclass's, no field": lambda k: attribute(Data(), k),
    "a tensor's": lambda k: attribute(torch.ones(2), k),
    "an OrderedDict's order": lambda k: collections.OrderedDict(
        sorted({"a": 1, "b": 2}.items(), reverse=k == 2)
    ),
    "a dict's order": lambda k: {"a": 1, "b": 2} if k == 1 else {"b": 2, "a": 1},
    "a user's module in a closure": lambda k: reader(module(k)),
    "a module in a module": lambda k: reader(attribute(module(0), module(k))),
    "np.vectorize": lambda k: np.vectorize(lambda x: x * k),
    "np.frompyfunc": lambda k: np.frompyfunc(lambda x: x * k, 1, 1),
    "a traced function": scripted,
    "a decorated function": wrapped,
    "a function that a library returns": lambda k: torch.no_grad()(lambda x: x * k),
    "a cached function": lambda k: functools.cache(lambda x: x * k),
    "a function in a library's object": lambda k: types.SimpleNamespace(
        f=lambda x: x * k
    ),
    "a method of a built-in object": lambda k: [k].count,
    "an array of functions": lambda k: np.array([lambda x: x * k, None]),
    "a defaultdict's factory": lambda k: collections.defaultdict(lambda: k),
    "a masked array": lambda k: np.ma.masked_array([1, 2], [k == 1, k == 2]),
    "a conjugated tensor": lambda k: torch.tensor([1 + 1j * k]).conj(),
    "the call of a metaclass": metaclass,
    "a dispatched function": dispatched,
    "a count": itertools.count,
    "a memoryview": lambda k: memoryview(bytes([k])),
    "a sparse tensor": lambda k: torch.diag(torch.tensor([0.0, k])).to_sparse(),
    "a sign of zero": lambda k: 0.0 if k == 1 else -0.0,
    "a decimal's later digits": lambda k: Decimal(1) + Decimal(k) / 10**20,
    "a list of modules": lambda k: [nn.Linear(k, 2, device="meta")],
    "my own hooks": lambda k: attribute(nn.Identity(), {"a": k}),
    "a deque": lambda k: collections.deque([k]),
    "a generator's state": np.random.default_rng,
}


@pytest.mark.parametrize("made", DIFFERENT.values(), ids=DIFFERENT)
def test_a_difference_is_seen(made):
    """As the value itself, and through a closure of a layer's class."""
    for through in (lambda v: v, reader):
        one, same, other = (_sameness.text(through(made(k))) for k in (1, 1, 2))
        assert one == same
        assert one != other


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


def test_objects_of_a_library_s_classes_made_in_c_differ_by_their_state():
    kinds = torch.nn.attention.SDPBackend
    assert _sameness.text(kinds.MATH) != _sameness.text(kinds.FLASH_ATTENTION)


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


def test_results_of_earlier_calls_are_no_difference():
    f = np.vectorize(lambda x: 2 * x, otypes=[float])
    before = _sameness.text(f)
    f(np.ones(2))
    assert _sameness.text(copy.copy(f)) == before


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


def test_shared_parts_take_no_exponential_time():
    value = [1.0]
    for _ in range(60):
        value = types.SimpleNamespace(a=value, b=value)
    assert _sameness.text(value) == _sameness.text(copy.deepcopy(value))


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

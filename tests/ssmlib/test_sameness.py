"""What makes two things the same: differences that a name or a `repr` hides."""

import collections
import copy
import dataclasses
import functools
import itertools
import types
from decimal import Decimal

import numpy as np
import pytest
import torch
from torch import nn

from ssmlib import _sameness
from ssmlib.layers import S4D


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


def test_objects_of_a_library_s_classes_made_in_c_differ_by_their_state():
    kinds = torch.nn.attention.SDPBackend
    assert _sameness.text(kinds.MATH) != _sameness.text(kinds.FLASH_ATTENTION)


def test_results_of_earlier_calls_are_no_difference():
    f = np.vectorize(lambda x: 2 * x, otypes=[float])
    before = _sameness.text(f)
    f(np.ones(2))
    assert _sameness.text(copy.copy(f)) == before


def test_shared_parts_take_no_exponential_time():
    value = [1.0]
    for _ in range(60):
        value = types.SimpleNamespace(a=value, b=value)
    assert _sameness.text(value) == _sameness.text(copy.deepcopy(value))

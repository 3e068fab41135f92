"""The texts of numbers, arrays and collections, and the attributes of an object."""

from __future__ import annotations

import functools
import math
from collections import defaultdict
from collections.abc import Callable, Mapping
from numbers import Integral, Number
from types import (
    BuiltinFunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodDescriptorType,
    WrapperDescriptorType,
)
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ssmlib._origins import digest

BUILT_IN = (
    BuiltinFunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodDescriptorType,
    WrapperDescriptorType,
)
#: a module's dictionaries of hooks, whose keys are counted through the process
HOOKS = {name for name in vars(nn.Module()) if "_hooks" in name}

#: attributes of a class that say nothing about what its objects do
CLASS_NAMES = {"__module__", "__qualname__", "__doc__", "__dict__", "__weakref__"}
CLASS_NAMES |= {
    "__annotations__",
    "__firstlineno__",
    "__static_attributes__",
    "_abc_impl",
}
CLASS_NAMES |= {"__abstractmethods__", "__dataclass_fields__", "__dataclass_params__"}
#: set in `co_flags` by Python 3.13 for a function with a docstring
DOCSTRING_FLAG = 0x4000000
#: types whose text is made without a look inside
PLAIN = str | bytes | bool | None | torch.dtype | torch.device | type(...)


class Bound(ValueError):
    """For a function that refers to the model that holds it."""


def bound_function(path: str) -> Bound:
    """Make the error for a function that refers to the part of the model at a path."""
    return Bound(
        f"a function refers to {path}, a part of the model that holds the function. A "
        "copy of the model would go on using the original's part. Make it a method, or "
        "give it the module as an argument"
    )


def bound_tensor(path: str) -> Bound:
    """Make the error for an attribute that refers to the tensor at a path."""
    return Bound(
        f"an attribute refers to {path}, a parameter or buffer of the model. It would "
        "go on using this tensor where another one takes its place. Use the parameter "
        "or buffer itself"
    )


def not_comparable(value, error: Exception) -> ValueError:
    """Make the error for objects whose comparison raises one."""
    reason = str(error) or type(error).__name__
    return ValueError(
        f"two objects of the class {type(value).__name__} cannot be compared ({reason})"
    )


def own(value) -> dict[str, object]:
    """The attributes that an object itself has; no `__getattr__` is called."""
    found = {}
    for kind in type(value).__mro__:
        slots = vars(kind).get("__slots__", ())
        for slot in (slots,) if isinstance(slots, str) else slots:
            private = slot.startswith("__") and not slot.endswith("__")
            name = f"_{kind.__name__.lstrip('_')}{slot}" if private else slot
            try:
                found[name] = object.__getattribute__(value, name)
            except AttributeError:  # not assigned yet
                continue
    found.pop("__dict__", None)
    found.pop("__weakref__", None)
    try:
        attributes = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return found
    return {**found, **{n: v for n, v in attributes.items() if n not in _cached(value)}}


def _cached(value) -> set[str]:
    """The names of properties that are computed once, and may not be yet."""
    return {
        name
        for kind in type(value).__mro__
        for name, own in vars(kind).items()
        if isinstance(own, functools.cached_property)
    }


def factory(value: Mapping):
    """Return the function that makes the missing values of a defaultdict, or None."""
    return value.default_factory if isinstance(value, defaultdict) else None


def extra(value: Tensor | np.ndarray) -> bool:
    """Whether a plain tensor has attributes of its own."""
    return type(value) is Tensor and bool(vars(value))


def hook_places(part: nn.Module) -> dict:
    """The keys of a module's hooks, numbered in their order."""
    own = [value for name, value in vars(part).items() if name in HOOKS]
    keys = sorted({key for hooks in own for key in hooks}, key=int)
    return {key: k for k, key in enumerate(keys)}


def number(value) -> str:
    """Equal numbers alike, whether Python's or NumPy's."""
    if isinstance(value, Integral):
        return repr(int(value))
    if isinstance(value, float | np.floating):
        value = float(value)
        whole = value.is_integer() and abs(value) < 2**53
        negative_zero = value == 0 and math.copysign(1, value) < 0
        return repr(int(value) if whole and not negative_zero else value)
    if isinstance(value, complex | np.complexfloating):
        return repr(complex(value))
    return f"{type(value).__name__} {value!r}"


def array(value: Tensor | np.ndarray) -> str:
    """Describe an array or a tensor by its dtype, shape and values."""
    shape = f"{value.dtype} {tuple(value.shape)}"
    if isinstance(value, Tensor):
        if value.is_meta:
            return f"{shape} meta"
        if value.layout != torch.strided:
            shape, value = f"{shape} {value.layout}", value.to_dense()
        if value.requires_grad:
            shape += " with gradient"
        value = (
            value.detach()
            .cpu()
            .resolve_conj()
            .resolve_neg()
            .contiguous()
            .flatten()
            .view(torch.uint8)
            .numpy()
        )
    return f"{shape} {digest(np.ascontiguousarray(value).tobytes())}"


def plain(value, text: Callable[[object], str]) -> str | None:
    """Return the text of a number, text, array or collection; None for another thing.

    text: a function that returns the text of any value inside it.
    """
    if isinstance(value, Number) and not isinstance(value, bool | np.bool_):
        return number(value)
    if isinstance(value, np.bool_):
        return repr(bool(value))
    if isinstance(value, str | bytes):
        return repr(str(value) if isinstance(value, str) else bytes(value))
    if isinstance(value, PLAIN | range | slice):
        return repr(value)
    if isinstance(value, torch.Generator):
        return text(value.get_state())
    if isinstance(value, np.ndarray) and value.dtype.hasobject:
        return f"{value.dtype} {value.shape} {text(value.tolist())}"
    if isinstance(value, np.ma.MaskedArray):
        masked = array(np.ma.getmaskarray(value))
        return f"{array(value.data)} masked {masked}"
    if isinstance(value, Tensor | np.ndarray):
        found = vars(value) if extra(value) else {}
        return array(value) + keywords(found, text)
    if isinstance(value, Mapping):
        each = (f"{text(k)}: {text(v)}" for k, v in value.items())
        inner = "{" + ", ".join(each) + "}"
        default = factory(value)
        return inner + (text(default) if default else "")
    if isinstance(value, set | frozenset):
        return "{" + ", ".join(sorted(text(v) for v in value)) + "}"
    if isinstance(value, list | tuple):
        each = ", ".join(map(text, value))
        return f"[{each}]" if isinstance(value, list) else f"({each})"
    return None


def keywords(found: Mapping, text: Callable[[object], str]) -> str:
    """Return the text of attributes or keywords, whose order says nothing."""
    each = (f"{n}={text(found[n])}" for n in sorted(found, key=str))
    return "{" + ", ".join(each) + "}" if found else ""


def contents(cell):
    """Return what a cell of a closure holds, and ... where nothing was assigned."""
    try:
        return cell.cell_contents
    except ValueError:  # not assigned yet
        return ...


def registered(value: Tensor | None) -> str:
    """Describe a parameter or buffer without its values."""
    if value is None:
        return "None"
    kind = f"{value.dtype} {tuple(value.shape)}"
    if value.device.type != "cpu":
        kind += f" {value.device}"
    fixed = isinstance(value, nn.Parameter) and not value.requires_grad
    return f"{kind} without gradient" if fixed else kind


def script(function: Any) -> tuple[str, list[Tensor]]:
    """The graph of a scripted function, and the tensors in it."""
    graph = function.inlined_graph
    constants = [
        node.t("value")
        for node in graph.findAllNodes("prim::Constant")
        if node.hasAttribute("value") and node.kindOf("value") == "t"
    ]
    return graph.str(False), constants

"""What a thing is made of, as text: equal texts for equal things, whatever their names.

A `repr` does not decide whether two things are the same: it leaves options out and
shortens tensors, and every lambda has the same name. Here a function is its code, its
defaults, and the values it refers to; a class is its functions and values; an object is
its class and its attributes. A part of this package, or of
an installed library, is its name and version.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import pickle
import site
import sys
import sysconfig
from collections.abc import Iterable, Mapping
from enum import Enum
from numbers import Integral, Number, Real
from pathlib import Path
from types import CodeType, FunctionType, MethodType, ModuleType

import numpy as np
import torch
from torch import Tensor, nn

_FOLDERS = {Path(sysconfig.get_path(n)) for n in ("stdlib", "purelib", "platlib")}
_FOLDERS |= {Path(f) for f in (*site.getsitepackages(), site.getusersitepackages())}
_FOLDERS |= {Path(__file__).parent}
_LIBRARIES = {folder.resolve() for folder in _FOLDERS}
#: attributes of a class that say nothing about what its objects do
_NAMES = {"__module__", "__qualname__", "__doc__", "__dict__", "__weakref__"}
_NAMES |= {"__annotations__", "__firstlineno__", "__static_attributes__", "_abc_impl"}
_NAMES |= {"__abstractmethods__", "__dataclass_fields__", "__dataclass_params__"}
#: attributes of a module that `structure` describes in its own way
_REGISTERED = {"_parameters", "_buffers", "_modules", "_non_persistent_buffers_set"}
_DOCSTRING = 0x4000000  # the flag that Python 3.13 sets where there is one


def structure(
    module: nn.Module, but: Iterable[str] = (), *, strict: bool = True
) -> dict[str, str]:
    """Describe a module tree: each module's class, attributes, and tensors' shapes.

    Args:
        module: the tree. Values of its parameters and persistent buffers are left out,
            and whether a tensor is a parameter or a buffer.
        but: names of attributes to leave out wherever they are.
        strict: whether an attribute that cannot be compared is an error. If not, its
            class stands for it.

    Returns:
        Texts by path: "ssms.0", "ssms.0.skip" and so on.

    Raises:
        ValueError: for an attribute that cannot be compared, by its path.
    """
    describe, found, but = _Describe(), {}, {*but, *_REGISTERED}
    for path, part in module.named_modules(remove_duplicate=False):
        found[path or "model"] = describe(type(part))
        at = f"{path}." if path else ""
        for name, value in vars(part).items():
            private = name.startswith("_") and _library(type(part))
            hooks = name.endswith("_hooks") and isinstance(value, Mapping)
            if name in but or ((private or hooks) and not (hooks and value)):
                continue
            try:
                found[at + name] = describe(value)
            except ValueError as error:
                if strict:
                    raise ValueError(f"{at}{name}: {error}") from None
                found[at + name] = describe(type(value))
        passing = part._non_persistent_buffers_set
        for name, value in {**part._parameters, **part._buffers}.items():
            kind = "None" if value is None else f"{value.dtype} {tuple(value.shape)}"
            if value is not None and value.device.type != "cpu":
                kind += f" {value.device}"
            if isinstance(value, nn.Parameter) and not value.requires_grad:
                kind += " without gradient"
            found[at + name] = describe(value) if name in passing else kind
    return found


def text(value) -> str:
    """Describe a value; ValueError for one that cannot be compared."""
    return _Describe()(value)


def differences(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """The entries in which two descriptions differ, with short values: "skip (...)"."""
    found = []
    for name in dict.fromkeys([*one, *other]):
        a, b = one.get(name, "missing"), other.get(name, "missing")
        if a != b:
            short = max(len(a), len(b)) <= 60
            found.append(f"{name} ({a} and {b})" if short else name)
    return found


def _digest(content: str | bytes) -> str:
    content = content.encode() if isinstance(content, str) else content
    return hashlib.sha256(content).hexdigest()[:16]


def _library(thing) -> bool:
    """Whether a class or function is part of Python or of an installed library."""
    name = getattr(thing, "__module__", None) or "builtins"
    module = sys.modules.get(name)
    return module is not None and name != "__main__" and _library_module(module)


def _name(thing) -> str:
    """Where a part of a library is found, and the library's version."""
    module = getattr(thing, "__module__", None) or "builtins"
    root = sys.modules.get(module.partition(".")[0])
    name = getattr(thing, "__qualname__", getattr(thing, "__name__", type(thing)))
    return f"{module}.{name} {getattr(root, '__version__', '')}".strip()


class _Describe:
    """The text of a value; classes and functions are described once."""

    def __init__(self):
        self.known: dict[int, tuple[object, str]] = {}
        self.open: set[int] = set()

    def __call__(self, value) -> str:
        if id(value) in self.known:
            return self.known[id(value)][1]
        if id(value) in self.open:  # a class's own functions refer to it
            return f"<{type(value).__name__} around this>"
        self.open.add(id(value))
        try:
            found = self._text(value)
        finally:
            self.open.discard(id(value))
        if isinstance(value, type | FunctionType):
            self.known[id(value)] = (value, found)  # so that no other gets its id
        return found

    def _text(self, value) -> str:
        if isinstance(value, Enum):
            return f"{self(type(value))}.{value.name}"
        if isinstance(value, Number) and not isinstance(value, bool | np.bool_):
            return _number(value)
        if isinstance(value, np.bool_):
            return repr(bool(value))
        plain = str | bytes | bool | None | torch.dtype | torch.device | type(...)
        if isinstance(value, plain):
            return repr(value)
        if isinstance(value, torch.Generator):
            return self(value.get_state())
        if isinstance(value, Tensor | np.ndarray):
            return _array(value)
        if isinstance(value, Mapping):
            each = (f"{self(k)}: {self(v)}" for k, v in value.items())
            return self._within(value, dict, "{" + ", ".join(sorted(each)) + "}")
        if isinstance(value, set | frozenset):
            each = ", ".join(sorted(self(v) for v in value))
            return self._within(value, type(value), "{" + each + "}")
        if isinstance(value, list | tuple):
            kind, each = (list, "[%s]") if isinstance(value, list) else (tuple, "(%s)")
            return self._within(value, kind, each % ", ".join(map(self, value)))
        if isinstance(value, range | slice):
            return repr(value)
        return self._code_or_object(value)

    def _within(self, value, kind: type, inner: str) -> str:
        return inner if type(value) is kind else f"{self(type(value))}{inner}"

    def _code_or_object(self, value) -> str:
        if isinstance(value, nn.Module):
            parts = structure(value)
            states = {n: self(t) for n, t in value.state_dict().items()}
            return _digest(repr((parts, states)))
        if isinstance(value, functools.partial):
            return f"partial{self((value.func, value.args, value.keywords))}"
        if isinstance(value, MethodType):
            return f"method{self((value.__func__, value.__self__))}"
        if isinstance(value, staticmethod | classmethod):
            return f"{type(value).__name__}{self(value.__func__)}"
        if isinstance(value, property):
            return f"property{self((value.fget, value.fset))}"
        if isinstance(value, functools.cached_property):
            return f"property{self(value.func)}"
        if isinstance(value, ModuleType):
            return f"{value.__name__} {getattr(value, '__version__', '')}".strip()
        if isinstance(value, type):
            return self._class(value)
        if hasattr(value, "__wrapped__"):  # functools.cache
            return self(value.__wrapped__)
        if isinstance(value, FunctionType):
            return _name(value) if _library(value) else self._function(value)
        if callable(value) and hasattr(value, "__qualname__"):
            return _name(value)
        return self._object(value)

    def _class(self, value: type) -> str:
        name = f"{value.__module__}.{value.__qualname__}"
        own = [base for base in value.__mro__ if not _library(base)]
        if not own:
            return _name(value)
        others = [_name(base) for base in value.__mro__ if base not in own]
        parts = [
            {k: self._lenient(v) for k, v in vars(base).items() if k not in _NAMES}
            for base in own
        ]
        return f"{name} {_digest(repr((parts, others)))}"

    def _function(self, value: FunctionType) -> str:
        names = _names(value.__code__)
        outside = {}
        for name in sorted(names & value.__globals__.keys()):
            found = value.__globals__[name]
            outside[name] = self._lenient(found)
            if isinstance(found, ModuleType) and not _library_module(found):
                inner = names & vars(found).keys()
                outside |= {
                    f"{name}.{n}": self._lenient(vars(found)[n]) for n in sorted(inner)
                }
        cells = [_contents(cell) for cell in value.__closure__ or ()]
        parts = (
            self._code(value.__code__, value.__doc__),
            self(value.__defaults__),
            self(value.__kwdefaults__),
            [self(contents) for contents in cells],
            outside,
        )
        return f"function {_digest(repr(parts))}"

    def _code(self, code: CodeType, doc: str | None = None) -> str:
        """Without file names, line numbers and docstring."""
        constants = [
            self._code(c) if isinstance(c, CodeType) else self(c)
            for k, c in enumerate(code.co_consts)
            if k or doc is None or c != doc
        ]
        arguments = (code.co_argcount, code.co_kwonlyargcount, code.co_posonlyargcount)
        flags = code.co_flags & ~_DOCSTRING
        names = (code.co_names, code.co_varnames, code.co_freevars)
        return _digest(repr((code.co_code, constants, arguments, flags, names)))

    def _lenient(self, value) -> str:
        """For what a function refers to: many objects there are no part of its work."""
        try:
            return self(value)
        except ValueError:
            return _name(type(value))

    def _object(self, value) -> str:
        kind = self(type(value))
        if dataclasses.is_dataclass(value):
            names = [field.name for field in dataclasses.fields(value)]
            each = (f"{n}={self(getattr(value, n))}" for n in names)
            return f"{type(value).__name__}({', '.join(each)})"
        if not _library(type(value)):
            slots = [s for base in type(value).__mro__ for s in _slots(base)]
            own = {s: getattr(value, s) for s in slots if hasattr(value, s)}
            return f"{kind}{self({**own, **getattr(value, '__dict__', {})})}"
        try:
            return f"{kind} {_digest(pickle.dumps(value, 4))}"
        except Exception as error:
            raise ValueError(
                f"two objects of the class {type(value).__name__} cannot be compared "
                f"({error})"
            ) from None


def _number(value: Number) -> str:
    """Equal numbers alike, whether Python's or NumPy's."""
    if isinstance(value, Integral):
        return repr(int(value))
    if isinstance(value, Real):
        value = float(value)
        return repr(int(value) if value.is_integer() and abs(value) < 2**53 else value)
    return repr(complex(value))


def _array(value: Tensor | np.ndarray) -> str:
    shape = f"{value.dtype} {tuple(value.shape)}"
    if isinstance(value, Tensor):
        if value.is_meta:
            return f"{shape} meta"
        value = value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy()
    elif value.dtype.hasobject:
        return f"{shape} {_digest(repr(value.tolist()))}"
    return f"{shape} {_digest(np.ascontiguousarray(value).tobytes())}"


def _library_module(module: ModuleType) -> bool:
    file = getattr(module, "__file__", None)
    return not hasattr(module, "__path__") if file is None else _installed(file)


@functools.cache
def _installed(file: str) -> bool:
    return any(Path(file).resolve().is_relative_to(folder) for folder in _LIBRARIES)


def _names(code: CodeType) -> set[str]:
    inner = (_names(c) for c in code.co_consts if isinstance(c, CodeType))
    return set(code.co_names).union(*inner)


def _contents(cell):
    try:
        return cell.cell_contents
    except ValueError:  # not assigned yet
        return ...


def _slots(kind: type) -> tuple[str, ...]:
    slots = vars(kind).get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(slots)

"""The text of one value; `_sameness` says what it is for."""

from __future__ import annotations

import copyreg
import dataclasses
import functools
import gc
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from types import CodeType, FunctionType, MethodType, ModuleType
from weakref import WeakKeyDictionary, WeakValueDictionary

import numpy as np
import torch
from torch import Tensor, nn

from ssmlib import _origins, _values
from ssmlib._origins import digest, library
from ssmlib._values import Bound

#: attributes of a module that `structure` describes in its own way
REGISTERED = {"_parameters", "_buffers", "_modules", "_non_persistent_buffers_set"}
_CACHE = type(functools.cache(len))
_LONG = 500  # characters from which a digest stands for a text
Known = dict[int, tuple[object, str]]  # the texts of objects, by id


class Describe:
    """The text of a value; every object is described once.

    model: a tree whose modules are named by their paths where something in it refers
    to them. classes: unchanged classes of libraries, whose texts depend on no tree, so
    that descriptions of many trees share them.
    """

    def __init__(self, model: nn.Module | None = None, classes: Known | None = None):
        self.classes: Known = {} if classes is None else classes
        self.known: Known = dict(self.classes)
        self.open: set[int] = set()
        self.inside = 0  # functions that are open
        self.tree: dict[int, str] = {}
        if model is not None:
            self.tree = {id(m): path for path, m in model.named_modules()}
            self.tree |= {id(p): path for path, p in model.named_parameters()}
            self.tree |= {id(b): path for path, b in model.named_buffers()}

    def __call__(self, value) -> str:
        if type(value) in (str, bool, int, float, type(None)):
            return self._text(value)
        if id(value) in self.tree:
            return self._part(value)
        if id(value) in self.known:
            return self.known[id(value)][1]
        if id(value) in self.open:  # a class's own functions refer to it
            return f"<{type(value).__name__} around this>"
        self.open.add(id(value))
        try:
            found = self._text(value)
        except ValueError:
            raise
        except Exception as error:
            raise _values.not_comparable(value, error) from None
        finally:
            self.open.discard(id(value))
        if len(found) > _LONG:
            found = f"{type(value).__name__} {digest(found)}"
        self.known[id(value)] = (value, found)  # so that no other gets its id
        return found

    def _part(self, value: nn.Module | Tensor) -> str:
        path = self.tree[id(value)] or "model"
        if self.inside:
            raise _values.bound_function(path)
        if isinstance(value, Tensor):
            raise _values.bound_tensor(path)
        return f"<module {path}>"

    def structure(self, module: nn.Module, but: set, strict: bool) -> dict[str, str]:
        """The texts of `structure`."""
        found = {}
        for path, part in module.named_modules(remove_duplicate=False):
            found[path or "model"] = self(type(part))
            in_library = id(type(part)) in self.classes or library(type(part))
            at = f"{path}." if path else ""
            places = _values.hook_places(part)
            for name, value in vars(part).items():
                private = name.startswith("_") and in_library
                hooks = name in _values.HOOKS and value is not None
                if name in but or ((private or hooks) and not (hooks and value)):
                    continue
                if hooks:
                    value = {places[key]: hook for key, hook in value.items()}
                try:
                    found[at + name] = self(value)
                except Bound as error:
                    raise ValueError(f"{at}{name}: {error}") from None
                except ValueError as error:
                    if strict:
                        raise ValueError(f"{at}{name}: {error}") from None
                    found[at + name] = self(type(value))
            passing = part._non_persistent_buffers_set
            for name, value in {**part._parameters, **part._buffers}.items():
                describe = self._text if name in passing else _values.registered
                found[at + name] = describe(value)
        return found

    def _text(self, value) -> str:
        if isinstance(value, Enum):
            return f"{self(type(value))}.{value.name}"
        if isinstance(value, WeakKeyDictionary | WeakValueDictionary):  # a cache
            return type(value).__name__
        if isinstance(value, memoryview):
            value = value.tobytes()
        inner = _values.plain(value, self)
        if inner is None:
            return self._code_or_object(value)
        if library(type(value)) and not isinstance(value, Mapping | list | tuple | set):
            return inner
        if type(value) in (dict, list, tuple, set, frozenset):
            return inner
        own = _values.keywords(_values.own(value), self)
        return f"{self(type(value))}{inner}{own}"

    def _code_or_object(self, value) -> str:
        if isinstance(value, torch.jit.ScriptFunction):
            graph, constants = _values.script(value)
            return f"script {digest(graph)}{self(constants)}"
        if isinstance(value, nn.Module):
            parts = self.structure(value, REGISTERED, True)
            states = {n: self(t) for n, t in value.state_dict().items()}
            return digest(repr((parts, states)))
        if isinstance(value, functools.partial):
            called = self((value.func, value.args))
            return f"partial{called}{_values.keywords(value.keywords, self)}"
        if isinstance(value, MethodType):
            return f"method{self((value.__func__, value.__self__))}"
        if isinstance(value, staticmethod | classmethod):
            return f"{type(value).__name__}{self(value.__func__)}"
        if isinstance(value, property):
            return f"property{self((value.fget, value.fset, value.fdel))}"
        if isinstance(value, functools.cached_property):
            return f"property{self(value.func)}"
        if isinstance(value, ModuleType):
            return _origins.module(value)
        if isinstance(value, type):
            return self._class(value)
        if isinstance(value, _CACHE):
            return self(value.__wrapped__)
        if isinstance(value, FunctionType):
            return _origins.name(value) if library(value) else self._function(value)
        if isinstance(value, np.ufunc):  # one of `np.frompyfunc` holds its function
            called = [f for f in gc.get_referents(value) if callable(f)]
            return f"ufunc {value.__name__} {self(called)}"
        if isinstance(value, _values.BUILT_IN):
            owner = getattr(value, "__self__", None)
            bound = not isinstance(owner, ModuleType | type | None)
            return _origins.name(value) + (self(owner) if bound else "")
        return self._object(value)

    def _class(self, value: type) -> str:
        own = [base for base in value.__mro__ if not library(base)]
        if not own:
            called, changed = _origins.name(value), self._changed(value.__mro__)
            if not changed and len(called) <= _LONG:
                self.classes[id(value)] = (value, called)
            return called + changed
        outside = [base for base in value.__mro__ if base not in own]
        others = [_origins.name(base) for base in outside]
        others.append(self._changed(outside))
        others.append(self(type(value)))  # its metaclass
        parts = [
            {
                k: self._lenient(v)
                for k, v in vars(base).items()
                if k not in _values.CLASS_NAMES
            }
            for base in own
        ]
        called = f"{value.__module__}.{value.__qualname__}"
        return f"{called} {digest(repr((parts, others)))}"

    def _changed(self, bases: Sequence[type]) -> str:
        """What was assigned to classes of libraries after they were made."""
        found = {base: _origins.changed(base) for base in bases}
        parts = {
            _origins.name(base): {n: self._lenient(v) for n, v in sorted(own.items())}
            for base, own in found.items()
            if own
        }
        return f" changed {digest(repr(parts))}" if parts else ""

    def _function(self, value: FunctionType) -> str:
        code = value.__code__
        around = {n: value.__globals__.get(n, ...) for n in _origins.global_names(code)}
        around |= _origins.imported(value)
        cells = zip(
            code.co_freevars,
            map(_values.contents, value.__closure__ or ()),
            strict=True,
        )
        cells = {f"({name})": contents for name, contents in cells}
        attributes = _origins.attributes(code)
        own = {n: v for n, v in vars(value).items() if n != "__wrapped__"}
        compiled = own.pop("_torchdynamo_orig_callable", None)
        if compiled is not None:
            return f"compiled {self(compiled)}"
        self.inside += 1
        try:
            outside = _origins.referred(attributes, {**around, **cells})
            parts = (
                self._code(code, without_docstring=True),
                self(value.__defaults__),
                self(value.__kwdefaults__),
                _values.keywords(own, self),
                {
                    name: self(found) if name in cells else self._lenient(found)
                    for name, found in outside.items()
                },
            )
        finally:
            self.inside -= 1
        return f"function {digest(repr(parts))}"

    def _code(self, code: CodeType, *, without_docstring: bool = False) -> str:
        """Without file names and line numbers; a docstring is the first constant."""
        constants = [
            self._code(c) if isinstance(c, CodeType) else self(c)
            for k, c in enumerate(code.co_consts)
            if k or not (without_docstring and isinstance(c, str))
        ]
        arguments = (code.co_argcount, code.co_kwonlyargcount, code.co_posonlyargcount)
        flags = code.co_flags & ~_values.DOCSTRING_FLAG
        names = (code.co_names, code.co_varnames, code.co_freevars)
        return digest(repr((code.co_code, constants, arguments, flags, names)))

    def _lenient(self, value) -> str:
        """For what a function refers to: many objects there are no part of its work."""
        try:
            return self(value)
        except Bound:
            raise
        except ValueError:
            return self(type(value))

    def _object(self, value) -> str:
        kind, own = self(type(value)), _values.own(value)
        if isinstance(value, np.vectorize):  # without the results of earlier calls
            own = {n: v for n, v in own.items() if not n.startswith("_")}
        elif library(type(value)) and not dataclasses.is_dataclass(value):
            return f"{kind} {digest(self._reduced(value))}"
        elif _origins.claimed(type(value)):  # made in C, perhaps: no attributes
            try:
                kind += f" {digest(self._reduced(value))}"
            except Bound:
                raise
            except ValueError:
                pass
        return f"{kind}{_values.keywords(own, self)}"

    def _reduced(self, value) -> str:
        """The parts of which `copy` and `pickle` would make a library's object."""
        try:
            reduce = copyreg.dispatch_table.get(type(value))
            parts = reduce(value) if reduce else value.__reduce_ex__(4)
            if isinstance(parts, str):
                return _origins.name(value)
            return repr(
                [self(list(p) if isinstance(p, Iterator) else p) for p in parts]
            )
        except Bound:
            raise
        except Exception as error:
            named = isinstance(getattr(value, "__qualname__", None), str)
            if callable(value) and named:
                return _origins.name(value)
            raise _values.not_comparable(value, error) from None

"""Where code comes from: Python, an installed library, or the user."""

from __future__ import annotations

import dis
import functools
import hashlib
import site
import sys
import sysconfig
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

_FOLDERS = {Path(sysconfig.get_path(n)) for n in ("stdlib", "purelib", "platlib")}
_FOLDERS |= {Path(f) for f in (*site.getsitepackages(), site.getusersitepackages())}
_FOLDERS |= {Path(__file__).parent}
_LIBRARIES = {folder.resolve() for folder in _FOLDERS}
_OWN = str(Path(__file__).parent)
_CACHE = type(functools.cache(len))
# flags of classes: not a static one of C; without attributes that can be assigned
_HEAP, _IMMUTABLE = 1 << 9, 1 << 8


def digest(content: str | bytes) -> str:
    """The first digits of a SHA-256."""
    content = content.encode() if isinstance(content, str) else content
    return hashlib.sha256(content).hexdigest()[:16]


def library(thing: type | FunctionType) -> bool:
    """Whether a class or function is part of Python or of an installed library.

    Its own word is not enough: code that is run by `exec` or made on demand gives any
    module as its own. The module must hold it, and its code must come from a file of
    a library.
    """
    if isinstance(thing, FunctionType):
        return _found(thing) and all(map(_from_file, _functions(thing)))
    if not thing.__flags__ & _HEAP or thing.__flags__ & _IMMUTABLE:
        return True  # made in C
    if not _found(thing):
        return False
    own = [f for value in vars(thing).values() for f in _functions(value)]
    return not own or any(map(_from_file, own))


def changed(base: type) -> dict[str, object]:
    """Return the attributes of a library's class that its source does not have."""
    module = sys.modules.get(_owner(base))
    source = None if module is None else vars(module).get("__file__")
    found = {}
    for name, value in vars(base).items():
        own = _functions(value)
        if not all(_from_file(f) or _generated(f, name, base) for f in own):
            found[name] = value
        elif own and source and _from_file(own[-1]):
            file = own[-1].__code__.co_filename
            if file != source and file.startswith(_OWN):
                found[name] = value
    return found


def claimed(thing: type | FunctionType) -> bool:
    """Whether a class or function says that it is from a library."""
    module = sys.modules.get(_owner(thing))
    if module is None or _owner(thing) == "__main__":
        return False
    return library_module(module)


def _found(thing: type | FunctionType) -> bool:
    """Whether the module of a library holds a class or function under its name."""
    if not claimed(thing):
        return False
    *outer, last = thing.__qualname__.split(".")
    at = sys.modules[_owner(thing)]
    for part in outer:
        at = getattr(at, part, None)
        if not isinstance(at, type):
            return False
    held = vars(at).get(last) if isinstance(at, type) else getattr(at, last, None)
    return held is thing or any(f is thing for f in _functions(held))


def _functions(value: object) -> list[FunctionType]:
    """The functions that an attribute of a class is made of, those wrapped last."""
    if isinstance(value, property):
        return [
            f for own in (value.fget, value.fset, value.fdel) for f in _functions(own)
        ]
    if isinstance(value, functools.cached_property):
        return _functions(value.func)
    found = [value] if isinstance(value, FunctionType) else []
    inner = getattr(value, "__wrapped__", None) if _wraps(value) else None
    return found if inner is None else found + _functions(inner)


def _wraps(value: object) -> bool:
    return isinstance(value, FunctionType | staticmethod | classmethod | _CACHE)


def _from_file(function: FunctionType) -> bool:
    """Whether the code of a function is in a file of a library."""
    file = function.__code__.co_filename
    return file.startswith("<frozen ") or _installed(file)


def _generated(function: FunctionType, name: str, base: type) -> bool:
    """Whether `dataclass` or `namedtuple` wrote a method of a class."""
    written = function.__code__.co_filename.startswith("<")
    fields = "__dataclass_fields__" in vars(base) or issubclass(base, tuple)
    return written and fields and name.startswith("__") and name.endswith("__")


def _owner(thing) -> str:
    name = getattr(thing, "__module__", None)
    return name if isinstance(name, str) else "builtins"


def name(thing) -> str:
    """Where a part of a library is found, and the library's version."""
    module = _owner(thing)
    root = sys.modules.get(module.partition(".")[0])
    called = getattr(thing, "__qualname__", getattr(thing, "__name__", type(thing)))
    return f"{module}.{called} {_version(root)}".strip()


def _version(module: ModuleType | None) -> str:
    return "" if module is None else str(vars(module).get("__version__", ""))


def library_module(module: ModuleType) -> bool:
    """Whether a module is part of Python or of an installed library."""
    file = vars(module).get("__file__")
    root = module.__name__.partition(".")[0]
    if isinstance(file, str) and Path(file).is_absolute():
        return _installed(file)
    loaded = sys.modules.get(module.__name__) is module
    if type(module) is ModuleType and not loaded:  # a user's, of any name
        return False
    if root in sys.stdlib_module_names:
        return True
    parent = sys.modules.get(root)
    file = None if parent is None else vars(parent).get("__file__")
    return root != "__main__" and isinstance(file, str) and _installed(file)


def module(value: ModuleType) -> str:
    """A module's name and version, and the content of the file of a user's own."""
    found = f"{value.__name__} {_version(value)}".strip()
    file = vars(value).get("__file__")
    if library_module(value) or not isinstance(file, str):
        return found
    try:
        return f"{found} {digest(Path(file).read_bytes())}"
    except OSError:  # a notebook, or a file that was removed
        return found


@functools.cache
def _installed(file: str) -> bool:
    return any(Path(file).resolve().is_relative_to(folder) for folder in _LIBRARIES)


def attributes(code: CodeType) -> set[str]:
    """All names that a code looks up, those of attributes included."""
    inner = (attributes(c) for c in code.co_consts if isinstance(c, CodeType))
    return set(code.co_names).union(*inner)


def global_names(code: CodeType) -> set[str]:
    """The names that a code looks up in its module, functions within included."""
    found = {
        step.argval
        for step in dis.get_instructions(code)
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME")
    }
    inner = (global_names(c) for c in code.co_consts if isinstance(c, CodeType))
    return found.union(*inner)


def imported(function: FunctionType) -> dict[str, ModuleType]:
    """The loaded modules that a function, or one within it, imports when called."""
    package = function.__globals__.get("__package__") or ""
    codes, found = [function.__code__], {}
    for code in codes:
        codes += [c for c in code.co_consts if isinstance(c, CodeType)]
        for step in dis.get_instructions(code):
            if step.opname == "IMPORT_NAME":
                for path in (step.argval, f"{package}.{step.argval}".strip(".")):
                    if isinstance(sys.modules.get(path), ModuleType):
                        found[f"import {path}"] = sys.modules[path]
    return found


def referred(names: set[str], outside: dict[str, object]) -> dict[str, object]:
    """Add to the things around a function the values of the user's modules there."""
    found, waiting, seen = dict(outside), list(outside.items()), set()
    while waiting:
        path, value = waiting.pop()
        if not isinstance(value, ModuleType) or library_module(value):
            continue
        if id(value) in seen:
            continue
        seen.add(id(value))
        inner = {f"{path}.{n}": vars(value)[n] for n in names & vars(value).keys()}
        found |= inner
        waiting += sorted(inner.items())
    return dict(sorted(found.items()))

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


def digest(content: str | bytes) -> str:
    """The first digits of a SHA-256."""
    content = content.encode() if isinstance(content, str) else content
    return hashlib.sha256(content).hexdigest()[:16]


def library(thing) -> bool:
    """Whether a class or function is part of Python or of an installed library."""
    name = _owner(thing)
    if isinstance(thing, FunctionType):
        # A decorator gives its function the name and module of another one, and a
        # function that a library makes on demand has no name of its own.
        inside = str(thing.__globals__.get("__name__"))
        if "<locals>" in thing.__qualname__ or not _library_name(inside):
            return False
    return _library_name(name)


def _library_name(name: str) -> bool:
    module = sys.modules.get(name)
    return module is not None and name != "__main__" and library_module(module)


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

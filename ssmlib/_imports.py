"""Submodules loaded at first use, and packages that only an extra installs."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType


def submodules(package: str) -> list[str]:
    """Return the public submodules of a package, as its folder lists them."""
    found = pkgutil.iter_modules(sys.modules[package].__path__)
    return sorted(info.name for info in found if not info.name.startswith("_"))


def submodule(package: str, name: str) -> ModuleType:
    """Load a submodule of a package, for the package's `__getattr__`.

    Raises:
        AttributeError: if the package has no such submodule.
    """
    full = f"{package}.{name}"
    if not name.isidentifier() or name.startswith("__") or find_spec(full) is None:
        raise AttributeError(f"module {package!r} has no attribute {name!r}")
    return importlib.import_module(full)


def make_callable(name: str, function: Callable) -> None:
    """Let a loaded module be called: the call is that of one of its functions.

    A submodule becomes an attribute of its package when it is loaded, in place of any
    function of that name there. A module that can be called serves as both.
    """
    own = {"__call__": staticmethod(function)}
    module = sys.modules[name]
    module.__class__ = type("CallableModule", (ModuleType,), own)
    setattr(module, "__signature__", inspect.signature(function))  # noqa: B010


class _Missing(ModuleType):
    """Stand in for a package that is not installed: its use raises."""

    def __init__(self, name: str, reason: str):
        super().__init__(name)
        self._reason = reason

    def __getattr__(self, name: str):
        if name.startswith("__"):  # help() and inspect look at these
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        raise ModuleNotFoundError(self._reason, name=self.__name__)


def optional(name: str, extra: str) -> ModuleType:
    """Import a module of a package that only an extra of ssmlib installs.

    Without that package the importing module still loads, so that `help(ssmlib)` and
    `hasattr` work in an install without extras. The first use of the package then
    raises ModuleNotFoundError with the command that installs it.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        package = name.partition(".")[0]
        if error.name not in (package, name):
            raise
        return _Missing(name, missing(package, extra))


def missing(package: str, extra: str) -> str:
    """Say that a package is missing and how to install it.

    No package index has ssmlib, so the command names the clone that this module is in,
    or the current folder if it was installed from one.
    """
    clone = Path(__file__).resolve().parents[1]
    if (clone / "pyproject.toml").is_file():
        how = f'pip install -e "{clone}[{extra}]"'
    else:
        how = f'in a clone of the repository, pip install ".[{extra}]"'
    return f"{package} is not installed; install it by: {how}"

"""The papers' quantities, exact. Eigenvalues are plain vectors, not stored modes."""

from __future__ import annotations

from types import ModuleType

from ssmlib import _imports

__all__ = _imports.submodules(__name__)


def __getattr__(name: str) -> ModuleType:
    return _imports.submodule(__name__, name)


def __dir__() -> list[str]:
    return sorted(__all__)

"""How state space models begin: initialization of SSMs, exact and fast.

Submodules are loaded when they are first used, so that `import ssmlib` alone does
not load PyTorch.
"""

from __future__ import annotations

from types import ModuleType

from ssmlib import _imports

__version__ = "0.2.0"

__all__ = [*_imports.submodules(__name__), "__version__"]


def __getattr__(name: str) -> ModuleType:
    return _imports.submodule(__name__, name)


def __dir__() -> list[str]:
    return sorted(__all__)

"""How state space models begin: initialization of SSMs, exact and fast.

Submodules are loaded when they are first used, so that `import ssmlib` alone does
not load PyTorch.
"""

from __future__ import annotations

import importlib

__version__ = "0.2.0"

_MODULES = (
    "autocorrelation",
    "discretization",
    "figures",
    "hippo",
    "initialization",
    "inputs",
    "kernels",
    "layers",
    "models",
    "published",
    "recommend",
    "statistics",
    "tasks",
    "theory",
    "training",
    "uncertainty",
)
__all__ = [*_MODULES, "__version__"]


def __getattr__(name: str):
    if name in _MODULES:
        return importlib.import_module(f"ssmlib.{name}")
    raise AttributeError(f"module 'ssmlib' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)

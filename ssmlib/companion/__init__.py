"""The book's machinery: records, claims, builds. It knows nothing of SSMs."""

from __future__ import annotations

import importlib

_NAMES = {
    "record": "records",
    "records": "records",
    "start": "session",
}
__all__ = sorted(_NAMES)


def __getattr__(name: str):
    if name in _NAMES:
        return getattr(importlib.import_module(f"{__name__}.{_NAMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__

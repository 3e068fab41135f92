"""The book's machinery: records, claims, builds. It knows nothing of SSMs."""

from __future__ import annotations

# The function, not the module of its name: notebooks write companion.records(path).
from ssmlib.companion.records import record, records

__all__ = ["record", "records", "start"]


def __getattr__(name: str):
    if name == "start":
        from ssmlib.companion.session import start

        return start
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

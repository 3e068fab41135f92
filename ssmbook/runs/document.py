"""The document of a run: what made it, and what came of it. Stored as run.json."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from ssmbook.notebook.glue import Record
from ssmbook.notebook.parameters import Value

_REQUIRED = ("notebook", "key", "state", "status", "started", "seconds", "parameters",
             "records", "files")  # fmt: skip


@dataclass(frozen=True)
class Run:
    """One run of a notebook.

    key: of everything that decides the outputs; state: of all of it but the
    parameters, 16 digits. status: "complete" or "failed". records: key -> value and
    tolerance. modules: the sha256 of the code that the notebook imports. files: name
    -> sha256. error, traceback: of a run that failed. reused: answered from the
    store; not stored.
    """

    notebook: str
    key: str
    state: str
    parameters: dict[str, Value]
    status: str = "failed"
    started: str = ""
    seconds: float = 0.0
    threads: int = 1
    version: str = ""
    modules: str = ""
    git: dict[str, Any] = field(default_factory=lambda: {"commit": None, "clean": None})
    machine: dict[str, Any] = field(default_factory=dict)
    packages: dict[str, str] = field(default_factory=dict)
    records: dict[str, dict] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    error: str | None = None
    traceback: str | None = None
    reused: bool = False

    @property
    def failed(self) -> bool:
        return self.status == "failed"

    @property
    def folder(self) -> str:
        """Its folder in a store."""
        return f"{self.notebook}/{self.key[:16]}"

    def as_dict(self) -> dict:
        """All of it, in JSON's types."""
        return asdict(self)

    def to_json(self) -> bytes:
        """What is stored."""
        stored = {k: v for k, v in asdict(self).items() if k != "reused"}
        return (json.dumps(stored, indent=1) + "\n").encode()

    @classmethod
    def from_json(cls, content: bytes | None) -> Run | None:
        """The run that was stored; None for anything else."""
        try:
            parts = json.loads(content or b"null")
        except ValueError:
            return None
        if not isinstance(parts, dict) or not set(_REQUIRED) <= set(parts):
            return None
        known = {f.name for f in fields(cls)}
        return cls(**parts) if set(parts) <= known else None


def as_records(records: dict[str, Record]) -> dict[str, dict]:
    """Records as a document holds them."""
    return {k: {"value": r.value} | r.tolerance for k, r in records.items()}

"""The document of a run: what made it, and what came of it. Stored as run.json.

It ends with the SHA-256 of all its other fields, without which it is refused. The
checksum detects damage and careless edits. It detects no forger, who can compute it
again: of such a document only the records, the parameters and the files are compared
with the executed notebook, and no other field with anything.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeGuard

from ssmbook.notebook.files import check_name, sealed, shown, unsealed
from ssmbook.notebook.parameters import Value
from ssmbook.notebook.recorded import Record, as_record

_REQUIRED = ("notebook", "key", "state", "status", "started", "seconds", "parameters",
             "records", "files")  # fmt: skip


Form = Callable[[object], bool]


def _text(value: object) -> TypeGuard[str]:
    """Text that UTF-8 has: half of a surrogate pair could not be shown or stored."""
    return isinstance(value, str) and not re.search("[\ud800-\udfff]", value)


def _number(value: object) -> bool:
    if type(value) is int:
        return abs(value) < 2**63
    return type(value) is float and math.isfinite(value)


def _value(value: object) -> bool:
    return isinstance(value, (bool, str)) or _number(value)


def _digits(count: int) -> Form:
    """Hexadecimal text of so many digits."""
    pattern = re.compile(f"[0-9a-f]{{{count}}}")
    return lambda value: _text(value) and pattern.fullmatch(value) is not None


def _mapping(form: Form) -> Form:
    return lambda value: isinstance(value, dict) and all(map(form, value.values()))


def _optional(form: Form) -> Form:
    return lambda value: value is None or form(value)


def _git(value: object) -> bool:
    return (
        isinstance(value, dict)
        and {"commit", "clean"} <= set(value) <= {"commit", "clean", "reason"}
        and _optional(_text)(value["commit"])
        and _optional(_text)(value.get("reason"))
        and isinstance(value["clean"], (bool, type(None)))
    )


def _machine(value: object) -> bool:
    """Texts and numbers by name, and the variables that a kernel saw."""
    if not isinstance(value, dict):
        return False
    seen = value.get("environment", {})
    return _mapping(_optional(_value))(
        {name: part for name, part in value.items() if name != "environment"}
    ) and (
        isinstance(seen, dict)
        and set(seen) <= {"passed", "ignored"}
        and _mapping(_text)(seen.get("passed", {}))
        and isinstance(seen.get("ignored", []), list)
        and all(map(_text, seen.get("ignored", [])))
    )


#: what each field must be; a record is checked by `as_record`
_FORMS: dict[str, Form] = {
    "notebook": _text,
    "key": _digits(64),
    "state": _digits(16),
    "parameters": _mapping(_value),
    "status": lambda value: value in ("complete", "failed"),
    "started": _text,
    "seconds": _number,
    "threads": lambda value: type(value) is int and value > 0,
    "version": _text,
    "modules": _text,
    "git": _git,
    "machine": _machine,
    "packages": _mapping(_optional(_text)),
    "loaded": _mapping(_text),
    "records": _mapping(lambda value: isinstance(value, dict)),
    "files": _mapping(_digits(64)),
    "error": _optional(_text),
    "traceback": _optional(_text),
}


@dataclass(frozen=True)
class Run:
    """One run of a notebook.

    key: of everything that decides the outputs; state: of all of it but the
    parameters, 16 digits. status: "complete" or "failed". records: key -> value and
    tolerance. modules: the sha256 of the code that the notebook imports. packages: all
    that are installed. loaded: those that the run has loaded, by the names of their
    modules. files: name -> sha256. error, traceback: of a run that failed. reused:
    answered from the store; not stored.
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
    loaded: dict[str, str] = field(default_factory=dict)
    records: dict[str, dict] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    error: str | None = None
    traceback: str | None = None
    reused: bool = False

    @property
    def failed(self) -> bool:
        """Return whether the run failed."""
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
        return sealed({k: v for k, v in asdict(self).items() if k != "reused"})

    @classmethod
    def from_json(cls, content: bytes, where: str | Path) -> Run:
        """The run that was stored; `where` is for messages.

        Raises WithoutChecksum for a document of a version before the checksum,
        ValueError for one that is damaged or of another form.
        """
        parts = unsealed(content, where)
        known = {f.name for f in fields(cls)} - {"reused"}
        missing, unknown = {*_REQUIRED} - {*parts}, {*parts} - known
        if missing or unknown:
            raise ValueError(
                f"{where} is of another version: fields missing {sorted(missing)}, "
                f"unknown {sorted(unknown)}"
            )
        for name, value in parts.items():
            if not _FORMS[name](value):
                raise ValueError(f"{where}: bad field {name}: {shown(value)}")
        try:
            for file in (parts["notebook"], *parts["files"]):
                check_name(file, "a file")
            for key, record in parts["records"].items():
                as_record(key, record)
        except (ValueError, TypeError) as error:
            raise ValueError(f"{where}: {error}") from error
        return cls(**parts)


def as_records(records: dict[str, Record]) -> dict[str, dict]:
    """Records as a document holds them."""
    return {k: {"value": r.value} | r.tolerance for k, r in records.items()}

"""Whether this is the Python and these are the packages that the lock names."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata, version
from pathlib import Path

from packaging.specifiers import SpecifierSet

from ssmbook.publish.locks import installed

PIP = f"{sys.executable} -m pip install"
ANEW = "rm -rf .venv, then make book"


@dataclass(frozen=True)
class Finding:
    """One thing looked at; `fix` says what to do where it is not well."""

    what: str
    status: str
    fix: str | None = None


def python() -> Finding:
    """Whether this Python is one that the project supports."""
    running = ".".join(map(str, sys.version_info[:3]))
    wanted = metadata("ssmlib")["Requires-Python"]
    fine = running in SpecifierSet(wanted)
    return Finding("Python", running, None if fine else f"take {wanted}: {ANEW}")


def packages(root: Path) -> list[Finding]:
    """Every package of the locks that is missing or has another version."""
    pins = installed(root)
    wrong = []
    for name, pinned in pins.items():
        try:
            found = version(name).split("+")[0]
        except PackageNotFoundError:
            found = "missing"
        if found != pinned:
            fix = f"{PIP} {name}=={pinned}"
            wrong.append(Finding(name, f"{found}, the lock says {pinned}", fix))
    return wrong or [Finding("packages", f"{len(pins)}, as the lock says")]

"""Is this machine able to run the book? Each miss comes with what mends it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

MEMORY = 4  # GiB; the largest notebook takes 2
DISK = 3  # GiB, where the book is built
PIP = f"{sys.executable} -m pip install"
ANEW = "rm -rf .venv, then make book"


@dataclass(frozen=True)
class Finding:
    """One thing looked at; `fix` says what to do where it is not well."""

    what: str
    found: str
    fix: str | None = None


def python() -> Finding:
    found = ".".join(map(str, sys.version_info[:3]))
    fine = sys.version_info[:2] == (3, 11)
    return Finding("Python", found, None if fine else f"take 3.11: {ANEW}")


def packages(lock: Path) -> list[Finding]:
    """Every package of the lock that is missing or has another version."""
    pins = dict(line.split("==") for line in lock.read_text().split())
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


def device() -> Finding:
    """Whether PyTorch has a GPU; without one, everything still runs, on the CPU."""
    try:
        import torch
    except ImportError as error:
        return Finding("device", str(error), ANEW)
    if not torch.cuda.is_available():
        return Finding("device", "cpu; no CUDA device, so device=cuda will be refused")
    return Finding("device", f"cuda: {torch.cuda.get_device_name()}")


def memory() -> Finding:
    import psutil

    free = psutil.virtual_memory().available / 2**30
    fix = f"close other programs: {MEMORY} GiB should be free"
    return Finding("memory", f"{free:.1f} GiB free", fix if free < MEMORY else None)


def disk(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free / 2**30
    fix = f"make room in {folder}: {DISK} GiB should be free"
    return Finding("disk", f"{free:.1f} GiB free", fix if free < DISK else None)


def data(loaders: dict[str, Callable]) -> list[Finding]:
    """Whether every data set loads, which checks its content."""
    found = []
    for name, load in loaders.items():
        try:
            load()
        except Exception as error:  # whatever it is, the reader is told
            fix = f"{PIP} -r requirements.lock"
            told = f"{type(error).__name__}: {error}"
            found.append(Finding(f"data: {name}", told, fix))
    return found or [Finding("data", f"{len(loaders)} sets, as they should be")]

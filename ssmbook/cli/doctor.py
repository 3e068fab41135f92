"""Is this machine able to run the book? Each miss comes with what mends it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from ssmbook.publish.datasets import registered
from ssmbook.publish.environment import ANEW, PIP, Finding, packages, python

MEMORY = 4  # GiB; the largest notebook takes 2
DISK = 3  # GiB, where the book is built


def examine(root: Path) -> list[Finding]:
    """Python, packages, device, memory, disk and data, in this order."""
    return [python(), *packages(root), device(), memory(), disk(root), *data(loaders())]


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
    """Whether enough memory is free for the largest notebook."""
    import psutil

    free = psutil.virtual_memory().available / 2**30
    fix = f"close other programs: {MEMORY} GiB should be free"
    return Finding("memory", f"{free:.1f} GiB free", fix if free < MEMORY else None)


def disk(folder: Path) -> Finding:
    """Whether the disk of a folder has what a book takes."""
    free = shutil.disk_usage(folder).free / 2**30
    fix = f"free some of {folder}: {DISK} GiB should be free"
    return Finding("disk", f"{free:.1f} GiB free", fix if free < DISK else None)


def loaders() -> dict[str, Callable]:
    """A call that loads each registered data set."""
    return {entry["name"]: entry["load"] for entry in registered() if entry["load"]}


def data(calls: dict[str, Callable]) -> list[Finding]:
    """Whether every data set loads, which checks its content."""
    wrong = []
    for name, load in calls.items():
        try:
            load()
        except Exception as error:  # whatever it is, the reader is told
            fix = f"{PIP} -r requirements.lock"
            reason = f"{type(error).__name__}: {error}"
            wrong.append(Finding(f"data: {name}", reason, fix))
    return wrong or [Finding("data", f"{len(calls)} sets, as they should be")]

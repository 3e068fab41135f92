"""What a run was made with: commit, packages, machine."""

from __future__ import annotations

import os
import platform
import subprocess
from functools import cache
from importlib.metadata import distributions
from pathlib import Path


def git(root: Path, *arguments: str) -> str | None:
    """What git says in `root`, None where there is no repository or no git."""
    try:
        run = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, encoding="utf-8"
        )
    except FileNotFoundError:
        return None
    return run.stdout.rstrip("\n") if run.returncode == 0 else None


def commit(root: Path) -> str | None:
    """The commit of the repository whose top `root` is, None where it is none's."""
    said = git(root, "rev-parse", "--show-toplevel", "HEAD") or ""
    top, _, head = said.partition("\n")
    return head if head and Path(top).resolve() == root.resolve() else None


def state(root: Path) -> dict:
    """The commit, and whether tracked files are as it has them; None without git."""
    head = commit(root)
    if head is None:
        return {"commit": None, "clean": None}
    changed = git(root, "status", "--porcelain", "--untracked-files=no")
    return {"commit": head, "clean": changed == ""}


@cache
def packages() -> dict[str, str]:
    """Every installed distribution with its version."""
    found = [d.metadata for d in distributions()]
    versions = {about["Name"]: about["Version"] for about in found}
    return dict(sorted(versions.items(), key=lambda item: item[0].lower()))


def machine(device: str) -> dict:
    """Where a run ran; the name of the GPU where it used one."""
    about = {
        "device": device,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
    }
    if device == "cuda":
        import torch

        if torch.cuda.is_available():
            about["gpu"] = torch.cuda.get_device_name()
    return about

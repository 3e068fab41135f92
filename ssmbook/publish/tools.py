"""Tools whose own requirements contradict the locks: each in its own environment."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def installed(folder: Path, requirement: str, command: str) -> Path:
    """Return a command of an environment in `folder`, made where it is missing.

    A second process waits until the first has made the environment.

    Args:
        folder: the environment.
        requirement: the package at an exact version.
        command: the name of the command that the package brings.
    """
    from filelock import FileLock

    tool = folder / "bin" / command
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Beside the folder: --clear deletes what lies in it.
    with FileLock(folder.with_name(f".{folder.name}.lock")):
        if not tool.is_file():
            venv = [sys.executable, "-m", "venv", "--clear", folder]
            subprocess.run(venv, check=True)
            pip = [folder / "bin" / "pip", "install", "-q"]
            pip += ["--disable-pip-version-check", requirement]
            subprocess.run(pip, check=True)
    return tool

"""Tools whose own requirements contradict the locks: each in its own environment."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def installed(folder: Path, requirement: str, command: str) -> Path:
    """Return a command of an environment in `folder`, made where it is missing.

    Args:
        folder: the environment.
        requirement: the package at an exact version.
        command: the name of the command that the package brings.
    """
    tool = folder / "bin" / command
    if not tool.is_file():
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        pip = [folder / "bin" / "pip", "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*pip, requirement], check=True)
    return tool

"""Data files that come with installed packages, each checked by its SHA-256."""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path


def checked(path: Path, sha256: str) -> Path:
    """The path, if its content is the one we know; ValueError otherwise."""
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != sha256:
        raise ValueError(
            f"{path.name} is not the file this project knows: sha256 {found}, expected "
            f"{sha256}; install the versions of requirements.lock"
        )
    return path


def packaged(package: str, inside: str, sha256: str) -> Path:
    """A data file of an installed package, which is not imported.

    Raises ModuleNotFoundError that names the package, ValueError for other content.
    """
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(
            f"{inside} comes with the package {package}: pip install 'ssmlib[data]'"
        )
    return checked(Path(spec.origin).parent / inside, sha256)

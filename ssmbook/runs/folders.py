"""Folders that a person names for results: those that a command may write in."""

from __future__ import annotations

import os
from pathlib import Path

from ssmbook.runs import provenance

_SOURCES = ("benchmarks", "book", "notebooks", "studies", "tests")
#: the folders that commands write by default
RESULTS = ("_build", "dist", "runs")


def real(path: Path) -> Path:
    """The absolute path without links; it need not exist, and may be a circle."""
    return Path(os.path.realpath(path))


def sources(root: Path) -> set[str]:
    """The folders at the top of a repository that hold what it is made of."""
    listed = provenance.git(root, "ls-tree", "-d", "--name-only", "HEAD") or ""
    packages = {path.parent.name for path in root.glob("*/__init__.py")}
    return {*_SOURCES, *packages, *listed.splitlines()}


def check_output(root: Path, folder: Path, option: str = "-o") -> Path:
    """Return a folder for results, which need not exist.

    Args:
        root: the repository.
        folder: the folder that was given.
        option: how it was given, for messages.

    Raises:
        ValueError: for a file, a link, the home folder, the repository itself, one of
            its source folders, or a folder that contains the repository.
    """
    place, top = real(folder), real(root)
    reason = None
    if folder.is_symlink():
        reason = f"is a link to {place}"
    elif place == real(Path(os.path.expanduser("~"))):
        reason = "is your home folder"
    elif place == top:
        reason = "is the repository itself"
    elif top.is_relative_to(place):
        reason = f"contains the repository {top}"
    elif place.is_relative_to(top):
        first = place.relative_to(top).parts[0]
        if first.startswith(".") or first in sources(root):
            reason = f"lies in {top / first}, a part of the repository"
    for path in (place, *place.parents):
        if path.exists() and not path.is_dir():
            reason = f"needs a folder, but {path} is not a folder"
    if reason is not None:
        raise ValueError(f"{option} {folder} {reason}: choose another folder")
    return folder


def check_file(root: Path, path: Path, option: str) -> Path:
    """Return a path for a file of results, which need not exist.

    Raises:
        ValueError: for a folder, a link, or a file among the repository's sources.
    """
    place, top = real(path), real(root)
    reason = None
    if path.is_symlink():
        reason = f"is a link to {place}"
    elif path.is_dir():
        reason = "is a folder"
    elif not place.parent.is_dir():
        reason = f"needs a folder, but {place.parent} is none"
    elif place.is_relative_to(top):
        first = place.relative_to(top).parts[0]
        if first.startswith(".") or first in sources(root):
            reason = f"lies in {top / first}, a part of the repository"
    if reason is not None:
        raise ValueError(f"{option} {path} {reason}: choose another file")
    return path

"""Folders of published data that the user names; nothing is downloaded."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from ssmlib.tasks._headers import listed
from ssmlib.tasks.datasets import DATASETS
from ssmlib.tasks.files import UnpublishedWarning

#: names the folder that contains a folder for each data set
VARIABLE = "SSMLIB_DATA"


def place(name: str, folder: str | Path | None) -> Path:
    """Return the folder of a data set.

    Args:
        name: of the data set, in `DATASETS`.
        folder: the data set's own folder. None for its folder below the one that
            SSMLIB_DATA names, in which `~` is expanded.

    Raises:
        FileNotFoundError: if there is no such folder.
        TypeError: if folder is not a path.
        ValueError: for a file, or if folder is None and SSMLIB_DATA is not set.
    """
    entry = DATASETS[name]
    if folder is None:
        root = os.environ.get(VARIABLE)
        if not root:
            raise ValueError(
                f"folder must be the folder of {name}, or the environment variable "
                f"{VARIABLE} must name a folder that contains {entry.folder}; got "
                f"neither: {hint(name)}"
            )
        folder = Path(root).expanduser() / entry.folder
    if not isinstance(folder, str | os.PathLike):
        raise TypeError(f"folder must be a path, got {type(folder).__name__}")
    found = Path(folder)
    if not found.exists():
        raise FileNotFoundError(f"{found} does not exist: {hint(name)}")
    if not found.is_dir():
        raise ValueError(f"{found} must be a folder, got a file: {hint(name)}")
    return found


def hint(name: str) -> str:
    """Return the place from which a data set comes and the folder it goes to."""
    entry = DATASETS[name]
    where = entry.where.replace("<", "").replace(">", "")
    return f"get {where}, for a folder such as {entry.folder}"


def files(name: str, where: Path, names: Iterable[str]) -> list[Path]:
    """Return files of a data set.

    Args:
        name: of the data set.
        where: its folder.
        names: paths of the files in the folder.

    Raises:
        FileNotFoundError: if a file is missing; the message lists all that are.
        ValueError: if one of them is a folder.
    """
    paths = [where / own for own in names]
    missing = [path.relative_to(where).as_posix() for path in paths if not exists(path)]
    if missing:
        raise FileNotFoundError(f"{where} lacks {listed(missing)}: {hint(name)}")
    return paths


def exists(path: Path) -> bool:
    """Return whether a file exists.

    Args:
        path: of the file.

    Raises:
        ValueError: if it is a folder.
    """
    if path.is_dir():
        raise ValueError(f"{path} must be a file, got a folder")
    return path.is_file()


def lines(path: Path) -> Iterator[str]:
    """Yield the lines of a text file.

    Args:
        path: of the file.

    Raises:
        ValueError: if it is not UTF-8.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="\n") as file:
            for line in file:
                yield line.removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} must be a text file in UTF-8: {error}") from error


def compare(name: str, path: Path, content: bytes) -> None:
    """Warn if a file has another content than the published one.

    The loader's caller is two calls above.

    Args:
        name: of the data set.
        path: of the file, directly in the data set's folder.
        content: of the file, unpacked.
    """
    (known,) = (file for file in DATASETS[name].files if file.path == path.name)
    kind, stated = ("sha256", known.sha256) if known.sha256 else ("md5", known.md5)
    found = hashlib.new(kind, content, usedforsecurity=False).hexdigest()
    if found != stated:
        _warn(f"{path} is not the published file: {kind} {found}, not {stated}", 5)


def count(name: str, found: Mapping[str, int], published: Mapping[str, int]) -> None:
    """Warn if parts of a data set have another size than the published ones.

    The loader's caller is one call above.

    Args:
        name: of the data set.
        found: number of sequences by part.
        published: the published numbers, by the same parts.
    """
    other = [
        f"{part} has {found[part]:,} sequences instead of {size:,}"
        for part, size in published.items()
        if found[part] != size
    ]
    if other:
        _warn(f"{name} is not the published data set: {', '.join(other)}", 4)


def _warn(message: str, level: int) -> None:
    warnings.warn(message, UnpublishedWarning, stacklevel=level)

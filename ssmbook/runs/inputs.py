"""The files and folders that parameters name: a run's key covers their content."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from ssmbook.notebook.parameters import Parameter, Value

# The digest of a file by path, size and times, so that a process reads it once.
_DIGESTS: dict[tuple, str] = {}


def hashes(
    known: dict[str, Parameter], values: dict[str, Value], folder: Path, where: str
) -> dict[str, str]:
    """The sha256 of each file or folder that a value names, by parameter and value.

    A parameter marked `<path>` names one, unless it is empty. Any other text without
    choices names one where it exists, except for `.`, `..` and `/`. Relative paths
    start in `folder`, where the notebook works. Raises ValueError for a marked path
    that is neither a file nor a folder, OSError for one that cannot be read.
    """
    named = paths(known, values, folder, where)
    return {name: content_hash(path) for name, path in named.items()}


def paths(
    known: dict[str, Parameter], values: dict[str, Value], folder: Path, where: str
) -> dict[str, Path]:
    """The files and folders of `hashes`, by parameter and value."""
    found = {}
    for name, value in values.items():
        parameter = known[name]
        if not isinstance(value, str) or not value or parameter.choices is not None:
            continue
        path = folder / value
        if _exists(path) and (parameter.is_path or Path(value).name not in ("", "..")):
            found[f"{name}={value}"] = path
        elif parameter.is_path:
            raise ValueError(
                f"{where}: {name} must be the path of a file or folder, or empty; "
                f"{_instead(path)}"
            )
    return found


def _exists(path: Path) -> bool:
    """Whether there is a file or a folder; a pipe or a device has no end."""
    try:
        return path.is_file() or path.is_dir()
    except (OSError, ValueError):  # too long, or with a null character: a text
        return False


def _instead(path: Path) -> str:
    """What lies at a path where there is neither a file nor a folder."""
    absolute = Path(os.path.abspath(path))
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        if path.is_symlink():
            return f"{absolute} is a link to {os.readlink(path)}, which does not exist"
        return f"there is no {absolute}"
    except OSError as error:
        return f"{absolute} cannot be read: {error.strerror}"
    kinds = {stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
    return (
        f"{absolute} is {kinds.get(stat.S_IFMT(mode), 'a device')}, which has no "
        "content that a key can cover: write it into a file"
    )


def content_hash(path: Path, skip: str = "") -> str:
    """sha256 of a file, or over names and content of everything in a folder.

    skip: the name of folders that do not count, as `__pycache__`.
    """
    if not path.is_dir():
        return _digest(path)
    listed = []
    for found, kind in walk(path):
        name = found.relative_to(path)
        if skip not in name.parts:
            about = [found.stat().st_size, _digest(found)] if kind is None else [kind]
            listed.append([name.as_posix(), *about])
    return hashlib.sha256(json.dumps(listed).encode()).hexdigest()


def _fail(error: OSError) -> None:
    raise error


def walk(folder: Path) -> Iterator[tuple[Path, str | None]]:
    """Everything below a folder, through links, in the order of names.

    Yields each path with None for a regular file, and otherwise what it is. A folder
    that links lead to a second time is not entered again: its place is given.
    """
    entered: dict[str, str] = {}
    for top, folders, names in os.walk(folder, followlinks=True, onerror=_fail):
        folders.sort()
        real, name = os.path.realpath(top), os.path.relpath(top, folder)
        if real in entered:
            folders.clear()
            yield Path(top), f"the folder {entered[real]}"
            continue
        entered[real] = name
        if name != ".":
            yield Path(top), "a folder"
        for path in (Path(top, name) for name in sorted(names)):
            yield path, None if path.is_file() else "no regular file"


def _digest(file: Path) -> str:
    about = file.stat()
    key = (str(file.resolve()), about.st_ino, about.st_size, about.st_mtime_ns)
    if key not in _DIGESTS:
        with file.open("rb") as content:
            _DIGESTS[key] = hashlib.file_digest(content, "sha256").hexdigest()
    return _DIGESTS[key]

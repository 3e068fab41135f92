"""The files and folders that parameters name: a run's key covers their content."""

from __future__ import annotations

import hashlib
import json
import os
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
    that does not exist, OSError for one that cannot be read.
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
                f"there is no {path.resolve()}"
            )
    return found


def _exists(path: Path) -> bool:
    """Whether there is a file or a folder; a pipe or a device has no end."""
    try:
        return path.is_file() or path.is_dir()
    except (OSError, ValueError):  # too long, or with a null character: a text
        return False


def content_hash(path: Path) -> str:
    """sha256 of a file, or over the names, sizes and sha256 of a folder's files."""
    if not path.is_dir():
        return _digest(path)
    listed = [
        [file.relative_to(path).as_posix(), file.stat().st_size, _digest(file)]
        for file in sorted(_files(path))
    ]
    return hashlib.sha256(json.dumps(listed).encode()).hexdigest()


def _fail(error: OSError) -> None:
    raise error


def _files(folder: Path) -> Iterator[Path]:
    """The regular files below a folder, through links, each folder once."""
    seen = set()
    for top, folders, names in os.walk(folder, followlinks=True, onerror=_fail):
        real = os.path.realpath(top)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        yield from (path for path in (Path(top, n) for n in names) if path.is_file())


def _digest(file: Path) -> str:
    about = file.stat()
    key = (str(file.resolve()), about.st_ino, about.st_size, about.st_mtime_ns)
    if key not in _DIGESTS:
        with file.open("rb") as content:
            _DIGESTS[key] = hashlib.file_digest(content, "sha256").hexdigest()
    return _DIGESTS[key]

"""Generated data sets, stored on disk and checked whenever they are read."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

VARIABLE = "SSMLIB_CACHE"
#: seconds after which the folder of a write that never ended is removed
ABANDONED = 86_400


def folder() -> Path:
    """Return the absolute path of the cache.

    The variable SSMLIB_CACHE names it; `~` is expanded, and a relative path starts at
    the current folder. Where the variable is unset or empty, the cache is `ssmlib` in
    XDG_CACHE_HOME, which must be absolute, or else in ~/.cache.

    Raises:
        OSError: if no variable names a folder and the user has no home folder.
    """
    named, base = os.environ.get(VARIABLE), os.environ.get("XDG_CACHE_HOME", "")
    try:
        if named:
            return Path(named).expanduser().absolute()
        if os.path.isabs(base):
            return Path(base) / "ssmlib"
        return Path.home().absolute() / ".cache" / "ssmlib"
    except RuntimeError as error:
        raise OSError(
            f"there is no home folder for the cache ({error}): name a folder by the "
            f"variable {VARIABLE}"
        ) from error


def cached(
    name: str,
    version: int,
    arguments: Mapping,
    generate: Callable[[], dict[str, np.ndarray]],
) -> dict[str, np.ndarray]:
    """Return the arrays of `generate`, from disk if they were stored before.

    A set is a folder with data.npz and a manifest of its arguments, its generator's
    version and the SHA-256 of the data. It is written under a temporary name and
    renamed, so an interrupted write leaves nothing that is read, and two processes can
    write at once.

    Args:
        name: name of the data set.
        version: version of its generator.
        arguments: arguments of the generator, as JSON can write them.
        generate: makes the arrays; called after the folder was found writable.

    Raises:
        ValueError: if the stored set has another manifest or other data.
        OSError: if the cache cannot be written. Both name the folder.
    """
    manifest = {"name": name, "version": version, "arguments": dict(arguments)}
    said = json.dumps(manifest, sort_keys=True)
    place = folder() / f"{name}-{hashlib.sha256(said.encode()).hexdigest()[:16]}"
    if not place.exists():
        _write(place, manifest, generate)
    return _read(place, manifest)


def _write(
    place: Path, manifest: dict, generate: Callable[[], dict[str, np.ndarray]]
) -> None:
    """Make a set; the folder is tried before the arrays, which may take hours."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        _clear(place)
        beside = Path(tempfile.mkdtemp(prefix=f".{place.name}-", dir=place.parent))
    except OSError as error:
        raise _unwritable(place.parent, error) from error
    try:
        arrays = generate()
        try:
            np.savez(beside / "data.npz", allow_pickle=True, **arrays)
            digest = hashlib.sha256((beside / "data.npz").read_bytes()).hexdigest()
            text = json.dumps(manifest | {"sha256": digest}, indent=1, sort_keys=True)
            (beside / "manifest.json").write_text(text, encoding="utf-8")
        except OSError as error:
            raise _unwritable(place.parent, error) from error
        try:
            beside.rename(place)
        except OSError as error:
            if not place.is_dir():  # else another process was first
                raise _unwritable(place.parent, error) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _clear(place: Path) -> None:
    """Remove temporary files of the same set that killed processes left."""
    for left in place.parent.glob(f".{place.name}-*"):
        if time.time() - left.stat().st_mtime > ABANDONED:
            shutil.rmtree(left, ignore_errors=True)


def _unwritable(folder: Path, error: OSError) -> OSError:
    return OSError(
        f"the cache {folder} cannot be written ({error.strerror or error}): name "
        f"another folder by the variable {VARIABLE}"
    )


def _read(place: Path, manifest: dict) -> dict[str, np.ndarray]:
    remove = "remove it, and it is made again"
    try:
        said = json.loads((place / "manifest.json").read_text(encoding="utf-8"))
        content = (place / "data.npz").read_bytes()
    except (OSError, ValueError) as error:
        raise ValueError(
            f"{place} is no data set of this cache ({error}): {remove}"
        ) from error
    if not isinstance(said, dict):
        raise ValueError(f"{place} is no data set of this cache: {remove}")
    digest = said.pop("sha256", None)
    if said != json.loads(json.dumps(manifest)):
        raise ValueError(f"{place} was made for other arguments, {said}: {remove}")
    if hashlib.sha256(content).hexdigest() != digest:
        raise ValueError(f"{place / 'data.npz'} is not what was written: {remove}")
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return dict(arrays)

"""Generated data sets, kept on disk: made once, checked whenever they are read."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

VARIABLE = "SSMLIB_CACHE"


def folder() -> Path:
    """Where they are: $SSMLIB_CACHE, else `ssmlib` in the user's cache folder."""
    if VARIABLE in os.environ:
        return Path(os.environ[VARIABLE])
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ssmlib"


def cached(
    name: str,
    version: int,
    arguments: Mapping,
    generate: Callable[[], dict[str, np.ndarray]],
) -> dict[str, np.ndarray]:
    """What `generate` gives for these arguments, from disk where it is there.

    A set is a folder with data.npz and a manifest of its arguments, its generator's
    version and the SHA-256 of the data. It is written beside and renamed, so that an
    interrupted one leaves nothing that is read, and two at once do no harm. arguments:
    what JSON can say. Raises ValueError for a set that is not what its name says or
    whose data are not those of its manifest, OSError where the folder cannot be
    written; each names the folder.
    """
    manifest = {"name": name, "version": version, "arguments": dict(arguments)}
    said = json.dumps(manifest, sort_keys=True)
    place = folder() / f"{name}-{hashlib.sha256(said.encode()).hexdigest()[:16]}"
    if not place.exists():
        _write(place, manifest, generate())
    return _read(place, manifest)


def _write(place: Path, manifest: dict, arrays: dict[str, np.ndarray]) -> None:
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f".{place.name}-", dir=place.parent))
    except OSError as error:
        raise OSError(
            f"the cache {place.parent} cannot be written ({error.strerror}): name "
            f"another folder by the variable {VARIABLE}"
        ) from error
    try:
        np.savez(beside / "data.npz", **arrays)
        digest = hashlib.sha256((beside / "data.npz").read_bytes()).hexdigest()
        text = json.dumps(manifest | {"sha256": digest}, indent=1, sort_keys=True)
        (beside / "manifest.json").write_text(text)
        try:
            beside.rename(place)
        except OSError:
            if not place.is_dir():  # else another process was first
                raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _read(place: Path, manifest: dict) -> dict[str, np.ndarray]:
    remove = "remove it, and it is made again"
    try:
        said = json.loads((place / "manifest.json").read_text())
        content = (place / "data.npz").read_bytes()
    except (OSError, ValueError) as error:
        raise ValueError(f"{place} is no data set of this cache: {remove}") from error
    digest = said.pop("sha256", None)
    if said != json.loads(json.dumps(manifest)):
        raise ValueError(f"{place} was made for other arguments, {said}: {remove}")
    if hashlib.sha256(content).hexdigest() != digest:
        raise ValueError(f"{place / 'data.npz'} is not what was written: {remove}")
    with np.load(place / "data.npz", allow_pickle=False) as arrays:
        return dict(arrays)

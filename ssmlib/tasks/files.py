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


class UnpublishedWarning(UserWarning):
    """Says that the files of a user differ from the published ones.

    Record it with `warnings.catch_warnings(record=True)`, or turn it into an error with
    `warnings.simplefilter("error", UnpublishedWarning)`.
    """


def checked(path: Path, sha256: str) -> Path:
    """Return the path if the file has the known content.

    Args:
        path: the file.
        sha256: the checksum of the known content.

    Raises:
        ValueError: for other content.
    """
    hint = "; install the versions of requirements.lock"
    _check(path.name, path.read_bytes(), sha256, hint)
    return path


def unpacked(path: Path, sha256: str) -> bytes:
    """Return the content of a gzip file, after a check of its checksum.

    Args:
        path: the gzip file.
        sha256: the checksum of the unpacked content.

    Raises:
        ValueError: for other content, and for a file that is truncated or not gzip.
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
    """Return a data file of a package that is installed for its files only.

    Args:
        file: the distribution, whose code is not needed, the path in site-packages,
            and the checksum of the known content.

    Raises:
        ModuleNotFoundError: if the file is missing; the message says how to install it.
        ValueError: for other content.
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
    """Return a data file of an installed package, without importing the package.

    Args:
        file: the distribution, the path in its package, and the checksum of the known
            content.

    Raises:
        ModuleNotFoundError: if the package is missing.
        FileNotFoundError: if this version of the package has no such file.
        ValueError: for other content.
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

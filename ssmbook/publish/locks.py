"""The lock files: exact versions, each with the checksums of its files.

`requirements.lock` and `requirements-data.lock` are installed by pip with
--require-hashes. torch stands alone in `requirements-torch.lock`, without checksums:
the reader chooses its build. After an edit of a version, `python -m
ssmbook.publish.locks` asks the package index for the checksums and writes them.
"""

from __future__ import annotations

import json
import os
import re
import sys
import urllib.error
import urllib.request
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import Version

from ssmbook.runs.stores import replace

#: what is imported: all of it with checksums but torch
INSTALLED = ("requirements.lock", "requirements-torch.lock")
#: the files that pip installs with --require-hashes
HASHED = ("requirements-pip.lock", "requirements.lock", "requirements-data.lock")
MINORS = (11, 12, 13)
_JSON = "application/vnd.pypi.simple.v1+json"


def pins(lock: Path) -> dict[str, str]:
    """Return the version of each package that a lock file names.

    Raises:
        ValueError: if a line is not of the form name==version, followed by checksums.
    """
    found = {}
    text = lock.read_text(encoding="utf-8").replace("\\\n", " ")
    for line in text.splitlines():
        pin = re.sub(r"\s+--hash=\S+|(^|\s)#.*", "", line).strip()
        if not pin:
            continue
        try:
            wanted = Requirement(pin)
        except InvalidRequirement as error:
            raise ValueError(f"{lock}: {line[:60]!r} is no pin: {error}") from error
        specifier = str(wanted.specifier)
        if not re.fullmatch(r"==[^*,]+", specifier):
            raise ValueError(f"{lock}: {line[:60]!r} must be name==version")
        found[wanted.name] = specifier.removeprefix("==")
    return found


def installed(root: Path) -> dict[str, str]:
    """Return the version of each package that is installed to be imported."""
    return {
        name: version
        for lock in INSTALLED
        if (root / lock).is_file()
        for name, version in pins(root / lock).items()
    }


def wanted(filename: str, version: str) -> bool:
    """Whether a file of the index is of this version and for a supported Python."""
    try:
        if not filename.endswith(".whl"):
            return parse_sdist_filename(filename)[1] == Version(version)
        _, found, _, tags = parse_wheel_filename(filename)
    except (InvalidSdistFilename, InvalidWheelFilename):
        return False
    return found == Version(version) and any(
        _serves(tag.interpreter, tag.abi, minor) for tag in tags for minor in MINORS
    )


def _serves(interpreter: str, abi: str, minor: int) -> bool:
    """Whether a wheel's tag is for CPython 3.minor."""
    if interpreter in ("py3", f"py3{minor}", f"cp3{minor}"):
        return not abi.endswith("t")  # free-threaded
    older = re.fullmatch(r"cp3(\d+)", interpreter)
    return abi == "abi3" and older is not None and int(older[1]) <= minor


def checksums(name: str, version: str, index: str) -> list[str]:
    """Return the sha256 of every file of a version, as the package index lists them.

    Raises:
        ValueError: if the index has no file of that version for a supported Python.
    """
    url = f"{index.rstrip('/')}/{canonicalize_name(name)}/"
    request = urllib.request.Request(url, headers={"Accept": _JSON})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            files = json.load(answer)["files"]
    except urllib.error.HTTPError as error:
        raise ValueError(f"{url}: {error}") from error
    found = [
        file["hashes"]["sha256"]
        for file in files
        if wanted(file["filename"], version) and _allows(file.get("requires-python"))
    ]
    if not found:
        raise ValueError(f"{url} lists no file of {name} {version}")
    return sorted(set(found))


def _allows(requires: str | None) -> bool:
    supported = SpecifierSet(requires or "")
    return any(f"3.{minor}.99" in supported for minor in MINORS)


def written(lock: Path, index: str) -> str:
    """Return the text of a lock file: its versions with their checksums."""
    lines = []
    for name, version in pins(lock).items():
        hashes = (f"--hash=sha256:{h}" for h in checksums(name, version, index))
        lines.append(" \\\n    ".join([f"{name}=={version}", *hashes]) + "\n")
    return "".join(lines)


def main() -> None:
    """Write the checksums of every lock in the current folder."""
    index = os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple")
    try:
        for name in HASHED:
            replace(Path(name), written(Path(name), index).encode())
    except (ValueError, OSError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()

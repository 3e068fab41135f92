"""Names, text, documents and notebooks from files that anyone may have edited.

Each reader raises ValueError in one line that names the file and its fault.
"""

from __future__ import annotations

import hashlib
import json
import reprlib
import unicodedata
from pathlib import Path

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 100
_CHECKSUM = "checksum"


class WithoutChecksum(ValueError):
    """A document as versions up to 0.2.0 wrote it, before documents had a checksum."""


def shown(value: object) -> str:
    """The value's repr for a message, cut where it is long."""
    return _SHORT.repr(value)


def check_name(name: str, what: str) -> str:
    """Return `name` if it can name one file or folder within another.

    Raises ValueError for empty text, `.`, `..`, a path, or characters that no file
    name has everywhere: control characters, a backslash, half a surrogate pair.
    """
    reason = None
    if not isinstance(name, str) or not name:
        reason = "must be text that is not empty"
    elif name in (".", "..") or "/" in name or "\\" in name:
        reason = "must be the name of a file or folder, without a path"
    elif any(unicodedata.category(c) in ("Cc", "Cs") for c in name):
        reason = "must have no control characters and be valid Unicode"
    elif len(name.encode()) > 200:
        reason = "must have at most 200 bytes"
    if reason is not None:
        raise ValueError(f"{what} {reason}, got {shown(name)}")
    return name


def decoded(content: bytes, where: str | Path) -> str:
    """Content as text; ValueError where it is not UTF-8."""
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{where} is not UTF-8 text: byte {error.start} is "
            f"0x{content[error.start]:02x}"
        ) from error


def read_text(path: Path) -> str:
    """As `decoded`, of the file at `path`; OSError where it cannot be read."""
    return decoded(path.read_bytes(), path)


def _distinct(pairs: list[tuple]) -> dict:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{shown(twice)} is given twice")
    return found


def json_object(content: bytes, where: str | Path) -> dict:
    """The object that a JSON file holds; ValueError for anything else."""
    text = decoded(content, where)
    try:
        found = json.loads(text, object_pairs_hook=_distinct)
    except RecursionError:
        raise ValueError(f"{where} is nested too deep") from None
    except ValueError as error:
        raise ValueError(f"{where} is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise ValueError(f"{where} must hold a JSON object, got {shown(found)}")
    return found


def checksum(parts: dict) -> str:
    """SHA-256 of a document's content: JSON with sorted keys, without white space."""
    canonical = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def sealed(parts: dict) -> bytes:
    """A document as it is stored: JSON whose last field is the checksum of the rest.

    The checksum detects damage and careless edits. It is no signature: a forger can
    compute it again.
    """
    stored = parts | {_CHECKSUM: checksum(parts)}
    return (json.dumps(stored, indent=1) + "\n").encode()


def unsealed(content: bytes, where: str | Path) -> dict:
    """The parts of a document that `sealed` made.

    Raises WithoutChecksum, or ValueError where the content is not what was stored.
    """
    parts = json_object(content, where)
    if _CHECKSUM not in parts:
        raise WithoutChecksum(
            f"{where} has no checksum: an older version wrote it, or it was edited"
        )
    if parts.pop(_CHECKSUM) != checksum(parts):
        raise ValueError(f"{where} was changed: its checksum does not fit")
    return parts


def notebook_of(content: bytes, where: str | Path):
    """The notebook that a file holds; ValueError where it is none, or damaged."""
    import nbformat  # only readers of notebooks need it
    from nbformat.validator import iter_validate

    parts = json_object(content, where)
    major, minor = parts.get("nbformat"), parts.get("nbformat_minor")
    newest = nbformat.v4.nbformat_minor
    if (
        type(major) is not int
        or type(minor) is not int
        or major != 4
        or not 0 <= minor <= newest
    ):
        raise ValueError(
            f"{where} must be a notebook of nbformat 4, nbformat_minor 0 to {newest}, "
            f"got {shown(major)} and {shown(minor)}"
        )
    try:
        for error in iter_validate(parts):
            place = "/".join(map(str, error.relative_path))
            raise ValueError(
                f"{where} is no valid notebook: {place or 'its top level'}: "
                f"{error.message.partition(chr(10))[0][-200:]}"
            )
        return nbformat.v4.to_notebook(parts)
    except RecursionError:
        raise ValueError(f"{where} is nested too deep") from None


def read_notebook(path: str | Path):
    """As `notebook_of`, of the file at `path`; OSError where it cannot be read."""
    return notebook_of(Path(path).read_bytes(), path)

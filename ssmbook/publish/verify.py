"""Whether an archive is as it was packed: nothing changed, added or taken away."""

from __future__ import annotations

import gzip
import io
import re
import tarfile
import zlib
from pathlib import Path, PurePosixPath

from ssmbook.runs.stores import sha256

SUMS = "SHA256SUMS"
_LINE = re.compile(r"([0-9a-f]{64})  (.+)")


def verify(path: Path) -> int:
    """Compare every file of an archive with the checksums inside; return their number.

    Whoever changes a file can change its checksum as well: compare the checksum of the
    archive itself with the published one, too.

    Raises:
        ValueError: if the file is no complete archive, if a member is no plain file
            below the one folder, or if files and SHA256SUMS do not list the same names
            with the same content.
        OSError: if the file cannot be read.
    """
    if path.exists() and not path.is_file():  # a pipe has no end
        raise ValueError(f"{path} is no file")
    found = _members(path)
    folders = {PurePosixPath(name).parts[0] for name in found}
    if len(folders) != 1:
        raise ValueError(f"{path} must hold one folder, got {_few(folders)}")
    (folder,) = folders
    found = {
        name.removeprefix(f"{folder}/"): content for name, content in found.items()
    }
    if SUMS not in found:
        raise ValueError(f"{path} holds no {SUMS}")
    sums = _sums(path, found.pop(SUMS))
    for what, names in (
        (f"files that {SUMS} does not list", found.keys() - sums.keys()),
        (f"no file for entries of {SUMS}", sums.keys() - found.keys()),
        ("changed files", {n for n in found if sha256(found[n]) != sums.get(n)}),
    ):
        if names:
            raise ValueError(f"{path} holds {what}: {_few(names)}")
    return len(found)


def _members(path: Path) -> dict[str, bytes]:
    """The content of every member by name; ValueError for what `pack` never writes."""
    try:
        data = gzip.decompress(path.read_bytes())
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{path} is no complete .tar.gz: {error}") from error
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
            for member in tar:
                _check(path, member, found)
                content = tar.extractfile(member)
                found[member.name] = content.read() if content else b""
            end = tar.offset
    except ValueError as error:
        if str(path) in str(error):
            raise
        raise ValueError(f"{path} is no archive of this tool: {error}") from error
    except (tarfile.TarError, EOFError) as error:
        raise ValueError(f"{path} is no complete .tar.gz: {error}") from error
    # The reader of tarfile stops at the first header that it cannot read.
    if not found or data[end:].strip(b"\0"):
        raise ValueError(f"{path} holds bytes that belong to no file, from {end} on")
    return found


def _check(path: Path, member: tarfile.TarInfo, found: dict[str, bytes]) -> None:
    name = member.name
    parts = name.split("/")
    if (
        len(parts) < 2
        or not {"", ".", ".."}.isdisjoint(parts)
        or not name.isprintable()
    ):
        raise ValueError(f"{path} holds a name that is no path in its folder: {name!r}")
    if member.type != tarfile.REGTYPE or member.sparse is not None:
        raise ValueError(f"{path} holds {name!r}, which is no plain file")
    if name in found:
        raise ValueError(f"{path} holds {name!r} twice")
    if member.mode not in (0o644, 0o755):
        raise ValueError(f"{path} holds {name!r} with the mode {member.mode:o}")


def _sums(path: Path, content: bytes) -> dict[str, str]:
    try:
        lines = content.decode().removesuffix("\n").split("\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: {SUMS} is no text: {error}") from error
    sums: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        match = _LINE.fullmatch(line)
        if match is None or match[2] in sums:
            raise ValueError(
                f"{path}: line {number} of {SUMS} must hold a checksum and a name "
                f"that no other line has, got {line[:90]!r}"
            )
        sums[match[2]] = match[1]
    return sums


def _few(names) -> str:
    """The first names of many, on one line."""
    ordered = sorted(names)
    more = f" and {len(ordered) - 3} more" if len(ordered) > 3 else ""
    return ", ".join(map(repr, ordered[:3])) + more

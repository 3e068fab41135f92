"""Whether an archive is as it was packed: nothing changed, added or taken away."""

from __future__ import annotations

import io
import re
import struct
import tarfile
import zlib
from pathlib import Path, PurePosixPath

from ssmbook.runs.stores import sha256

SUMS = "SHA256SUMS"
MOST = 2**30  # bytes that an archive may have when it is unpacked
_LINE = re.compile(r"([0-9a-f]{64})  (.+)")


def header(epoch: int) -> bytes:
    """The first bytes of an archive: a .gz without a name or other optional fields."""
    return b"\x1f\x8b\x08\x00" + struct.pack("<L", epoch) + b"\x02\xff"


def entry(name: str, content: bytes, epoch: int) -> tarfile.TarInfo:
    """The header of a file in an archive; nothing in it varies between machines.

    Its mode follows from the content, so that a reader can check it: a script with an
    interpreter in its first line may be executed.
    """
    info = tarfile.TarInfo(name)
    info.size, info.mtime = len(content), epoch
    info.mode = 0o755 if content.startswith(b"#!") else 0o644
    return info


def verify(path: Path) -> int:
    """Compare every file of an archive with the checksums inside; return their number.

    Nothing else may be in it: each byte outside the files must be as `pack` writes it.
    Whoever changes a file can change its checksum as well: compare the checksum of the
    archive itself with the published one, too.

    Raises:
        ValueError: if the file is no complete archive, if a member is no plain file
            below the one folder, if files and SHA256SUMS do not list the same names
            with the same content, if headers, padding or order are not those of `pack`,
            or if it would be unpacked to more than MOST bytes.
        OSError: if the file cannot be read.
    """
    if path.exists() and not path.is_file():  # a pipe has no end
        raise ValueError(f"{path} is no file")
    found = _members(path)
    order = list(found)
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
    for what, wrong in (
        (f"files that {SUMS} does not list", found.keys() - sums.keys()),
        (f"no file for entries of {SUMS}", sums.keys() - found.keys()),
        ("changed files", {n for n in found if sha256(found[n]) != sums.get(n)}),
    ):
        if wrong:
            raise ValueError(f"{path} holds {what}: {_few(wrong)}")
    if order != sorted(order, key=PurePosixPath):
        raise ValueError(f"{path} holds its files in another order than sorted")
    return len(found)


def _members(path: Path) -> dict[str, bytes]:
    """The content of every member by name; ValueError for what `pack` never writes."""
    packed, data = _unpacked(path)
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
            end, epoch = 0, None
            for member in tar:
                _check(path, member, found)
                start = member.offset_data
                content = data[start : start + member.size]
                epoch = member.mtime if epoch is None else epoch
                written = entry(member.name, content, int(epoch))
                padding = bytes(-member.size % tarfile.BLOCKSIZE)
                stop = start + member.size + len(padding)
                if (
                    data[end:start] != written.tobuf(tarfile.PAX_FORMAT, "utf-8")
                    or data[stop - len(padding) : stop] != padding
                ):
                    raise ValueError(
                        f"{path} holds {member.name!r} with another header or padding "
                        "than `ssmbook archive` writes"
                    )
                found[member.name] = content
                end = stop
    except ValueError as error:
        if str(path) in str(error):
            raise
        raise ValueError(f"{path} is no archive of this tool: {error}") from error
    except (tarfile.TarError, EOFError) as error:
        raise ValueError(f"{path} is no complete .tar.gz: {error}") from error
    # The reader of tarfile stops at the first header that it cannot read.
    if epoch is None or data[end:].strip(b"\0"):
        raise ValueError(f"{path} holds bytes that belong to no file, from {end} on")
    whole = end + 2 * tarfile.BLOCKSIZE
    if len(data) != whole + -whole % tarfile.RECORDSIZE:
        raise ValueError(f"{path} has {len(data) - end} bytes after its last file")
    if not packed.startswith(header(int(epoch))):
        raise ValueError(f"{path} has another header than `ssmbook archive` writes")
    return found


def _unpacked(path: Path) -> tuple[bytes, bytes]:
    """An archive and its tar; ValueError where the .gz holds anything else."""
    packed = path.read_bytes()
    reader = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        data = reader.decompress(packed, MOST + 1)
    except zlib.error as error:
        raise ValueError(f"{path} is no complete .tar.gz: {error}") from error
    if len(data) > MOST:
        raise ValueError(f"{path} unpacks to more than {MOST / 2**30:g} GiB")
    if not reader.eof:
        raise ValueError(f"{path} is no complete .tar.gz: it ends too early")
    if reader.unused_data:
        raise ValueError(
            f"{path} holds bytes that belong to no file: {len(reader.unused_data)} "
            "after the end of the .gz"
        )
    return packed, data


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

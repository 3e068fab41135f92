"""Files of tensors with a checksum: written whole or not at all, and locked."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import torch

from ssmlib.models.plain import plain


def place(name: str, path: str | Path) -> Path:
    """Return the file of a path, links followed, if it can be written.

    Args:
        name: of the argument, for messages.
        path: the file, which need not exist.

    Raises:
        TypeError: for something else than a path.
        ValueError: for a folder, or a file in a folder that cannot be written to.
    """
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"{name} must be a path, got {path!r}")
    file = Path(path).resolve()
    if not file.parent.is_dir():
        raise ValueError(
            f"{name} must be in a folder that exists, got {path}: make "
            f"{file.parent} first"
        )
    if file.is_dir():
        raise ValueError(f"{name} must be a file, got the folder {path}")
    try:
        part = _part(file)
        part.touch(exist_ok=False)
        part.unlink()
    except OSError as error:
        raise ValueError(
            f"{name} must be in a folder that can be written to, got {path} "
            f"({error.strerror})"
        ) from None
    return file


@contextlib.contextmanager
def locked(path: str | Path | None) -> Iterator[Path | None]:
    """Lock a checkpoint for one fit; the lock ends with the process, however it ends.

    Args:
        path: the file, or None for none.

    Yields:
        The file's path, links followed.

    Raises:
        TypeError: for something else than a path.
        ValueError: where another fit has it, or its folder cannot be written to.
    """
    if path is None:
        yield None
        return
    from filelock import FileLock, Timeout

    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"checkpoint must be a path or None, got {path!r}")
    file = place("checkpoint", path)
    held = FileLock(file.with_name(f".{file.name}.lock"), timeout=0)
    try:
        held.acquire()
    except Timeout:
        raise ValueError(
            f"checkpoint {path} is in use by another fit: wait for it, or name "
            "another file"
        ) from None
    try:
        for left in file.parent.glob(f".{_escaped(file.name)}.*.part"):
            left.unlink(missing_ok=True)  # of a fit that was killed while writing
        yield file
    finally:
        with contextlib.suppress(OSError):  # Windows refuses while it is open
            Path(held.lock_file).unlink()
        held.release()


def _escaped(name: str) -> str:
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)


def _part(file: Path) -> Path:
    return file.with_name(f".{file.name}.{uuid.uuid4().hex}.part")


def write(path: Path, form: bytes, content: dict) -> None:
    """Write tensors and plain values with a checksum, whole or not at all.

    Args:
        path: the file.
        form: the first line, which names the kind and the version of the file.
        content: what `torch.save` accepts. NumPy's numbers become Python's, since they
            could not be read back.
    """
    buffer = io.BytesIO()
    torch.save(plain(content, strict=False), buffer)
    packed = buffer.getvalue()
    checksum = hashlib.sha256(packed).hexdigest().encode()
    part = _part(path)
    try:
        with part.open("xb") as out:
            out.write(form + checksum + b"\n" + packed)
            out.flush()
            os.fsync(out.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def read(path: Path, form: bytes, device) -> dict:
    """Return the content of a checkpoint that `write` wrote.

    Args:
        path: the file.
        form: its first line.
        device: of the tensors.

    Raises:
        ValueError: for a damaged file, or one with another first line.
    """
    raw = content("checkpoint", path)
    if not raw.startswith(form):
        what = "was not written by this version of ssmlib, or its beginning is damaged"
    else:
        found = unpacked(raw, form, device)
        if found is not None:
            return found
        what = "is damaged: its content does not match its checksum"
    raise ValueError(
        f"checkpoint {path} {what}; remove the file to train from the beginning, or "
        "name another file"
    )


def content(name: str, path: Path) -> bytes:
    """Return the bytes of a file.

    Args:
        name: of the argument, for the message.
        path: the file.

    Raises:
        ValueError: for a file that cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise ValueError(f"{name} {path} cannot be read ({error.strerror})") from None


def unpacked(raw: bytes, form: bytes, device) -> dict | None:
    """Return the content that `write` packed; None if its checksum does not match.

    Args:
        raw: the bytes of the file.
        form: its first line.
        device: of the tensors.
    """
    checksum, _, packed = raw.removeprefix(form).partition(b"\n")
    if hashlib.sha256(packed).hexdigest().encode() != checksum:
        return None
    return torch.load(io.BytesIO(packed), map_location=device, weights_only=True)

"""Where runs are kept: a folder, or a bucket that papermill can write to."""

from __future__ import annotations

import hashlib
import tempfile
import uuid
from pathlib import Path

REMOTE = ("s3://", "gs://")


def replace(path: Path, content: bytes) -> None:
    """Write a file so that a reader of `path` never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        part.write_bytes(content)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


class Folder:
    """A folder of this machine; files appear in it whole or not at all."""

    def __init__(self, address: str):
        self.path = Path(address)

    def __str__(self) -> str:
        return str(self.path)

    def read(self, name: str) -> bytes | None:
        """A file's content, None where there is none."""
        try:
            return (self.path / name).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def whole(self, name: str, digest: str) -> bool:
        """Whether the file is there, with this SHA-256."""
        content = self.read(name)
        return content is not None and hashlib.sha256(content).hexdigest() == digest

    def write(self, name: str, content: bytes) -> None:
        replace(self.path / name, content)

    def prepare(self, folder: str) -> None:
        """Fail now, not after hours, where a folder of the store cannot be written."""
        place = self.path / folder
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=place):
            pass

    def remove(self, name: str) -> None:
        (self.path / name).unlink(missing_ok=True)

    def names(self, folder: str) -> list[str]:
        """What stands directly in a folder of the store, sorted."""
        place = self.path / folder
        return sorted(p.name for p in place.iterdir()) if place.is_dir() else []


class Bucket:
    """A place in S3 or Google Cloud Storage; a file is put there in one piece."""

    def __init__(self, address: str):
        from papermill.iorw import papermill_io

        self.address = address.rstrip("/")
        self._handler = papermill_io.get_handler(address)

    def __str__(self) -> str:
        return self.address

    def _ask(self, verb: str, *arguments):
        """What papermill's handler answers; each backend has errors of its own."""
        try:
            return getattr(self._handler, verb)(*arguments)
        except FileNotFoundError:
            raise
        except Exception as error:
            told = f"{self.address}: {type(error).__name__}: {error}"
            raise OSError(told) from error

    def read(self, name: str) -> bytes | None:
        folder, _, last = name.rpartition("/")
        if last not in self.names(folder):
            return None
        content = self._ask("read", f"{self.address}/{name}")
        return content if isinstance(content, bytes) else content.encode()

    def whole(self, name: str, digest: str) -> bool:
        """Whether the file is there: it was put there in one piece, or not at all."""
        folder, _, last = name.rpartition("/")
        return last in self.names(folder)

    def write(self, name: str, content: bytes) -> None:
        self._ask("write", content.decode(), f"{self.address}/{name}")

    def prepare(self, folder: str) -> None:
        """Fail now, not after hours, where the bucket does not answer."""
        self.names(folder)

    def remove(self, name: str) -> None:
        """Empty the file: papermill's handlers cannot remove one."""
        if self.read(name):
            self.write(name, b"")

    def names(self, folder: str) -> list[str]:
        place = f"{self.address}/{folder}/"
        try:
            found = self._ask("listdir", place)
        except FileNotFoundError:
            return []
        bare = place.split("://")[1]
        inside = (path.split("://")[-1].partition(bare)[2] for path in found)
        return sorted({name.split("/")[0] for name in inside if name})


def store(address: str | Path) -> Folder | Bucket:
    """The store at an address: a folder, s3://bucket/place or gs://bucket/place."""
    address = str(address)
    if address.startswith(REMOTE) and address.split("://")[1].strip("/"):
        return Bucket(address)
    if "://" in address or not address:
        raise ValueError(
            "a store is a folder, or s3://BUCKET/... or gs://BUCKET/..., "
            f"got {address!r}"
        )
    return Folder(address)

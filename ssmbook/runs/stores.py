"""Where runs are kept: a folder, or a bucket, through fsspec."""

from __future__ import annotations

import hashlib
import tempfile
import uuid
from pathlib import Path

import fsspec

REMOTE = ("s3", "gs", "memory")


def replace(path: Path, content: bytes) -> None:
    """Write a file so that a reader of `path` never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        part.write_bytes(content)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def sha256(content: bytes) -> str:
    """The checksum by which stored files are known."""
    return hashlib.sha256(content).hexdigest()


class Store:
    """Files by name below an address; each is there whole or not at all.

    folder: the path where it is a folder of this machine, None for a bucket.
    """

    def __init__(self, address: str | Path):
        self.address = str(address)
        protocol, remote, rest = self.address.partition("://")
        self.folder = None if remote else Path(self.address)
        if not self.address or (remote and protocol not in REMOTE):
            raise ValueError(
                "a store is a folder, or an address s3://BUCKET/... or "
                f"gs://BUCKET/..., got {self.address!r}"
            )
        if remote and not rest.strip("/"):
            raise ValueError(f"a store in a bucket names it, got {self.address!r}")
        try:
            self.files, self.root = fsspec.url_to_fs(
                self.address.rstrip("/"), use_listings_cache=False
            )
        except ImportError as error:
            raise ValueError(f"{self.address}: {error}") from error

    def __str__(self) -> str:
        return self.address

    def _ask(self, verb: str, name: str, *arguments, **options):
        """What the file system answers; each backend has errors of its own."""
        path = f"{self.root}/{name}"
        try:
            return getattr(self.files, verb)(path, *arguments, **options)
        except (FileNotFoundError, NotADirectoryError):
            raise
        except Exception as error:
            if self.folder is not None:
                raise
            reason = f"{self.address}: {type(error).__name__}: {error}"
            raise OSError(reason) from error

    def read(self, name: str) -> bytes | None:
        """A file's content, None where there is none."""
        try:
            return self._ask("cat_file", name)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def holds(self, name: str, digest: str) -> bool:
        """Whether the file is there, with this SHA-256."""
        content = self.read(name)
        return content is not None and sha256(content) == digest

    def write(self, name: str, content: bytes) -> None:
        """Put a file there in one piece."""
        if self.folder is not None:
            replace(self.folder / name, content)
            return
        try:
            self._ask("pipe_file", name, content)
        except FileNotFoundError as error:  # of the bucket
            raise OSError(f"{self.address}: {error}") from error

    def check_writable(self, folder: str) -> None:
        """Fail now, not after hours, where a folder of the store cannot be written."""
        if self.folder is None:
            self.names(folder)
            return
        path = self.folder / folder
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass

    def remove(self, name: str) -> None:
        """Remove a file, which need not be there."""
        try:
            self._ask("rm_file", name)
        except FileNotFoundError:
            pass

    def names(self, folder: str) -> list[str]:
        """What lies directly in a folder of the store, sorted."""
        try:
            entries = self._ask("ls", folder, detail=False)
        except (FileNotFoundError, NotADirectoryError):
            return []
        own = f"{self.root}/{folder}".strip("/")  # some list the folder itself
        paths = {str(entry).strip("/") for entry in entries} - {own}
        return sorted(path.rpartition("/")[2] for path in paths)

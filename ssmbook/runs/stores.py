"""Where runs are stored: a folder, or a bucket, through fsspec."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import stat
import tempfile
import uuid
from pathlib import Path

import fsspec

from ssmbook.notebook.files import check_name

__all__ = ["REMOTE", "Store", "check_name", "replace", "sha256"]

REMOTE = ("s3", "gs", "memory")
#: a file that is being written, or that a process left when it was killed
_PART = re.compile(r"\..+\.[0-9a-f]{32}\.part")


def replace(path: Path, content: bytes) -> None:
    """Write a file so that a reader of `path` never sees half of it.

    The parts that killed processes left in its folder are removed. A process that
    lives holds a lock on its own. A file that is there keeps its permissions.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_stale_parts(path.parent)
    while True:
        part = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
        try:
            with part.open("xb") as file:
                with contextlib.suppress(OSError):  # not every file system has locks
                    fcntl.flock(file, fcntl.LOCK_EX)
                if not part.exists():
                    continue  # removed as stale before it was locked
                file.write(content)
                file.flush()
                with contextlib.suppress(FileNotFoundError):
                    os.fchmod(file.fileno(), stat.S_IMODE(path.stat().st_mode))
                part.replace(path)
            return
        except OSError as error:
            named(error, path)
            raise
        finally:
            part.unlink(missing_ok=True)


def named(error: OSError, path: Path) -> None:
    """Give an error the path of its file, which a failed write does not name."""
    if error.errno is not None and error.filename is None:
        error.filename = str(path)


def writable(folder: Path) -> Path:
    """Make a folder and check that it can be written; OSError where it cannot."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OSError(
            f"{folder} cannot be written ({error.strerror}): choose another folder, or "
            "make it writable"
        ) from error
    return folder


def _remove_stale_parts(folder: Path) -> None:
    """Remove the parts in a folder that no living process holds."""
    names = []
    with contextlib.suppress(PermissionError):  # of a folder that cannot be listed
        names = os.listdir(folder)
    for name in filter(_PART.fullmatch, names):
        with contextlib.suppress(OSError), (folder / name).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            (folder / name).unlink()


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
        self.folder = None
        if not self.address or (remote and protocol not in REMOTE):
            raise ValueError(
                "a store is a folder, or an address s3://BUCKET/... or "
                f"gs://BUCKET/..., got {self.address!r}"
            )
        if not remote:
            # `..` is left to the system: behind a link it is another than in text.
            self.folder = Path(self.address).absolute()
            self.files, self.root = fsspec.filesystem("file"), str(self.folder)
            return
        if not rest.strip("/"):
            raise ValueError(f"a store in a bucket names it, got {self.address!r}")
        for name in rest.strip("/").split("/"):
            check_name(name, f"each part of the address {self.address!r}")
        try:
            self.files, self.root = fsspec.url_to_fs(
                self.address.rstrip("/"), use_listings_cache=False
            )
        except ImportError as error:
            raise ValueError(f"{self.address}: {error}") from error

    def __str__(self) -> str:
        return self.address

    def _checked(self, name: str) -> str:
        """A name within the store; ValueError for one that leads out of it."""
        for part in name.split("/") if name else ():
            check_name(part, f"{self.address}: each part of the name {name!r}")
        return name

    def _ask(self, verb: str, name: str, *arguments, **options):
        """What the file system answers; each backend has errors of its own."""
        path = f"{self.root}/{self._checked(name)}"
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
        """A file's content, None where there is none; ValueError for a pipe."""
        if self.folder is not None:
            path = self.folder / name
            if path.exists() and not (path.is_file() or path.is_dir()):
                raise ValueError(f"{path} is neither a file nor a folder")
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
            replace(self.folder / self._checked(name), content)
            return
        try:
            self._ask("pipe_file", name, content)
        except FileNotFoundError as error:  # of the bucket
            raise OSError(f"{self.address}: {error}") from error

    def check_writable(self, folder: str) -> None:
        """Fail now, not after hours, where a folder of the store cannot be written."""
        if self.folder is None:
            # Who may read a bucket may not be allowed to write, or to remove.
            name = f"{folder}/.writable-{uuid.uuid4().hex}"
            self.write(name, b"")
            self.remove(name)
            return
        writable(self.folder / folder)

    def remove(self, name: str) -> None:
        """Remove a file, which need not be there."""
        try:
            self._ask("rm_file", name)
        except FileNotFoundError:
            pass

    def names(self, folder: str) -> list[str]:
        """What lies directly in a folder of the store, sorted.

        Without parts of files, and without names that no file of a store has.
        """
        try:
            entries = self._ask("ls", folder, detail=False)
        except (FileNotFoundError, NotADirectoryError):
            return []
        own = f"{self.root}/{folder}".strip("/")  # some list the folder itself
        paths = {str(entry).strip("/") for entry in entries} - {own}
        return sorted(filter(_is_own, (path.rpartition("/")[2] for path in paths)))


def _is_own(name: str) -> bool:
    with contextlib.suppress(ValueError):
        return not _PART.fullmatch(check_name(name, "name"))
    return False

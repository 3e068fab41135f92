"""Files that several processes, or a process and a person, write at the same time."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

from ssmbook.runs.stores import Store, named, replace

WAIT = 12 * 3600  # seconds that a command waits for another one
_LOOK = 0.2  # seconds between two looks at a lock
#: the lock of a folder, and the process that has it
LOCK = ".lock"


def _command() -> str:
    """The command line of this process, as a person would type it."""
    name = Path(sys.argv[0]).name
    return shlex.join(["ssmbook" if name == "__main__.py" else name, *sys.argv[1:]])


def _owner(path: Path) -> str:
    """The process that has a lock, in words."""
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        return f"process {known['pid']} ({known['command']}, since {known['since']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"  # one that has not written its name yet


@contextlib.contextmanager
def lock(folder: Path) -> Iterator[bool]:
    """Lock a folder for one process; another one waits and says on stderr for whom.

    The kernel releases the lock when the process ends, however it ends. Yields whether
    it waited: then what was read before may have changed.

    Raises:
        OSError: where the folder cannot be written, or its file system has no locks.
        TimeoutError: where the other process has it for longer than WAIT.
    """
    from filelock import FileLock, Timeout

    path = folder / LOCK
    held = FileLock(path, poll_interval=_LOOK, fallback_to_soft=False)
    waited = False
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            held.acquire(timeout=0)
        except Timeout:
            waited = True
            said = f"waiting for {_owner(path)}, which works in {folder}"
            print(said, file=sys.stderr, flush=True)
            held.acquire(timeout=WAIT)
    except Timeout as error:
        raise TimeoutError(
            f"{_owner(path)} still works in {folder} after {WAIT / 3600:g} hours: end "
            "it, or run this command again later"
        ) from error
    except OSError as error:
        raise OSError(
            f"cannot lock {folder}: {error.strerror or error}. This command needs a "
            "folder that it can write, on a file system that has locks"
        ) from error
    try:
        since = datetime.now().astimezone().isoformat(" ", "seconds")
        about = {"pid": os.getpid(), "command": _command(), "since": since}
        try:
            path.write_text(json.dumps(about) + "\n", encoding="utf-8")
        except OSError as error:
            named(error, path)
            raise
        yield waited
    finally:
        held.release()


@contextlib.contextmanager
def lock_in(store: Store, folder: str) -> Iterator[bool]:
    """Lock a folder of a store, as `lock` does. A bucket has no locks."""
    if store.folder is None:
        yield False
        return
    with lock(store.folder / folder) as waited:
        yield waited


def content(path: Path) -> bytes | None:
    """Return what a file contains, None where there is none."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def update(
    root: Path, new: Mapping[Path, bytes], seen: Mapping[Path, bytes | None]
) -> None:
    """Replace files of the repository, unless one was changed since it was read.

    Args:
        root: the repository.
        new: the new content of each file.
        seen: what `content` gave for each file when the work began.

    Raises:
        ValueError: where a file was changed. Then all are left as they are, and the
            new content is written into `_build/not-stored`.
    """
    edited = [str(path) for path in new if content(path) != seen[path]]
    if not edited:
        for path, whole in new.items():
            replace(path.resolve(), whole)  # not the link, where it is one
        return
    beside = root / "_build" / "not-stored"
    copies = {beside / path.relative_to(root): whole for path, whole in new.items()}
    for path, whole in copies.items():
        replace(path, whole)
    raise ValueError(
        f"{', '.join(edited)} was changed while this command ran, and is left as it "
        f"is; the new content is in {', '.join(map(str, copies))}"
    )

"""The audit hook of a kernel: it refuses what the key of a run does not cover.

`launch` loads this file alone, before the repository's packages can be imported.
"""

from __future__ import annotations

import importlib
import os
import stat
import sys
import time
from collections.abc import Callable
from urllib.parse import unquote, urlsplit


class Uncovered(PermissionError):
    """A file that the key of the run does not cover."""


class Refused(RuntimeError):
    """A listing or a program. No OSError: `glob` and `os.walk` would pass over it."""


#: commands that may be started, with the library that asks for each; they tell of the
#: machine, and read no file that their arguments name
_COMMANDS = (
    ("uname", "-p"),  # `platform`, at the start of a kernel
    ("fc-list", "--help"),  # Matplotlib, where it has no list of fonts yet
    ("fc-list", r"--format=%{file}\n"),
    ("system_profiler", "-xml", "SPFontsDataType"),
    ("/sbin/ldconfig", "-p"),  # `ctypes.util`, to find a library
    ("lscpu", "--parse=core"),  # joblib, to count cores
)
#: Python's own code that lists the folders of modules, which `isolation.check` checks
_IMPORTING = ("<frozen importlib", os.path.dirname(importlib.__file__))


class Reads:
    """An audit hook that refuses to read files that the key does not cover.

    It also refuses to list other folders, and to start processes: no hook would see
    their reads. A file or folder that was made after the kernel had started is the
    run's own. Files that compiled code opens without Python are not seen, and neither
    are questions for the size or the existence of a file.

    Args:
        places: for a beginning of paths, whether files there may be read; the longest
            beginning decides, and without one they may not.
        covered: files and folders that may be read, wherever they are.
        listed: folders that may be listed, with those below.
        refusals: a file for the refusals, as a cell may catch the errors.
    """

    def __init__(
        self,
        places: dict[str, bool],
        covered: list[str],
        listed: list[str],
        refusals: str,
    ):
        self.places = sorted(places.items(), key=lambda item: -len(item[0]))
        self.covered = {*covered}
        self.listable = {*listed}
        self.started = time.time()
        self.refusals = refusals
        self.older: set[str] = set()  # changed by the run, with content from before
        self.made: set[str] = set()  # folders
        self.handlers: dict[str, Callable] = {
            "open": self.opened,
            "sqlite3.connect": self.connected,
            "ctypes.dlopen": lambda name: self.opened(name, "", os.O_RDONLY),
            "os.listdir": self.lists,
            "os.scandir": self.lists,
            "os.mkdir": self.makes,
            "os.utime": lambda path, *others: self.touched(path, others[-1]),
            "os.chmod": lambda path, *others: self.touched(path, others[-1]),
            "os.chown": lambda path, *others: self.touched(path, others[-1]),
            "os.truncate": lambda path, _: self.touched(path),
            "os.setxattr": lambda path, *_: self.touched(path),
            "os.removexattr": lambda path, *_: self.touched(path),
            "os.link": self.named,
            "os.rename": self.named,
            "os.system": self.starts,
            "os.exec": lambda path, command, _: self.starts(command),
            "os.posix_spawn": lambda path, command, _: self.starts(command),
            "subprocess.Popen": lambda path, command, *_: self.starts(command),
            "_posixsubprocess.fork_exec": self.starts,
            "os.fork": lambda: self.starts("a copy of itself"),
            "os.forkpty": lambda: self.starts("a program in a terminal"),
        }

    def __call__(self, event: str, arguments: tuple) -> None:
        """Look at one event; raise an error where it reads what is not covered."""
        handler = self.handlers.get(event)
        if handler is not None:
            handler(*arguments)

    def opened(self, path, mode, flags: int | None) -> None:
        """Refuse an uncovered file that is opened for reading."""
        if isinstance(path, int):  # its file was opened before
            return
        folders: list[str | None] = [None]
        if mode is None and not os.path.isabs(path):
            # `os.open`, which may start in any open folder, and the event has no more.
            folders += _open_folders()
        for folder in folders:
            file = self.uncovered(path, folder)
            if file is None:
                continue
            if (flags or 0) & os.O_TRUNC:
                if folder is None:
                    self.older.discard(file)
            elif (flags or 0) & os.O_ACCMODE == os.O_WRONLY:
                self.older.add(file)
            else:
                reason = self.refuse(f"reads {file}", "an edit")
                # `isolation.check` has more to say of a module.
                if not _caller().startswith(_IMPORTING):
                    raise Uncovered(reason)

    def connected(self, database) -> None:
        """Refuse an uncovered data base, whether its name is a URI or not."""
        self.opened(database, "", os.O_RDWR)
        name = os.fsdecode(database)
        if name.startswith("file:"):
            self.opened(unquote(urlsplit(name).path), "", os.O_RDWR)

    def uncovered(self, path, folder=None) -> str | None:
        """The real path of a file that may not be read; None for any other."""
        try:
            file = _exact(path, folder)
            if self.allows(file):
                return None
            about = os.stat(file)
        except (TypeError, ValueError, OSError):  # no path, or nothing there
            return None
        real = os.path.realpath(file)
        if stat.S_ISDIR(about.st_mode) or self.allows(real):
            return None
        return real if about.st_ctime < self.started or real in self.older else None

    def touched(self, path, folder=None) -> bool:
        """Note that a file is about to change, but not its content."""
        file = self.uncovered(path, folder)
        if file is not None:
            self.older.add(file)
        return file is not None

    def named(self, old, new, old_folder, new_folder) -> None:
        """Note another name of a file or of a folder."""
        before, after = _entry(old, old_folder), _entry(new, new_folder)
        if self.touched(old, old_folder):
            self.older.add(after)
        made = {m for m in self.made if _below(m, {before})}
        self.made -= {m for m in self.made if _below(m, {after})}
        self.made |= {after + m.removeprefix(before) for m in made}

    def makes(self, path, mode, folder) -> None:
        """Note a folder that the run makes."""
        made = _entry(path, folder)
        if not os.path.lexists(made):
            self.made.add(made)

    def lists(self, path) -> None:
        """Refuse to list a folder that is neither covered nor the run's own."""
        try:
            if isinstance(path, int):
                folder = os.readlink(f"/proc/self/fd/{path}")
            else:
                folder = _exact(path or ".")
        except (ValueError, OSError):
            return
        real = os.path.realpath(folder)
        if (
            not any(self.allows(f"{name.rstrip('/')}/") for name in (folder, real))
            and real not in self.made
            and not _below(real, self.listable)
            and os.path.isdir(real)
            and not _caller().startswith(_IMPORTING)
        ):
            raise Refused(self.refuse(f"lists {real}", "a change"))

    def starts(self, command) -> None:
        """Refuse a process, unless its command is one of the few that are allowed."""
        words = [command] if isinstance(command, (str, bytes)) else command
        words = [*map(os.fsdecode, words)]
        if tuple(words) not in _COMMANDS:
            reason = (
                f"the notebook starts {' '.join(words)[:200]}: the key of the run "
                "cannot cover the files that another process reads; do the work in "
                "the notebook's own process, or before the run, and give the path of "
                "its output by a parameter that is marked <path>"
            )
            self.note(reason)
            raise Refused(reason)

    def refuse(self, what: str, change: str) -> str:
        """Note and return the reason for which an access is refused."""
        reason = (
            f"the notebook {what}, which the key of the run does not cover: {change} "
            "there would go unseen; give its path by a parameter that is marked <path>"
        )
        self.note(reason)
        return reason

    def note(self, reason: str) -> None:
        """Write the reason of a refusal into the file of them."""
        with open(self.refusals, "a", encoding="utf-8") as refusals:
            refusals.write(f"{reason}\n")

    def allows(self, path: str) -> bool:
        """Whether the key covers a path, or it is part of the installed system.

        A path below /proc may lead anywhere, so that its real path decides.
        """
        if path.startswith("/proc/"):
            path = os.path.realpath(path)
        found = (yes for place, yes in self.places if path.startswith(place))
        return next(found, False) or _below(path, self.covered)


def _exact(path, folder=None) -> str:
    """An absolute path without `..`, which does not skip links as `abspath` does.

    folder: where a relative path starts, as a path or an open file; -1 for none.
    """
    if isinstance(folder, int):
        folder = f"/proc/self/fd/{folder}" if folder >= 0 else None
    name = os.path.join(folder or os.getcwd(), os.fsdecode(path))
    head, up, tail = f"{name}/".rpartition("/../")
    if up:
        name = os.path.join(os.path.realpath(f"{head}/.."), tail)
    return os.path.normpath(name)


def _entry(path, folder=None) -> str:
    """A path whose folder is real, but which may be a link itself."""
    folder, name = os.path.split(_exact(path, folder))
    return os.path.join(os.path.realpath(folder), name)


def _below(path: str, folders: set[str]) -> bool:
    while path not in folders and path != os.path.dirname(path):
        path = os.path.dirname(path)
    return path in folders


def _open_folders() -> list[str]:
    """The folders that this process has opened, of which `dir_fd` may name one."""
    try:
        links = [f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd")]
    except FileNotFoundError:  # no Linux
        return []
    return [os.path.realpath(link) for link in links if os.path.isdir(link)]


def _caller() -> str:
    """The file of the code that caused an event."""
    return sys._getframe(3).f_code.co_filename

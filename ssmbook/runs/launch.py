"""Start a kernel that reads nothing of its user's; a script, which `isolation` calls.

Arguments: the root of the repository, the names of its packages, separated by commas,
the file that says what may be read, as `coverage` makes it, and those of ipykernel.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
import time
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path


class Source(SourceFileLoader):
    """Compile the source that the key covers: bytecode beside it may be of another."""

    def get_code(self, fullname: str):
        """Return the code object that is compiled from the source."""
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


class Repository:
    """Finds the repository's packages in the repository, whatever lies on the path."""

    def __init__(self, root: Path, packages: list[str]):
        self.root, self.packages = root, packages

    def find_spec(self, name: str, path=None, target=None) -> ModuleSpec | None:
        """Find a module of the repository by its name; None for any other."""
        if name.partition(".")[0] not in self.packages:
            return None
        place = self.root.joinpath(*name.split("."))
        package = place / "__init__.py"
        file = package if package.is_file() else place.with_suffix(".py")
        if not file.is_file():
            return None
        return spec_from_file_location(
            name,
            file,
            loader=Source(name, str(file)),
            submodule_search_locations=[str(place)] if file == package else None,
        )


class Uncovered(PermissionError):
    """A file that the key of the run does not cover. Children of a fork end with it."""


class Reads:
    """An audit hook that refuses to read files that the key does not cover.

    A file that was written after the kernel had started is the run's own. Files that
    compiled code opens without Python are not seen.

    Args:
        places: for a beginning of paths, whether files there may be read; the longest
            beginning decides, and without one they may not.
        covered: files and folders that may be read, wherever they are.
        refusals: a file for the refusals, which a child of a fork can write, too.
    """

    def __init__(self, places: dict[str, bool], covered: list[str], refusals: str):
        self.places = sorted(places.items(), key=lambda item: len(item[0]))
        self.covered = {*covered}
        self.started = time.time()
        self.refusals = refusals
        self.older: set[str] = set()  # changed by the run, with content from before

    def __call__(self, event: str, arguments: tuple) -> None:
        """Look at one event; raise Uncovered where it reads such a file."""
        if event == "open":
            path, _, flags = arguments
            self.opened(path, flags or 0)
        elif event in ("sqlite3.connect", "ctypes.dlopen"):
            self.opened(arguments[0], os.O_RDWR)
        elif event in ("os.utime", "os.chmod", "os.chown"):
            self.touched(arguments[0])
        elif event in ("os.rename", "os.link"):
            self.touched(*arguments[:2])
        elif event in ("os.system", "pty.spawn"):
            self.started_program(arguments[0], None)
        elif event in ("subprocess.Popen", "os.exec", "os.posix_spawn"):
            cwd = arguments[2] if event == "subprocess.Popen" else None
            self.started_program(arguments[1], cwd)

    def opened(self, path, flags: int, folder=None) -> None:
        """Refuse an uncovered file that is opened for reading, relative to `folder`."""
        file = self.uncovered(path, folder)
        if file is None:
            return
        if flags & os.O_TRUNC:
            self.older.discard(file)
            return
        if flags & os.O_ACCMODE == os.O_WRONLY:
            self.older.add(file)
            return
        reason = (
            f"the notebook reads {file}, which the key of the run does not cover: an "
            "edit there would go unseen; give its path by a parameter that is marked "
            "<path>"
        )
        with open(self.refusals, "a", encoding="utf-8") as refusals:
            refusals.write(f"{reason}\n")
        # `isolation.check` has more to say of a module.
        if "importlib" not in sys._getframe(2).f_code.co_filename:
            raise Uncovered(reason)

    def uncovered(self, path, folder=None) -> str | None:
        """The absolute path of a file that may not be read; None for any other."""
        try:
            name = os.fsdecode(path).removeprefix("file:").partition("?mode=")[0]
            file = os.path.abspath(os.path.join(os.fsdecode(folder or ""), name))
            changed = os.stat(file).st_ctime if os.path.isfile(file) else None
        except (TypeError, ValueError, OSError):  # a number, or no path
            return None
        if changed is None or self.allows(file):
            return None
        return file if changed < self.started or file in self.older else None

    def touched(self, *paths) -> None:
        """Note that files are about to change, but not their content."""
        if any(map(self.uncovered, paths[:1])):
            self.older |= {os.path.abspath(os.fsdecode(path)) for path in paths}

    def started_program(self, arguments, folder) -> None:
        """Refuse a program one of whose arguments names an uncovered file."""
        given = [arguments] if isinstance(arguments, (str, bytes)) else arguments
        for argument in map(os.fsdecode, given):
            try:
                words = {argument, *shlex.split(argument)}
            except ValueError:  # no shell would read it
                words = {argument}
            for word in words:
                self.opened(word, os.O_RDONLY, folder)

    def allows(self, file: str) -> bool:
        """Whether the key covers a file, or it is part of the installed system."""
        for path in (file, os.path.realpath(file)):
            while path not in self.covered and path != os.path.dirname(path):
                path = os.path.dirname(path)
            if path in self.covered:
                return True
        found = [allowed for place, allowed in self.places if file.startswith(place)]
        return bool(found) and found[-1]


def main() -> None:
    """Serve a kernel until it is shut down."""
    root, packages, readable = sys.argv[1:4]
    del sys.argv[1:4]
    refusals = str(Path(readable).with_name("refusals"))
    # The code of `isolation.LOADED` reads it at the end.
    sys.ssmbook_refusals = refusals  # pyright: ignore[reportAttributeAccessIssue]
    rules = json.loads(Path(readable).read_text(encoding="utf-8"))
    sys.addaudithook(Reads(**rules, refusals=refusals))
    sys.meta_path.insert(0, Repository(Path(root), packages.split(",")))
    from ipykernel.kernelapp import IPKernelApp

    class Isolated(IPKernelApp):
        """No file of settings and no start-up file, of a user or of a system."""

        def load_config_file(self, *_, **__) -> None: ...

        def _run_startup_files(self) -> None: ...

    Isolated.launch_instance()


if __name__ == "__main__":
    main()

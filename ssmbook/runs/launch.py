"""Start a kernel that reads nothing of its user's; a script, which `isolation` calls.

Arguments: the root of the repository, the names of its packages, separated by commas,
the file that says what may be read, as `coverage` makes it, and those of ipykernel.
"""

from __future__ import annotations

import _posixsubprocess
import json
import sys
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType


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


def beside(name: str) -> ModuleType:
    """Load the file of that name beside this one, which a notebook cannot import."""
    loader = Source(name, str(Path(__file__).with_name(f"{name}.py")))
    module = module_from_spec(ModuleSpec(name, loader))
    loader.exec_module(module)
    return module


def audit_processes() -> None:
    """Raise an event where `multiprocessing` starts a process: Python has none."""
    start = _posixsubprocess.fork_exec

    def fork_exec(command, *options):
        sys.audit("_posixsubprocess.fork_exec", command)
        return start(command, *options)

    _posixsubprocess.fork_exec = fork_exec


def main() -> None:
    """Serve a kernel until it is shut down."""
    root, packages, readable = sys.argv[1:4]
    del sys.argv[1:4]
    refusals = str(Path(readable).with_name("refusals"))
    # The code of `isolation.LOADED` reads it at the end.
    sys.ssmbook_refusals = refusals  # pyright: ignore[reportAttributeAccessIssue]
    rules = json.loads(Path(readable).read_text(encoding="utf-8"))
    audit_processes()
    sys.addaudithook(beside("hook").Reads(**rules, refusals=refusals))
    sys.meta_path.insert(0, Repository(Path(root), packages.split(",")))
    from ipykernel.kernelapp import IPKernelApp

    class Isolated(IPKernelApp):
        """No file of settings and no start-up file, of a user or of a system."""

        def load_config_file(self, *_, **__) -> None: ...

        def _run_startup_files(self) -> None: ...

    Isolated.launch_instance()


if __name__ == "__main__":
    main()

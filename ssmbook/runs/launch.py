"""Start a kernel that reads nothing of its user's; a script, which `isolation` calls.

Arguments: the root of the repository, the names of its packages, separated by commas,
and those of ipykernel.
"""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path


class Source(SourceFileLoader):
    """Compile the source that the key covers: bytecode beside it may be of another."""

    def get_code(self, fullname: str):
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


def main() -> None:
    """Serve a kernel until it is shut down."""
    root, packages = sys.argv[1:3]
    del sys.argv[1:3]
    sys.meta_path.insert(0, Repository(Path(root), packages.split(",")))
    from ipykernel.kernelapp import IPKernelApp

    class Isolated(IPKernelApp):
        """No file of settings and no start-up file, of a user or of a system."""

        def load_config_file(self, *_, **__) -> None: ...

        def _run_startup_files(self) -> None: ...

    Isolated.launch_instance()


if __name__ == "__main__":
    main()

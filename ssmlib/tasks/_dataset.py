"""One data set of the registry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

from ssmlib.tasks._sources import File

Kind = Literal["series", "images", "speech", "medicine", "generated", "folder"]


@dataclass(frozen=True)
class Dataset:
    """A data set.

    Attributes:
        name: unique name, by which `recommend` loads a series or images.
        kind: the kind of data; "folder" for one of any kind that is read from a folder
            that the user names.
        what: the content, in one phrase.
        length: steps of a series or of one sequence, in words.
        unit: unit of a series; "" for other kinds.
        license: the license, and its source.
        citations: BibTeX keys in the book's references.
        loader: "module:function" of `ssmlib.tasks`.
        files: the files that are read, or their archive, with checksums; none if it is
            generated, or no checksum is published.
        held_out: whether no choice in this project was made on it.
        folder: its folder below the one that the variable SSMLIB_DATA names; "" unless
            it is read from there.
        where: the place from which the user gets its files.
    """

    name: str
    kind: Kind
    what: str
    length: str
    license: str
    citations: tuple[str, ...]
    loader: str
    files: tuple[File, ...] = ()
    unit: str = ""
    held_out: bool = False
    folder: str = ""
    where: str = ""

    @property
    def package(self) -> str:
        """The package that carries the files; "" if there is none."""
        return self.files[0].package if self.files else ""

    def function(self) -> Callable[..., Any]:
        """Return the function that loads or generates the data set."""
        module, _, name = self.loader.partition(":")
        return getattr(import_module(f"ssmlib.tasks.{module}"), name)

    def load(self) -> Any:
        """Load it: a series by its name, other kinds with their default arguments.

        One of the kind "folder" is read below the folder that SSMLIB_DATA names.

        Raises:
            ValueError: for a data set that needs arguments, a changed file, or if
                SSMLIB_DATA is needed and not set.
            FileNotFoundError: if a folder or a file is missing.
            ModuleNotFoundError: if the package that carries it is not installed.
        """
        if not (self.package or self.folder):
            raise ValueError(f"{self.name} needs arguments: call {self.loader}")
        return self.function()(*((self.name,) if self.kind == "series" else ()))

    def as_dict(self) -> dict[str, Any]:
        """Return the entry in plain types; `load` is None unless a package has it."""
        held_out = "; held out" if self.held_out else ""
        return {
            "name": self.name,
            "description": f"{self.what}{held_out}; {self.length}",
            "license": self.license,
            "package": self.package,
            "citations": list(self.citations),
            "checksums": {f.path: f.sha256 or f"md5:{f.md5}" for f in self.files},
            "load": self.load if self.package else None,
        }

"""What decides a notebook's outputs, and the key under which they are kept.

Its code, its parameters, the modules of this repository that it imports and those
they import, the files that its parameters name, the longer run that it reads, the
locks, the installed versions of their packages, Python, threads. The docstrings,
comments and layout of modules do not count: `runs.code` says how.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import ssmbook
from ssmbook.notebook.kept import read_by
from ssmbook.runs import code, inputs, installed

if TYPE_CHECKING:
    from grimp import ImportGraph

ROOT = Path(ssmbook.__file__).resolve().parents[1]
#: what is installed: packages, and those installed for their data files alone
LOCKS = ("requirements.lock", "requirements-torch.lock", "requirements-data.lock")
#: variables of the user that choose code or libraries; a kernel sees them
CHOOSING = (
    "ATEN_CPU_CAPABILITY",
    "OPENBLAS_CORETYPE",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
)


@cache
def packages() -> tuple[str, ...]:
    """The packages that lie in this repository."""
    return tuple(sorted(p.parent.name for p in ROOT.glob("*/__init__.py")))


@cache
def _graph(names: tuple[str, ...]) -> ImportGraph:
    import grimp
    from grimp.application.config import settings
    from grimp.application.ports.packagefinder import AbstractPackageFinder

    class Repository(AbstractPackageFinder):
        """Takes a package from the repository, not from wherever it is imported."""

        def determine_package_directories(self, package_name, file_system) -> set[str]:
            return {str(ROOT / package_name)}

    settings.configure(PACKAGE_FINDER=Repository())
    # An import for a type checker alone loads nothing.
    return grimp.build_graph(*names, cache_dir=None, exclude_type_checking_imports=True)


def versions(imported: Iterable[str] = ()) -> dict[str, str | None]:
    """The packages of the locks with their installed versions; None for a missing one.

    An installation may differ from the locks, and its versions decide results.
    imported: names that are imported, whose packages need be in no lock; one without
    a version has its content instead.
    """
    lines = b"\n".join(_locks()).decode().splitlines()
    named = {
        installed.normal(line.partition("==")[0].strip())
        for line in lines
        if "==" in line
    }
    names = {name.partition(".")[0] for name in imported} - {*packages()}
    found = {name: installed.installed().get(name) for name in sorted(named)}
    others = {n for n in names if found.get(installed.normal(n)) is None}
    return found | installed.provided(others)


def _cells(node) -> list[str]:
    return [cell.source for cell in node.cells if cell.cell_type == "code"]


def _plain(source: str) -> str:
    """Code without IPython's magic."""
    lines = source.splitlines()
    return "\n".join("" if line.startswith(("%", "!")) else line for line in lines)


def _named(node) -> set[str]:
    """The names that a notebook imports; ValueError for a cell that is no Python."""
    try:
        cells = (_plain(cell).encode() for cell in _cells(node))
        return set().union(*map(code.imported, cells))
    except SyntaxError as error:
        raise ValueError(f"a cell of the notebook is no Python: {error}") from error


def modules(node) -> frozenset[str]:
    """The repository's modules that a notebook can load: its imports, and theirs.

    Raises ValueError for a cell that is no Python.
    """
    named = _named(node)
    own = {name.partition(".")[0] for name in named} & set(packages())
    if not own:
        return frozenset()
    graph = _graph(tuple(sorted(own)))
    waiting, closed = [n for n in named if n in graph.modules], set()
    while waiting:
        name = waiting.pop()
        if name not in closed:
            closed.add(name)
            waiting += graph.find_modules_directly_imported_by(name)
            waiting += [name.rpartition(".")[0]] if "." in name else []
    return frozenset(closed)


def _imports(node, loaded: frozenset[str]) -> set[str]:
    """The names that a notebook and its modules import."""
    files = [file for file in map(source, loaded) if file.is_file()]
    return _named(node).union(*(code.imported(file.read_bytes()) for file in files))


def source(module: str) -> Path:
    """The file of one of the repository's modules."""
    path = ROOT.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def code_hash(names: frozenset[str], cells: Iterable[str] = ()) -> str:
    """sha256 over modules of the repository, by name and code.

    cells: code that uses the modules, and may read their docstrings.
    """
    files = {name: source(name) for name in sorted(names)}
    found = {n: f.read_bytes() if f.is_file() else b"" for n, f in files.items()}
    known = [*found.values(), *[_plain(cell).encode() for cell in cells]]
    plain = any(map(code.reads_prose, known))
    digest = hashlib.sha256()
    for name, content in found.items():
        own = content if plain else code.without_prose(content)
        digest.update(name.encode() + b"\0" + own + b"\0")
    return digest.hexdigest()


def _data(names: frozenset[str]) -> list[tuple[Path, str | None]]:
    """All but code in the packages of modules, which these may read; as `walk`."""
    return [
        (path, kind)
        for package in sorted({name.partition(".")[0] for name in names})
        for path, kind in inputs.walk(ROOT / package)
        if path.suffix not in (".py", ".pyc") and path.name != "__pycache__"
    ]


def data_hash(names: frozenset[str]) -> str:
    """sha256 of all but code in the packages of modules, which these may read."""
    digest = hashlib.sha256()
    for path, kind in _data(names):
        name = path.relative_to(ROOT).as_posix()
        content = path.read_bytes() if kind is None else kind.encode()
        digest.update(name.encode() + b"\0" + content + b"\0")
    return digest.hexdigest()


def _locks() -> list[bytes]:
    files = [ROOT / name for name in LOCKS]
    return [file.read_bytes() for file in files if file.is_file()]


def lock_hash() -> str:
    """sha256 of the locks there are."""
    return hashlib.sha256(b"\0".join(_locks())).hexdigest()


def _kept_hash(node) -> str:
    """sha256 of the longer runs that a notebook reads, where they are made."""
    files = sorted(read_by(map(_plain, _cells(node))))
    content = [file.read_bytes() for file in files if file.is_file()]
    return hashlib.sha256(b"\0".join(content)).hexdigest()


def files(node) -> list[Path]:
    """The files whose content the key of a notebook covers, whatever its parameters."""
    loaded = modules(node)
    kept = read_by(map(_plain, _cells(node)))
    # A document is checked as its notebook is read.
    documents = [p.with_name("run.json") for p in kept if p.suffix == ".ipynb"]
    data = [path for path, kind in _data(loaded) if kind is None]
    return [*map(source, loaded), *data, *kept, *documents]


def surroundings(node, threads: int) -> dict:
    """What decides a notebook's outputs beside its own code and parameters."""
    loaded = modules(node)
    return {
        "modules": code_hash(loaded, _cells(node)),
        "data": data_hash(loaded),
        "kept": _kept_hash(node),
        "lock": lock_hash(),
        "python": ".".join(platform.python_version_tuple()[:2]),
        "packages": versions(_imports(node, loaded)),
        "startup": installed.startup(),
        "variables": {n: os.environ[n] for n in CHOOSING if os.environ.get(n)},
        "threads": threads,
    }


def cache_key(around: dict, node, values: dict, files: dict | None = None) -> str:
    """sha256 of everything that decides a notebook's outputs; all `values` given.

    files: `inputs.hashes` of the values.
    """
    parts = {"cells": _cells(node), "parameters": values, "files": files or {}}
    return hashlib.sha256(
        json.dumps(parts | around, sort_keys=True).encode()
    ).hexdigest()


def check_loaded(node, loaded: set[str]) -> None:
    """Raise ValueError where a kernel loaded a module that the key does not cover."""
    beyond = sorted(loaded - modules(node))
    if beyond:
        raise ValueError(
            f"the notebook loaded {', '.join(beyond)}, which its imports do not name: "
            "an edit there would go unseen; import it in the notebook"
        )

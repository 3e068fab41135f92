"""What decides a notebook's outputs, and the key under which they are kept.

Its code, its parameters, the modules of this repository that it imports and those
they import, the longer run that it reads, the lock, Python, torch, threads.
"""

from __future__ import annotations

import ast
import hashlib
import json
import platform
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import ssmbook
from ssmbook.notebook.kept import read_by

if TYPE_CHECKING:
    from grimp import ImportGraph

ROOT = Path(ssmbook.__file__).resolve().parents[1]
#: what is installed: packages, and those installed for their data files alone
LOCKS = ("requirements.lock", "requirements-torch.lock", "requirements-data.lock")


@cache
def _packages() -> tuple[str, ...]:
    """The packages that lie in this repository."""
    return tuple(sorted(p.parent.name for p in ROOT.glob("*/__init__.py")))


@cache
def _graph(packages: tuple[str, ...]) -> ImportGraph:
    import grimp

    return grimp.build_graph(*packages, cache_dir=None)


def _cells(node) -> list[str]:
    return [cell.source for cell in node.cells if cell.cell_type == "code"]


def _plain(source: str) -> str:
    """Code without IPython's magic."""
    lines = source.splitlines()
    return "\n".join("" if line.startswith(("%", "!")) else line for line in lines)


def _imported(source: str) -> set[str]:
    """The names that Python code imports, modules or not."""
    names = set()
    for statement in ast.walk(ast.parse(_plain(source))):
        if isinstance(statement, ast.Import):
            names |= {alias.name for alias in statement.names}
        elif isinstance(statement, ast.ImportFrom) and statement.module:
            names.add(statement.module)
            names |= {f"{statement.module}.{a.name}" for a in statement.names}
    return names


def modules(node) -> frozenset[str]:
    """The repository's modules that a notebook can load: its imports, and theirs.

    Raises ValueError for a cell that is no Python.
    """
    try:
        named = set().union(*map(_imported, _cells(node)))
    except SyntaxError as error:
        raise ValueError(f"a cell of the notebook is no Python: {error}") from error
    own = {name.partition(".")[0] for name in named} & set(_packages())
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


def _source(module: str) -> bytes:
    path = ROOT.joinpath(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return file.read_bytes() if file.is_file() else b""


def code_hash(names: frozenset[str]) -> str:
    """sha256 over modules of the repository, by name and content."""
    digest = hashlib.sha256()
    for name in sorted(names):
        digest.update(name.encode() + b"\0" + _source(name) + b"\0")
    return digest.hexdigest()


def lock_hash() -> str:
    """sha256 of the locks there are."""
    files = [ROOT / name for name in LOCKS]
    content = [file.read_bytes() for file in files if file.is_file()]
    return hashlib.sha256(b"\0".join(content)).hexdigest()


def _kept_hash(node) -> str:
    """sha256 of the longer runs that a notebook reads, where they are made."""
    files = sorted(read_by(map(_plain, _cells(node))))
    content = [file.read_bytes() for file in files if file.is_file()]
    return hashlib.sha256(b"\0".join(content)).hexdigest()


def surroundings(node, threads: int) -> dict:
    """What decides a notebook's outputs beside its own code and parameters."""
    return {
        "modules": code_hash(modules(node)),
        "kept": _kept_hash(node),
        "lock": lock_hash(),
        "python": ".".join(platform.python_version_tuple()[:2]),
        "torch": version("torch"),
        "threads": threads,
    }


def cache_key(around: dict, node, values: dict) -> str:
    """sha256 of everything that decides a notebook's outputs; all `values` given."""
    parts = {"cells": _cells(node), "parameters": values} | around
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


#: code that prints which of the repository's modules a kernel has loaded
LOADED = f"""import sys
print(*sorted(n for n in sys.modules if n.partition(".")[0] in {_packages()!r}))"""


def check_loaded(node, loaded: set[str]) -> None:
    """Raise ValueError where a kernel loaded a module that the key does not cover."""
    beyond = sorted(loaded - modules(node))
    if beyond:
        raise ValueError(
            f"the notebook loaded {', '.join(beyond)}, which its imports do not name: "
            "an edit there would go unseen; import it in the notebook"
        )

"""The packages that are installed, and the code among them that Python starts with."""

from __future__ import annotations

import csv
import hashlib
import os
import re
import site
import sys
import sysconfig
from collections.abc import Iterable
from functools import cache
from importlib.machinery import PathFinder
from importlib.metadata import Distribution, distributions
from pathlib import Path

from ssmbook.runs import inputs

_STANDARD = frozenset(sys.stdlib_module_names)
#: files of import lines that change no result
_KNOWN_PTH = ("_virtualenv.pth", "a1_coverage.pth", "distutils-precedence.pth")


@cache
def installed_in() -> tuple[str, ...]:
    """The folders of Python's own modules and of the installed packages."""
    paths = map(sysconfig.get_path, ("stdlib", "platstdlib", "purelib", "platlib"))
    return tuple(dict.fromkeys([*paths, *site.getsitepackages()]))


def is_installed(file: str) -> bool:
    """Whether a file lies among Python's own modules or the installed packages."""
    path = os.path.abspath(file)
    places = [
        p for folder in installed_in() for p in (folder, os.path.realpath(folder))
    ]
    return any(path.startswith(place + os.sep) for place in places)


@cache
def installed() -> dict[str, str]:
    """The version of each installed package; not of one in a folder of PYTHONPATH."""
    found = [d.metadata for d in distributions(path=list(installed_in()))]
    return {normal(about["Name"]): about["Version"] for about in reversed(found)}


@cache
def _providers() -> dict[str, list[Distribution]]:
    """The installed packages by the names under which they are imported.

    As `importlib.metadata.packages_distributions`, which takes ten times as long: it
    makes a path of each file and reads the metadata of each package.
    """
    found: dict[str, list[Distribution]] = {}
    for package in distributions():
        for name in _top_level(package):
            found.setdefault(name, []).append(package)
    return found


def _top_level(package: Distribution) -> set[str]:
    """The names of a package's modules, as it declares them or by its files."""
    if declared := (package.read_text("top_level.txt") or "").split():
        return {*declared}
    rows = csv.reader((package.read_text("RECORD") or "").splitlines())
    files = [row[0] for row in rows if row and row[0].endswith(".py")]
    return {file.partition("/")[0].removesuffix(".py") for file in files}


def provided(imported: Iterable[str]) -> dict[str, str]:
    """What is installed under each top-level name: versions, or else the content.

    Python's own modules, and modules that are not installed, are left out.
    """
    found = {}
    for name in sorted({n.partition(".")[0] for n in imported} - _STANDARD):
        packages = [normal(package.name) for package in _providers().get(name, ())]
        known = [n for n in packages if n in installed()]
        if known:
            parts = (f"{n} {installed()[n]}" for n in sorted({*known}))
            found[name] = ", ".join(parts)
        elif places := _places(name):
            digests = (inputs.content_hash(place, "__pycache__") for place in places)
            found[name] = ", ".join(f"sha256 {digest}" for digest in digests)
    return found


def _places(name: str) -> list[Path]:
    """The file or the folders of a module among the installed packages."""
    spec = PathFinder.find_spec(name, list(installed_in()))
    if spec is None:
        return []
    folders = spec.submodule_search_locations
    if folders is not None:
        return [*map(Path, folders)]
    return [Path(spec.origin)] if spec.origin else []


def startup() -> dict[str, str]:
    """The code among the installed packages that Python runs when it starts."""
    found = provided(["sitecustomize", "usercustomize"])
    for folder in installed_in():
        for file in sorted(Path(folder).glob("*.pth")):
            text = file.read_text(encoding="utf-8", errors="backslashreplace")
            lines = [x for x in text.splitlines() if re.match(r"import[ \t]", x)]
            if lines and file.name not in _KNOWN_PTH:
                found[file.name] = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    return found


def normal(name: str) -> str:
    """The name of a package in the form in which names are compared."""
    return re.sub(r"[-_.]+", "-", name).lower()

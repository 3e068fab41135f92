"""The files that a notebook may read: its key covers their content, or they are fixed.

Fixed are Python, the installed packages, the system's libraries and fonts, the list of
fonts in Matplotlib's cache, and generated data sets, which their reader checks. Any
other file would change the outputs without changing the key of the run.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from ssmbook.notebook.parameters import Parameter, Value
from ssmbook.runs import inputs, installed, key

#: beginnings of paths of the system, below which nobody stores data
_SYSTEM = (
    # libraries, and the state of the machine
    "/lib/", "/lib32/", "/lib64/", "/usr/lib/", "/usr/lib32/", "/usr/lib64/",
    "/nix/store/", "/System/", "/proc/", "/sys/",
    "/usr/share/zoneinfo/",
    # fonts, which Matplotlib lists where it has no list yet
    "/usr/share/fonts/", "/usr/share/texmf/", "/usr/share/texlive/",
    "/usr/X11R6/lib/X11/fonts/", "/usr/X11/lib/X11/fonts/", "/usr/local/share/fonts/",
    "/Library/Fonts/",
)  # fmt: skip
#: files of the system: devices without content, and what `platform`, `mimetypes` and
#: time zones need
_FILES = ("/dev/full", "/dev/null", "/dev/random", "/dev/tty", "/dev/urandom",
          "/dev/zero", "/etc/localtime", "/etc/mime.types", "/etc/os-release",
          "/etc/timezone")  # fmt: skip
#: beginnings of paths below the home folder
_HOME = (".fonts/", ".local/share/fonts/", "Library/Fonts/", ".matplotlib/fontlist-")


def _both(path: str | Path) -> set[str]:
    """A path as it is written, and without links."""
    return {os.path.abspath(path), os.path.realpath(path)}


def _home() -> Path | None:
    home = os.path.expanduser("~")
    return Path(home) if os.path.isabs(home) else None


def _caches() -> Path | None:
    """The folder of the user's caches."""
    named, home = os.environ.get("XDG_CACHE_HOME", ""), _home()
    if os.path.isabs(named):
        return Path(named)
    return home / ".cache" if home else None


def _places(folder: Path) -> dict[str, bool]:
    """Whether a kernel that works in `folder` may read below a beginning of paths."""
    places: dict[str, bool] = {place: True for place in _SYSTEM}
    prefixes = {sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix}
    cuda = {
        os.environ.get(name) or "/usr/local/cuda" for name in ("CUDA_HOME", "CUDA_PATH")
    }
    shared = {f"{place}/lib" for place in prefixes}
    shared |= {f"{place}/{part}" for place in cuda for part in ("lib", "lib64")}
    for path in set().union(*map(_both, shared)):
        places[f"{path}/lib"] = True  # shared libraries
    for path in installed.installed_in():
        places |= {f"{found}/": True for found in _both(path)}
    home, caches = _home(), _caches()
    if home:
        places |= {f"{home}/{part}": True for part in _HOME}
    if caches:
        places[f"{caches}/matplotlib/fontlist-"] = True
    for path in (key.ROOT, folder):
        places |= {f"{found}/": False for found in _both(path)}
    return places


def _cache(folder: Path) -> Path | None:
    """The folder of generated data sets, as `ssmlib.tasks.cache` finds it there."""
    named, caches = os.environ.get("SSMLIB_CACHE"), _caches()
    if named:
        return folder.absolute() / os.path.expanduser(named)
    return caches / "ssmlib" if caches else None


def _generated(cache: Path) -> list[Path]:
    """The files of generated data sets, whose reader checks their content.

    A set's folder has the hash of its generator's arguments in its name, and its
    manifest the hash of the data.
    """
    sets = cache.glob("*-" + 16 * "[0-9a-f]")
    return [place / name for place in sets for name in ("data.npz", "manifest.json")]


def readable(
    node, known: dict[str, Parameter], values: dict[str, Value], folder: Path
) -> dict[str, Any]:
    """What the kernel of a run may read, as `hook.Reads` takes it.

    Args:
        node: the notebook.
        known: its parameters.
        values: the values of all of them.
        folder: where the kernel works.
    """
    named = inputs.paths(known, values, folder, "parameters").values()
    cache = _cache(folder)
    generated = _generated(cache) if cache else []
    files = key.files(node)
    own = [*files, *named, *generated, sys.executable]
    covered = {*_FILES}.union(*map(_both, own))
    # The reader of a cache looks for what killed processes left there.
    listed = [key.ROOT / name for name in key.packages()] + ([cache] if cache else [])
    # The parts of a study are covered with their names.
    listed += {file.parent for file in files if file.suffix == ".csv"}
    return {
        "places": _places(folder),
        "covered": sorted(covered),
        "listed": [os.path.realpath(place) for place in listed],
    }

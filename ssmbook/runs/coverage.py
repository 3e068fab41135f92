"""The files that a notebook may read: its key covers their content, or they are fixed.

Fixed are Python, the installed packages, the system's own files and caches. Any other
file would change the outputs without changing the key of the run.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from ssmbook.notebook.parameters import Parameter, Value
from ssmbook.runs import inputs, installed, key

#: folders of the system, where nobody stores data
_SYSTEM = ("/bin", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/proc", "/sbin",
           "/sys", "/usr", "/var/cache", "/var/lib", "/nix/store", "/snap",
           "/Applications", "/Library", "/System", "/private/etc")  # fmt: skip
#: variables that name a cache or a part of the system
_NAMING = ("XDG_CACHE_HOME", "SSMLIB_CACHE", "CUDA_HOME", "CUDA_PATH", "SSL_CERT_FILE",
           "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")  # fmt: skip


def _both(path: str | Path) -> set[str]:
    """A path as it is written, and without links."""
    return {os.path.abspath(path), os.path.realpath(path)}


def _places(folder: Path) -> dict[str, bool]:
    """Whether a kernel that works in `folder` may read below a beginning of paths."""
    named = [os.environ[name] for name in _NAMING if os.environ.get(name)]
    prefixes = (sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix)
    places = {f"{path}/": True for path in _SYSTEM}
    for path in (*prefixes, *installed.installed_in(), *named):
        places |= {f"{found}/": True for found in _both(path) if found != "/"}
        places |= {found: True for found in _both(path) if os.path.isfile(found)}
    home = os.path.expanduser("~")
    if os.path.isabs(home) and home != "/":
        # Settings and caches of programs, which have their own checks.
        places |= {f"{home}/.": True, f"{home}/Library/": True}
    # PyTorch's compiler finds its own files there by their content.
    places[f"{tempfile.gettempdir()}/torchinductor_"] = True
    for path in (key.ROOT, folder):
        places |= {f"{found}/": False for found in _both(path)}
    return places


def readable(
    node, known: dict[str, Parameter], values: dict[str, Value], folder: Path
) -> dict[str, Any]:
    """What the kernel of a run may read, as `launch.Reads` takes it.

    Args:
        node: the notebook.
        known: its parameters.
        values: the values of all of them.
        folder: where the kernel works.
    """
    named = inputs.paths(known, values, folder, "parameters").values()
    covered = set().union(*map(_both, [*key.files(node), *named]))
    return {"places": _places(folder), "covered": sorted(covered)}

"""Make .venv where what is installed is not what the repository asks for.

`python .ci/environment.py MAKE`. It compares contents, because git changes times. The
locks decide about everything; the tables of pyproject.toml that pip reads, and the
version, decide about the two packages of the repository alone. One process installs at
a time; another waits, and then finds everything installed.
"""

import fcntl
import hashlib
import json
import os
import re
import sys
import tomllib
from pathlib import Path

VENV = Path(".venv")
#: written when all is installed: the folder in which the environment was made
READY = VENV / ".ready"
#: what was installed: the checksum of the locks, and of the tables
INSTALLED = VENV / ".installed"
_TABLES = ("build-system", "project")
#: parts of [project] that describe it, and change nothing that is installed
_TEXTS = ("description", "readme", "license", "license-files", "authors", "maintainers",
          "keywords", "classifiers", "urls")  # fmt: skip


def wanted() -> dict[str, str]:
    """The checksums of what the repository asks for."""
    locks = hashlib.sha256()
    for path in sorted(Path().glob("requirements*.lock")):
        locks.update(f"{path.name}\0".encode() + path.read_bytes() + b"\0")
    content = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))
    tables = {name: content.get(name, {}) for name in _TABLES}
    tables["project"] = {
        name: part for name, part in tables["project"].items() if name not in _TEXTS
    }
    tables["hatch"] = content.get("tool", {}).get("hatch", {})
    init = Path("ssmlib/__init__.py")
    source = init.read_text(encoding="utf-8") if init.is_file() else ""
    tables["version"] = re.findall(r"^__version__.*", source, re.M)
    packages = hashlib.sha256(json.dumps(tables, sort_keys=True).encode())
    return {"locks": locks.hexdigest(), "packages": packages.hexdigest()}


def _older() -> dict[str, str]:
    """What an environment has whose maker wrote no checksums: times decide once."""
    made, asked = READY.stat().st_mtime, wanted()
    if any(path.stat().st_mtime > made for path in Path().glob("requirements*.lock")):
        return {}
    return (
        asked
        if Path("pyproject.toml").stat().st_mtime <= made
        else asked | {"packages": ""}
    )


def missing() -> str | None:
    """The target of make that is left to do: `everything`, `packages` or none."""
    try:
        made_in = READY.read_text(encoding="utf-8").strip()
        if made_in not in ("", os.path.realpath(VENV)):
            return "everything"
        if INSTALLED.is_file():
            found = json.loads(INSTALLED.read_text(encoding="utf-8"))
        else:
            found = _older()
    except (OSError, ValueError):
        return "everything"
    asked = wanted()
    if not isinstance(found, dict) or found.get("locks") != asked["locks"]:
        return "everything"
    return None if found == asked else "packages"


def main() -> None:
    """Exit with 0 where nothing is missing; else make it, one process at a time."""
    if missing() is None:
        return
    if sys.argv[1:] == ["--check"]:
        sys.exit(1)
    lock = os.open("Makefile", os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print(
            "make: waiting for another make, which installs into .venv", file=sys.stderr
        )
        fcntl.flock(lock, fcntl.LOCK_EX)
    except OSError as error:
        print(f"make: {error}: run no other make meanwhile", file=sys.stderr)
    asked, target = wanted(), missing()
    if target is not None:
        # The lock ends with the last process that has it open. A file that is edited
        # while this installs is compared with its content from before.
        os.set_inheritable(lock, True)
        os.environ["ASKED"] = json.dumps(asked)
        make = sys.argv[1]
        os.execvp(make, [make, "--no-print-directory", f".install-{target}"])


main()

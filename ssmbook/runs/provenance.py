"""What a run was made with: commit, packages, machine."""

from __future__ import annotations

import logging
import os
import platform
import subprocess
from collections.abc import Iterable
from functools import cache
from importlib.metadata import distributions
from pathlib import Path

from ssmbook.runs import isolation

GIT_TIMEOUT = 60  # seconds

_log = logging.getLogger(__name__)


def git_environment() -> dict[str, str]:
    """Return variables for git in which only the folder selects a repository."""
    kept = {n: v for n, v in os.environ.items() if not n.startswith("GIT_")}
    return kept | {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}


def _git(root: Path, *arguments: str) -> tuple[str | None, str]:
    """What git says in `root`, or None; and the reason why it says nothing."""
    call = ["git", "--no-pager", "-c", "core.fsmonitor=false", "-C", str(root)]
    try:
        run = subprocess.run(
            [*call, *arguments],
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            env=git_environment(),
            timeout=GIT_TIMEOUT,
        )
    except FileNotFoundError:
        return None, "git is not installed"
    except subprocess.TimeoutExpired:
        return None, f"git did not answer within {GIT_TIMEOUT} s"
    except OSError as error:
        return None, f"git cannot be started: {error}"
    if run.returncode:
        lines = run.stderr.strip().splitlines()
        return None, " ".join(map(str.strip, lines)) or f"git: status {run.returncode}"
    return run.stdout.rstrip("\n"), ""


def git(root: Path, *arguments: str) -> str | None:
    """What git says in `root`, None where there is no repository or no git."""
    return _git(root, *arguments)[0]


def _commit(root: Path) -> tuple[str | None, str]:
    """The commit of the repository whose top `root` is, or None and the reason."""
    top, reason = _git(root, "rev-parse", "--show-toplevel")
    if top is None:
        return None, reason
    if Path(top).resolve() != root.resolve():
        return None, f"{root} lies inside the repository {top}, and is not its top"
    head, reason = _git(root, "rev-parse", "--verify", "--quiet", "HEAD")
    return head, reason if head else "the repository has no commit yet"


def commit(root: Path) -> str | None:
    """The commit of the repository whose top `root` is, None where it is none's."""
    return _commit(root)[0]


@cache
def _warn(root: Path, reason: str) -> None:
    """Say once per process why a run in a repository names no commit."""
    _log.warning("the run names no commit: in %s, %s", root, reason)


def state(root: Path, files: Iterable[Path] = ()) -> dict:
    """The commit, and whether tracked files are as it has them.

    files: what a run is made of; one that the commit does not have is a change, too.
    Without a commit both are None, and `reason` says why. Where the folder is the top
    of a repository, the reason is logged as well.
    """
    head, reason = _commit(root)
    if head is None:
        if (root / ".git").exists():
            _warn(root, reason)
        return {"commit": None, "clean": None, "reason": reason}
    changed, reason = _git(root, "status", "--porcelain", "--untracked-files=no")
    if changed is None:
        _warn(root, reason)
        return {"commit": head, "clean": None, "reason": reason}
    paths = sorted({str(f.resolve().relative_to(root.resolve())) for f in files})
    known, reason = _git(root, "ls-files", "-z", "--", *paths) if paths else ("", "")
    if known is None:
        _warn(root, reason)
        return {"commit": head, "clean": None, "reason": reason}
    tracked = set(known.split("\0"))
    return {"commit": head, "clean": changed == "" and tracked >= set(paths)}


@cache
def packages() -> dict[str, str]:
    """Every installed distribution with its version."""
    found = [d.metadata for d in distributions()]
    versions = {about["Name"]: about["Version"] for about in found}
    return dict(sorted(versions.items(), key=lambda item: item[0].lower()))


def machine(device: str) -> dict:
    """Where a run ran; the name of the GPU where it used one.

    environment: the variables that reached the kernel and choose its code, and the
    names of those that the kernel was isolated from.
    """
    about = {
        "device": device,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "environment": isolation.report(),
    }
    if device == "cuda":
        import torch

        if torch.cuda.is_available():
            about["gpu"] = torch.cuda.get_device_name()
    return about

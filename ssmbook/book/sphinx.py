"""jupyter-book, as every build here calls it."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
from pathlib import Path

from ssmbook.runs import isolation
from ssmbook.runs.key import ROOT

# Nearly all that Sphinx makes lives to the end of a build: without the collector of
# garbage it takes three quarters of the time, and a gigabyte more.
_START = """import gc
gc.disable()
from jupyter_book.cli.main import main
main()"""

# MyST-NB counts the lines of a cell from 10,000 times its number, plus 2, on.
_IN_CELL = re.compile(r"\.ipynb:(\d+)(\d{4}):")

#: what a file system says where there is no place for a file
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def run(
    tree: Path, *options: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Build a tree, warnings being errors; isolated as a kernel is."""
    command = [sys.executable, "-P", "-s", "-c", _START, "build", str(tree), "-n", "-W"]
    with isolation.folder() as own:
        isolated = isolation.environment(Path(own), 1) | {"PYTHONPATH": str(ROOT)}
        return subprocess.run(
            [*command, "--keep-going", *options],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            # Pages are written in UTF-8, whatever the locale.
            env=isolated | {"PYTHONUTF8": "1"} | environment,
        )


def _in_cell(match: re.Match[str]) -> str:
    return f".ipynb, cell {match[1]}, line {max(1, int(match[2]) - 1)}:"


def failure(tree: Path, run: subprocess.CompletedProcess[str]) -> str:
    """Say why a build failed, in lines: its warnings, or the end of its report.

    Files of the tree are named as those of the repository from which they come.
    """
    text = (run.stdout + run.stderr).replace(f"{tree}/", "")
    text = _IN_CELL.sub(_in_cell, text)
    for number in _FULL:
        if os.strerror(number) in text:
            return f"the book cannot be written in {tree}: {os.strerror(number)}"
    report = text.splitlines()
    lines = [line for line in report if "WARNING" in line or "ERROR" in line]
    return "\n".join(["the book does not build:", *(lines or report[-30:])])

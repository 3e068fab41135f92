"""jupyter-book, as every build here calls it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

# Nearly all that Sphinx makes lives to the end of a build: without the collector of
# garbage it takes three quarters of the time, and a gigabyte more.
_START = """import gc
gc.disable()
from jupyter_book.cli.main import main
main()"""


def run(
    tree: Path, *options: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Build a tree, warnings being errors; not with the packages of this folder."""
    command = [sys.executable, "-P", "-c", _START, "build", str(tree), "-n", "-W"]
    return subprocess.run(
        [*command, "--keep-going", *options],
        capture_output=True,
        encoding="utf-8",
        env=os.environ | environment,
    )

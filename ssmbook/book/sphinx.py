"""jupyter-book, as every build here calls it."""

from __future__ import annotations

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
            text=True,
            env=isolated | environment,
        )

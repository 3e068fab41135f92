"""Executing a notebook once, and the key under which its outputs may be kept."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import platform
import re
from importlib.metadata import version
from pathlib import Path

import nbformat

from ssmlib.companion.parameters import check, declared
from ssmlib.companion.session import THREADS
from ssmlib.companion.stores import replace

CELL_TIMEOUT = 1200  # seconds
# On a busy machine, threads that spin while they wait stall each other.
SPIN = {"GOMP_SPINCOUNT": "10000", "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
# A kernel that is shut down may log that its sockets are gone: no reader's concern.
QUIET = [
    "--log-level=50",
    "--IPKernelApp.exec_lines="
    "__import__('logging').getLogger('tornado.general').setLevel(50)",
]
_ANSI = re.compile(r"\x1b\[[0-9;]*m")


class NotebookFailed(RuntimeError):
    """A notebook that did not reach its end, with what there is of it.

    notebook: as executed so far, or None; details: the traceback, as text.
    """

    def __init__(self, reason: str, details: str, notebook):
        super().__init__(reason)
        self.details, self.notebook = details, notebook


def source_hash(root: Path) -> str:
    """sha256 over the library without its companion: what a figure can depend on."""
    digest = hashlib.sha256()
    library = root / "ssmlib"
    for path in sorted(library.rglob("*.py")):
        if path.is_relative_to(library / "companion"):
            continue
        digest.update(str(path.relative_to(root)).encode() + b"\0")
        digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()


def surroundings(root: Path) -> dict:
    """What decides a notebook's outputs beside its own code and parameters."""
    return {
        "library": source_hash(root),
        "lock": hashlib.sha256((root / "requirements.lock").read_bytes()).hexdigest(),
        "python": ".".join(platform.python_version_tuple()[:2]),
        "torch": version("torch"),
        "threads": THREADS,
    }


def cache_key(around: dict, notebook, values: dict) -> str:
    """sha256 of everything that decides a notebook's outputs; all `values` given."""
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    parts = {"cells": cells, "parameters": values} | around
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def execute(notebook, values: dict, folder: Path, *, timeout: int = CELL_TIMEOUT):
    """Run a notebook from top to bottom with papermill; the executed notebook.

    notebook: a NotebookNode, left as it is. `values` differing from the defaults are
    injected. The kernel works in `folder`; a cell may take `timeout` seconds. Raises
    ValueError for parameters outside the notebook's interface, NotebookFailed where a
    cell raises or does not end, or the kernel dies.
    """
    from papermill import execute_notebook
    from papermill.engines import NBClientEngine, papermill_engines
    from papermill.log import logger

    class Kept(NBClientEngine):
        """papermill's engine, which leaves what there is of a notebook that fails."""

        @classmethod
        def execute_managed_notebook(cls, nb_man, kernel_name, *, partial, **options):
            partial.append(nb_man.nb)
            return super().execute_managed_notebook(nb_man, kernel_name, **options)

    papermill_engines.register("kept", Kept)
    logger.setLevel(logging.ERROR)
    known = declared(notebook, folder)
    values = check(known, values, "parameters")
    for name, value in SPIN.items():
        os.environ.setdefault(name, value)
    partial: list = []
    try:
        node = execute_notebook(
            notebook,
            None,
            {n: v for n, v in values.items() if v != known[n].default},
            engine_name="kept",
            kernel_name="python3",
            language="python",
            progress_bar=False,
            execution_timeout=timeout,
            record_timing=False,
            extra_arguments=QUIET,
            coalesce_streams=True,
            resources={"metadata": {"path": str(folder)}},
            partial=partial,
        )
    except Exception as error:
        raise _failure(error, partial) from error
    return _bare(node)


def write(node, path: Path) -> None:
    """Write a notebook so that a reader of `path` never sees half of it."""
    replace(path, (nbformat.writes(node) + "\n").encode())


def _failure(error: Exception, partial: list) -> NotebookFailed:
    """What nbclient or papermill raised, told in one way."""
    node = _bare(partial[0]) if partial else None
    details = _ANSI.sub("", str(error)).strip()
    if hasattr(error, "ename"):
        reason = f"{error.ename}: {_ANSI.sub('', str(error.evalue))}"
    else:
        reason = f"{type(error).__name__}: {details.splitlines()[0] if details else ''}"
    return NotebookFailed(reason, details, node)


def _bare(node):
    """The notebook without what papermill wrote beside the outputs."""
    node.cells = [
        cell
        for cell in node.cells
        if not any(tag.startswith("papermill-error") for tag in cell.metadata["tags"])
    ]
    for cell in node.cells:
        cell.metadata.pop("papermill", None)
        if not cell.metadata["tags"]:
            del cell.metadata["tags"]
    node.metadata = {
        "kernelspec": {
            "display_name": "Python 3",
            "language": "python",
            "name": "python3",
        },
        "language_info": {"name": "python"},
    }
    return node

"""Executing notebooks, once for each content: the cache and its key."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import platform
import time
from importlib.metadata import version
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from ssmlib.companion.parameters import check, interface
from ssmlib.companion.session import THREADS

CELL_TIMEOUT = 1200  # seconds


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


def cache_key(root: Path, notebook: Path, values: dict) -> str:
    """sha256 of everything that decides a notebook's outputs."""
    cells = [
        c.source for c in nbformat.read(notebook, 4).cells if c.cell_type == "code"
    ]
    parts = {
        "cells": cells,
        "parameters": check(interface(notebook), values, notebook.stem),
        "library": source_hash(root),
        "lock": hashlib.sha256((root / "requirements.lock").read_bytes()).hexdigest(),
        "python": ".".join(platform.python_version_tuple()[:2]),
        "torch": version("torch"),
        "threads": THREADS,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def execute(notebook: Path, values: dict, folder: Path):
    """Run a notebook from top to bottom with parameters; the executed notebook.

    `values` differing from the defaults are injected as papermill does. The kernel
    works in `folder`. Raises nbclient's CellExecutionError, or ValueError for
    parameters outside the notebook's interface.
    """
    declared = interface(notebook)
    values = check(declared, values, notebook.stem)
    node = nbformat.read(notebook, 4)
    changed = {n: v for n, v in values.items() if v != declared[n].default}
    if changed:
        from papermill.iorw import load_notebook_node
        from papermill.parameterize import parameterize_notebook

        logging.getLogger("papermill").setLevel(logging.ERROR)
        node = parameterize_notebook(
            load_notebook_node(str(notebook)),
            changed,
            kernel_name="python3",
            language="python",
        )
        for cell in node.cells:
            cell.metadata.pop("papermill", None)
        node.metadata.pop("papermill", None)
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    client = NotebookClient(
        node,
        timeout=CELL_TIMEOUT,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute()
    node.metadata["kernelspec"] = {
        "display_name": "Python 3",
        "language": "python",
        "name": "python3",
    }
    node.metadata["language_info"] = {"name": "python"}
    return node


def write(node, path: Path) -> None:
    """Write a notebook so that a reader of `path` never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    nbformat.write(node, part)
    part.replace(path)


def cached(root: Path, notebook: Path, values: dict, cache: Path, say) -> Path:
    """The executed notebook, from the cache where nothing has changed."""
    key = cache_key(root, notebook, values)
    path = cache / f"{notebook.stem}-{key[:16]}.ipynb"
    if path.is_file():
        say(f"{notebook.stem}: unchanged")
        return path
    started = time.perf_counter()
    write(execute(notebook, values, notebook.parent), path)
    say(f"{notebook.stem}: executed in {time.perf_counter() - started:.0f} s")
    return path

"""Python's parser for several threads.

`ast.parse` counts its depth in a number that all threads of an interpreter share. If
threads take turns while a tree is made, it raises SystemError ("AST constructor
recursion depth mismatch"). They do in a Dask worker, because Dask adds callbacks to the
garbage collector.
"""

from __future__ import annotations

import ast
import threading

_LOCK = threading.Lock()


def parse(source: str | bytes) -> ast.Module:
    """Return the syntax tree of a module's source, as `ast.parse`."""
    with _LOCK:
        return ast.parse(source)


def literal(text: str):
    """Return the value of a literal in text, as `ast.literal_eval`."""
    with _LOCK:
        return ast.literal_eval(text)

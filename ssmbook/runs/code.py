"""Python source without its prose: docstrings, comments and layout decide no result."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

from ssmbook.notebook.syntax import parse

#: names by which code reads docstrings, or its own source
_READERS = {"__doc__", "getcomments", "getdoc", "getsource", "getsourcelines"}
_READERS |= {"get_source", "linecache", "pydoc", "tokenize"}
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


class _Facts(NamedTuple):
    """What a key takes from one file, which is parsed once."""

    digest: bytes
    reads_prose: bool
    imported: frozenset[str]


def without_prose(content: bytes) -> bytes:
    """Return a digest of a module's syntax tree without its docstrings.

    Annotations are part of it, because dataclasses read them. A file that does not
    parse, as one that is being edited, is returned as it is.
    """
    found = _facts(content)
    return content if found is None else found.digest


def reads_prose(content: bytes) -> bool:
    """Whether code can read docstrings or source, so that its results depend on them.

    These are names such as `__doc__` and `inspect.getsource`, calls of `help`, and
    `__doc__` as text in a call or an index.
    """
    found = _facts(content)
    return found is not None and found.reads_prose


def imported(content: bytes) -> frozenset[str]:
    """Return the names that Python code imports, modules or not.

    Raises:
        SyntaxError: if the code does not parse.
        ValueError: if it contains a null byte.
    """
    found = _facts(content)
    return imports(ast.walk(parse(content))) if found is None else found.imported


def imports(nodes: Iterable[ast.AST]) -> frozenset[str]:
    """Return the names that the statements among the nodes of a tree import."""
    names = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add(node.module)
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(names)


@cache
def _facts(content: bytes) -> _Facts | None:
    """The facts of a file; None if it does not parse."""
    try:
        tree = parse(content)
    except (SyntaxError, ValueError):
        return None
    nodes = [*ast.walk(tree)]
    reads = any(map(_reads, nodes))
    for node in nodes:
        if isinstance(node, _DOCUMENTED) and ast.get_docstring(node) is not None:
            del node.body[0]
    digest = hashlib.sha256(repr(_form(tree)).encode()).digest()
    return _Facts(digest, reads, imports(nodes))


def _reads(node: ast.AST) -> bool:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.alias(name=name):
            return name in _READERS
        case ast.Call(func=ast.Name(id="help")):
            return True
        case ast.Call(args=parts) | ast.Subscript(slice=ast.Tuple(elts=parts)):
            return any(map(_is_reader, parts))
        case ast.Subscript(slice=part):
            return _is_reader(part)
    return False


def _is_reader(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value in _READERS


def _form(node: object) -> object:
    """A syntax tree as lists; `ast.dump` differs between versions of Python."""
    if isinstance(node, list):
        return [_form(part) for part in node]
    if not isinstance(node, ast.AST):
        return repr(node)
    form: list[object] = [type(node).__name__]
    for name in node._fields:
        value = getattr(node, name, None)
        if value is not None and value != []:
            form.append((name, _form(value)))
    return form

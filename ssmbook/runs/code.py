"""Python source without its prose: docstrings, comments and layout decide no result."""

from __future__ import annotations

import ast
import hashlib
from functools import cache

from ssmbook.notebook.syntax import parse

#: names by which code reads docstrings, or its own source
_READERS = {"__doc__", "getcomments", "getdoc", "getsource", "getsourcelines"}
_READERS |= {"get_source", "linecache", "pydoc", "tokenize"}
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


@cache
def without_prose(content: bytes) -> bytes:
    """Return a digest of a module's syntax tree without its docstrings.

    Annotations are part of it, because dataclasses read them. A file that does not
    parse, as one that is being edited, is returned as it is.
    """
    tree = _parsed(content)
    if tree is None:
        return content
    for node in ast.walk(tree):
        if isinstance(node, _DOCUMENTED) and ast.get_docstring(node) is not None:
            del node.body[0]
    return hashlib.sha256(repr(_form(tree)).encode()).digest()


@cache
def reads_prose(content: bytes) -> bool:
    """Whether code can read docstrings or source, so that its results depend on them.

    These are names such as `__doc__` and `inspect.getsource`, calls of `help`, and
    `__doc__` as text in a call or an index.
    """
    tree = _parsed(content)
    return tree is not None and any(map(_reads, ast.walk(tree)))


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


def _parsed(content: bytes) -> ast.Module | None:
    try:
        return parse(content)
    except (SyntaxError, ValueError):
        return None


def _form(node: object) -> object:
    """A syntax tree as lists; `ast.dump` differs between versions of Python."""
    if isinstance(node, list):
        return [_form(part) for part in node]
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = [(n, v) for n, v in ast.iter_fields(node) if v is not None and v != []]
    return [type(node).__name__, *[(name, _form(value)) for name, value in fields]]

"""Which edits of a module change the digest by which a run's key covers it."""

import pytest

from ssmbook.runs import code

MODULE = '''"""About the module."""
from dataclasses import dataclass
import functools

RATE = 0.5  # per step


@dataclass
class Point:
    """About the class."""

    x: int = 1
    """About the field."""


@functools.cache
def f(a, b=2):
    """About the function."""
    first = a
    second = f"{a:.2f} and {b}"
    return first, second


async def wait():
    """About waiting."""
'''

PROSE = {
    "module docstring": ("About the module.", "Of the module."),
    "no module docstring": ('"""About the module."""\n', ""),
    "class docstring": ("About the class.", "Of the class."),
    "function docstring": ("About the function.", "Of the function, at\n\n    length."),
    "no function docstring": ('    """About the function."""\n', ""),
    "empty function docstring": ('"""About the function."""', '""'),
    "docstring of a coroutine": ("About waiting.", "Of waiting."),
    "comment": ("# per step", "# per step of the optimizer"),
    "layout": ("f(a, b=2)", "f(\n    a,\n    b=2,\n)"),
}
CODE = {
    "constant": ("RATE = 0.5", "RATE = 0.25"),
    "type of a constant": ("x: int = 1", "x: int = True"),
    "name": ("RATE", "SHARE"),
    "decorator": ("functools.cache", "functools.wraps"),
    "no decorator": ("@functools.cache\n", ""),
    "default argument": ("b=2", "b=3"),
    "text in an f-string": (" and ", " or "),
    "format in an f-string": ("{a:.2f}", "{a:.3f}"),
    "string that is no docstring": ("About the field.", "Of the field."),
    "type annotation": ("x: int", "x: float"),
    "order of statements": (
        'first = a\n    second = f"{a:.2f} and {b}"',
        'second = f"{a:.2f} and {b}"\n    first = a',
    ),
    "import": ("import functools", "import functools, math"),
    "coroutine": ("async def wait", "def wait"),
    "nesting": ("    second = f", "    if a: second = f"),
}


def edited(edit):
    old, new = edit
    assert old in MODULE
    changed = MODULE.replace(old, new)
    compile(changed, "edited", "exec")
    return code.without_prose(changed.encode())


@pytest.mark.parametrize("edit", PROSE.values(), ids=PROSE)
def test_prose_does_not_count(edit):
    assert edited(edit) == code.without_prose(MODULE.encode())


@pytest.mark.parametrize("edit", CODE.values(), ids=CODE)
def test_code_counts(edit):
    assert edited(edit) != code.without_prose(MODULE.encode())


@pytest.mark.parametrize(
    "text", ["def f(:\n    pass", "x = 1\0", b"# coding: utf-8\nx = '\xff'"]
)
def test_a_file_that_does_not_parse_counts_as_it_is(text):
    content = text if isinstance(text, bytes) else text.encode()
    assert code.without_prose(content) == content
    assert not code.reads_prose(content)


def test_the_digest_is_the_same_for_every_version_of_python():
    """`ast.dump` of this module differs between Python 3.11, 3.12 and 3.13."""
    digest = "bd993ff97bcad7b8"
    assert code.without_prose(MODULE.encode()).hex()[:16] == digest


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        ("x = f.__doc__", True),
        ("print(__doc__)", True),
        ("getattr(f, '__doc__')", True),
        ("vars(f)['__doc__']", True),
        ("table[0, '__doc__']", True),
        ("import inspect\ninspect.getdoc(f)", True),
        ("from inspect import getsource as g", True),
        ("import linecache", True),
        ("__loader__.get_source(__name__)", True),
        ("help(f)", True),
        ("NAMES = {'__doc__', '__dict__'}", False),
        ("parameter.help", False),
        (MODULE, False),
    ],
)
def test_code_that_reads_docstrings(text, reads):
    assert code.reads_prose(text.encode()) is reads

"""Python's parser in several threads."""

import ast
import gc
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from ssmbook.notebook import syntax
from tests.conftest import ROOT


@pytest.fixture
def often():
    """Threads take turns while a tree is made: in a callback of the collector."""

    def turn(*_):
        return [None for _ in range(200)]

    interval, thresholds = sys.getswitchinterval(), gc.get_threshold()
    sys.setswitchinterval(1e-6)
    gc.set_threshold(10)
    gc.callbacks.append(turn)
    yield
    gc.callbacks.remove(turn)
    sys.setswitchinterval(interval)
    gc.set_threshold(*thresholds)


def test_threads_parse_one_after_the_other(often):
    source = (ROOT / "ssmlib" / "layers" / "base.py").read_text(encoding="utf-8")
    expected = ast.dump(ast.parse(source))
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(syntax.parse, [source] * 100))
    assert all(ast.dump(tree) == expected for tree in found)


def test_literals_are_values():
    assert syntax.literal("[1, 'a']") == [1, "a"]
    with pytest.raises(ValueError, match="malformed"):
        syntax.literal("f()")


def test_no_other_code_of_ssmbook_calls_the_parser():
    calls = ("ast.parse", "literal_eval(text")
    for path in (ROOT / "ssmbook").rglob("*.py"):
        if path.name != "syntax.py":
            assert not [c for c in calls if c in path.read_text(encoding="utf-8")], path

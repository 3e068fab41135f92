"""Each name on the API pages documents each of its parameters, in Google style."""

from __future__ import annotations

import importlib
import inspect
import re
import runpy
from collections.abc import Callable, Iterator

import pytest

from ssmlib.layers import S4D
from ssmlib.models import Model
from tests.conftest import ROOT

DIRECTIVE = re.compile(
    r"^\.\. auto(module|class):: (\S+)\n(?:   :members:(.*)\n)?", re.M
)
SECTION = re.compile(r"^(?:Args|Attributes):\n((?:(?:[ ]+.*)?\n)+)", re.M)
ENTRY = re.compile(r"^    \\?\*{0,2}(\w+)(?: \([^)]*\))?:", re.M)


def pages() -> Iterator[tuple[str, object]]:
    """Yield each function and class that an API page documents, by full name."""
    for page in sorted((ROOT / "book" / "api").glob("*.md")):
        text = page.read_text(encoding="utf-8")
        for kind, path, members in DIRECTIVE.findall(text):
            if kind == "class":
                module, _, name = path.rpartition(".")
                yield path, getattr(importlib.import_module(module), name)
                continue
            module = importlib.import_module(path)
            listed = {name.strip() for name in members.split(",") if name.strip()}
            own = {
                name
                for name, value in vars(module).items()
                if getattr(value, "__module__", None) == path and name[0] != "_"
            }
            if not listed:  # the page then shows these, wherever they are defined
                own |= {*getattr(module, "__all__", ())}
            for name in sorted(listed | own):
                value = getattr(module, name)
                if inspect.isclass(value) or inspect.isfunction(value):
                    yield f"{path}.{name}", value


def callables() -> dict[str, tuple[Callable, list[str]]]:
    """Return each function, method and constructor, and the docstrings that count."""
    found: dict[str, tuple[Callable, list[str]]] = {}
    for name, value in pages():
        if not inspect.isclass(value):
            found[name] = value, [value.__doc__ or ""]
            continue
        if ours(value.__init__):
            found[name] = value.__init__, of_constructor(value)
        for part, method in vars(value).items():
            method = getattr(method, "__func__", method)
            if part[0] != "_" and inspect.isfunction(method):
                bases = [getattr(base, part, None) for base in value.__mro__]
                docs = [base.__doc__ or "" for base in bases if base is not None]
                found[f"{name}.{part}"] = method, docs
    return found


def ours(function: Callable) -> bool:
    """Return whether a function is defined in one of the two packages."""
    place = getattr(function, "__module__", None) or ""
    return place.partition(".")[0] in ("ssmlib", "ssmbook")


def of_constructor(value: type) -> list[str]:
    """Return the docstrings of a class and its bases up to the constructor's own."""
    docs = []
    for base in value.__mro__:
        docs.append(base.__doc__ or "")
        if "__init__" in vars(base):
            break
    return docs


def entries(doc: str) -> set[str]:
    """Return the names in the sections `Args` and `Attributes` of a docstring."""
    sections = SECTION.findall(inspect.cleandoc(doc) + "\n")
    return {name for section in sections for name in ENTRY.findall(section)}


def parameters(function: Callable) -> list[str]:
    """Return the public parameters of a function, without self."""
    names = inspect.signature(function).parameters
    return [n for n in names if n not in ("self", "cls") and n[0] != "_"]


CALLABLES = callables()


@pytest.mark.parametrize("name", CALLABLES)
def test_each_parameter_has_an_entry(name):
    function, docs = CALLABLES[name]
    known = set().union(*map(entries, docs))
    assert [n for n in parameters(function) if n not in known] == []


@pytest.mark.parametrize("name", CALLABLES)
def test_each_entry_is_a_parameter(name):
    function, docs = CALLABLES[name]
    assert entries(docs[0]) <= set(parameters(function))


def test_the_pages_were_read():
    assert {
        "ssmlib.layers.S4D",
        "ssmlib.models.Model.forward",
        "ssmlib.training.fit",
        "ssmlib.initialization.Initialization.modes",
        "ssmbook.record",
    } <= set(CALLABLES)


def test_the_signature_of_a_layer_shows_its_parameters():
    path = ROOT / "book" / "_ext" / "constructors.py"
    shown = runpy.run_path(str(path))["constructor"]
    given = "(*_, **__)"
    signature, _ = shown(None, "class", "S4D", S4D, None, given, None)
    assert signature.startswith("(d_model, d_state=64, *, init='lin', dt=None")
    assert (
        shown(None, "class", "Model", Model, None, "(channels, outputs)", None) is None
    )

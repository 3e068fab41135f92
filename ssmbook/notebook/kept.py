"""What a chapter reads of its own longer run, as the rates that it chose."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from pathlib import Path

import ssmbook
from ssmbook.notebook import glue

DEPOSITS = Path(ssmbook.__file__).resolve().parents[1] / "deposits"


def _path(slug: str) -> Path:
    return DEPOSITS / slug / f"{slug}.ipynb"


def kept(slug: str, name: str) -> str:
    """The text that the longer run of chapter `slug` stored under `name`.

    A run's key covers it where the notebook calls this with both written out. Raises
    FileNotFoundError where the chapter has no longer run yet, ValueError for a text
    that it did not store.
    """
    import nbformat  # only readers of notebooks need it

    path = _path(slug)
    if not path.is_file():
        raise FileNotFoundError(
            f"{slug} has no longer run: {path} does not exist; make deposits makes it"
        )
    texts = glue.texts(nbformat.read(path, 4))
    if name not in texts:
        raise ValueError(f"{path} stores no text {name!r}; it has {sorted(texts)}")
    return texts[name]


def read_by(sources: Iterable[str]) -> set[Path]:
    """The longer runs that code cells read: by calls of `ssmbook.kept`.

    Raises ValueError for a call whose chapter is not written out.
    """
    found = set()
    for source in sources:
        for node in ast.walk(ast.parse(source)):
            if not isinstance(node, ast.Call):
                continue
            if ast.unparse(node.func) not in ("ssmbook.kept", "kept"):
                continue
            if not (node.args and isinstance(node.args[0], ast.Constant)):
                raise ValueError(f"{ast.unparse(node)} must name its chapter as text")
            found.add(_path(node.args[0].value))
    return found

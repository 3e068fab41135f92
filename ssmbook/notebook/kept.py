"""Texts that a chapter reads from its own longer run, as the rates that it chose."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable
from pathlib import Path

from ssmbook.notebook.executed import Executed
from ssmbook.notebook.files import check_name, notebook_of, unsealed
from ssmbook.notebook.syntax import parse

ROOT = Path(__file__).resolve().parents[2]


def _folder() -> Path:
    """The folder of longer runs.

    It is in the repository that this package is part of. For an installed package it is
    in the repository around the working folder, which is that of a running notebook.
    """
    for root in (ROOT, Path.cwd(), *Path.cwd().parents):
        if (root / "_toc.yml").is_file() and (root / "notebooks").is_dir():
            return root / "studies"
    raise FileNotFoundError(
        "longer runs are in the folder studies/ of the book's repository, which is "
        f"not part of the installed package: {ROOT} and {Path.cwd()} are not in a copy "
        "of it; run the notebook in a clone"
    )


def folder_of(slug: str) -> Path:
    """Return the folder of a chapter's longer runs."""
    return _folder() / check_name(slug, "the chapter of a longer run")


def _path(slug: str) -> Path:
    return folder_of(slug) / f"{slug}.ipynb"


def kept(slug: str, name: str) -> str:
    """The text that the longer run of chapter `slug` stored under `name`.

    A run's key covers it where the notebook calls this with both written out. Raises
    FileNotFoundError where the chapter has no longer run yet or this is no copy of the
    repository, ValueError for a text that it did not store, or where the longer run was
    changed.
    """
    path = _path(slug)
    document = path.with_name("run.json")
    for file in (path, document):
        if not file.is_file():
            raise FileNotFoundError(
                f"{slug} has no longer run: {file} does not exist; `make studies` "
                "makes it"
            )
    content = path.read_bytes()
    files = unsealed(document.read_bytes(), document).get("files")
    digest = hashlib.sha256(content).hexdigest()
    if not isinstance(files, dict) or files.get(path.name) != digest:
        raise ValueError(
            f"{path} is not the notebook that {document} names: restore both files "
            "from the repository"
        )
    texts = Executed(path, notebook_of(content, path)).texts
    if name not in texts:
        raise ValueError(f"{path} stores no text {name!r}; it has {sorted(texts)}")
    return texts[name]


def read_by(sources: Iterable[str]) -> set[Path]:
    """The longer runs that code cells read: by calls of `ssmbook.kept` and `.study`.

    Raises ValueError for a call whose chapter or design is not written out.
    """
    found = set()
    for source in sources:
        for node in ast.walk(parse(source)):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func).removeprefix("ssmbook.")
            if called not in ("kept", "study"):
                continue
            needed = node.args[:1] if called == "kept" else node.args
            given = [a.value if isinstance(a, ast.Constant) else None for a in needed]
            if node.keywords or not given or not all(isinstance(g, str) for g in given):
                raise ValueError(f"{ast.unparse(node)} must name its chapter as text")
            slug, *rest = map(str, given)
            if called == "kept":
                found.add(_path(slug))
            else:
                design = folder_of(slug) / (rest[0] if rest else "base")
                found |= {*design.glob("*.csv"), *design.glob("*.json")}
    return found

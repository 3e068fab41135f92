"""The book's chapters, as _toc.yml lists and orders them; nothing else does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml


@dataclass(frozen=True)
class Chapter:
    """A notebook of the book: its slug, the number the book shows, its file.

    document: the file's path within the book, as links and roles name it.
    """

    slug: str
    number: int
    document: str
    path: Path


def _files(parts: list) -> list[tuple[str, bool]]:
    """(file, whether numbered), part by part."""
    return [
        (entry["file"], bool(part.get("numbered")))
        for part in parts
        for entry in part.get("chapters") or ()
    ]


def chapters(root: Path) -> dict[str, Chapter]:
    """Every chapter by slug, in order.

    Raises ValueError where _toc.yml and the folder of notebooks disagree, or two
    chapters have one slug.
    """
    toc = yaml.safe_load((root / "_toc.yml").read_text())
    files = _files(toc.get("parts") or [toc | {"numbered": True}])
    result, number = {}, 0
    for file, numbered in files:
        notebook = file.startswith("notebooks/")
        number += numbered and (notebook or "parts" in toc)
        if notebook:
            slug, document = Path(file).name, f"{file}.ipynb"
            if slug in result:
                raise ValueError(f"_toc.yml: two chapters are called {slug}")
            result[slug] = Chapter(slug, number, document, root / document)
    listed = {chapter.path for chapter in result.values()}
    folder = root / "notebooks"
    stored = {p for p in folder.rglob("*.ipynb") if not p.parent.name.startswith(".")}
    if listed != stored:
        wrong = ", ".join(sorted(str(p.relative_to(root)) for p in listed ^ stored))
        raise ValueError(f"_toc.yml and {folder} disagree on {wrong}")
    return result


def find(root: Path, name: str) -> Path:
    """A notebook by its slug, the number that the book shows, or its path.

    Raises ValueError that lists what there is.
    """
    if name.endswith(".ipynb"):
        if Path(name).is_file():
            return Path(name).resolve()
        raise ValueError(f"there is no notebook {name}")
    known = chapters(root)
    for chapter in known.values():
        if name in (chapter.slug, str(chapter.number)):
            return chapter.path
    listed = ", ".join(f"{c.slug} ({c.number})" for c in known.values())
    raise ValueError(f"no chapter {name}; there are {listed}")

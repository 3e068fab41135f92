"""The book's chapters, as _toc.yml lists and orders them; nothing else does."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TypeGuard

from ssmbook.notebook import strict_yaml
from ssmbook.notebook.files import check_name, shown


@dataclass(frozen=True)
class Chapter:
    """A notebook of the book: its slug, the number the book shows, its file.

    document: the file's path within the book, as links and roles name it.
    """

    slug: str
    number: int
    document: str
    path: Path

    @property
    def title(self) -> str:
        """The title of its page, with which the notebook begins."""
        first = json.loads(self.path.read_text(encoding="utf-8"))["cells"][0]
        return "".join(first["source"]).partition("\n")[0].removeprefix("# ")


def _files(toc: object) -> list[tuple[str, bool]]:
    """(file, whether numbered), part by part; ValueError for another form."""
    parts = toc.get("parts") or [toc | {"numbered": True}] if _is_map(toc) else None
    if not isinstance(parts, list) or not all(map(_is_map, parts)):
        raise ValueError(f"_toc.yml must hold parts or chapters, got {shown(toc)}")
    found = []
    for part in parts:
        listed = part.get("chapters") or []
        for entry in listed if isinstance(listed, list) else [listed]:
            file = entry.get("file") if _is_map(entry) else None
            if not isinstance(file, str):
                raise ValueError(
                    f"_toc.yml: a chapter must read `- file: PATH`, got {shown(entry)}"
                )
            for name in file.split("/"):
                check_name(name, f"_toc.yml: {file}: each part of the path")
            found.append((file, bool(part.get("numbered"))))
    return found


def _is_map(value: object) -> TypeGuard[dict]:
    return isinstance(value, dict)


def chapters(root: Path) -> dict[str, Chapter]:
    """Every chapter by slug, in order.

    Raises ValueError where _toc.yml is of another form, it and the folder of notebooks
    disagree, or two chapters have one slug.
    """
    toc = strict_yaml.load(root / "_toc.yml")
    files = _files(toc)
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
            path = Path(name).resolve()
            check_name(path.stem, f"the name of the notebook {shown(name)}")
            return path
        raise ValueError(f"there is no notebook {name}")
    known = chapters(root)
    for chapter in known.values():
        if name in (chapter.slug, str(chapter.number)):
            return chapter.path
    listed = ", ".join(f"{c.slug} ({c.number})" for c in known.values())
    raise ValueError(f"no chapter {name}; there are {listed}")

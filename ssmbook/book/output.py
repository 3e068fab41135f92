"""The folder of a built book: marked as ours, replaced whole, repaired after a kill."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from ssmbook.runs import folders, stores

MARK = ".ssmbook"


def tree_hash(folder: Path) -> str:
    """sha256 over every file of a folder, by name and content; compiled ones apart."""
    digest = hashlib.sha256()
    files = (p for p in folder.rglob("*") if p.is_file() and p.suffix != ".pyc")
    for path in sorted(files):
        digest.update(str(path.relative_to(folder)).encode() + b"\0")
        digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()


def check_folder(root: Path, folder: Path) -> None:
    """Check that a book may be built in a folder that a person named.

    Raises:
        ValueError: as `folders.check_output`; and for a folder that is neither empty
            nor the book's, or that lies in one that a command replaces.
    """
    if folder.absolute() == (root / "_build").absolute():
        return
    place, top = folders.real(folder), folders.real(root)
    folders.check_output(root, folder)
    reason = None
    if place.is_relative_to(top):
        first = place.relative_to(top).parts[0]
        if first == "_build" or (first in folders.RESULTS and place == top / first):
            reason = f"lies in {top / first}, where other results are"
    for parent in (place, *place.parents):
        if (parent / "_toc.yml").is_file() and parent != top:
            reason = f"lies in another repository, {parent}"
    for parent in place.parents:
        if (parent / MARK).is_file():
            reason = f"lies in {parent}, where another book is built"
    if place.is_dir() and any(place.iterdir()) and not (place / MARK).is_file():
        reason = "is not empty, and was not made by ssmbook build"
    if reason is not None:
        raise ValueError(f"-o {folder} {reason}: choose another folder")


def prepare(root: Path, folder: Path) -> Path:
    """Make a book's folder and mark it; what was interrupted there is repaired."""
    stores.writable(folder)
    inside = folders.real(folder).is_relative_to(folders.real(root))
    if inside and not (folder / ".gitignore").exists():
        # A book inside the repository is no part of it, nor for ruff to look at.
        (folder / ".gitignore").write_text("*\n", encoding="utf-8")
    (folder / MARK).touch()
    return folder


def _remove(path: Path) -> None:
    """Remove a file, a link or a folder, which need not be there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def aside(place: Path) -> Path:
    """Return an empty place, on the same file system, for what will replace `place`.

    A swap that was interrupted is repaired: the old content is renamed back where no
    new one is in its place.
    """
    old, new = (place.with_name(f"{place.name}.{end}") for end in ("old", "new"))
    if os.path.lexists(old):
        if os.path.lexists(place):
            _remove(old)
        else:
            os.rename(old, place)
    _remove(new)
    return new


def swap(new: Path, place: Path) -> None:
    """Put `new` in the place of what is there, which goes only after that."""
    old = place.with_name(f"{place.name}.old")
    if not os.path.lexists(place):
        os.rename(new, place)
        return
    os.rename(place, old)
    try:
        os.rename(new, place)
    except BaseException:
        os.rename(old, place)
        raise
    _remove(old)


def stamp(html: Path) -> Path:
    """The file that says of which sources a book was made, and what its pages are."""
    return html.with_name(html.name + ".hash")


def state(tree: Path, sources: Iterable[Path], html: Path, *about: str) -> bytes:
    """The content of a stamp: hashes of a book's tree, its sources and its pages.

    about: what else decides the pages.
    """
    hashes = map(tree_hash, [tree, *sources, html])
    return "\n".join([*about, *hashes, ""]).encode()

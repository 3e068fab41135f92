"""From notebooks and pages to a strict book: run, assemble a tree, build, check."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat

from ssmlib.companion import execution, runs
from ssmlib.companion.execution import CELL_TIMEOUT
from ssmlib.companion.parameters import interface, profile
from ssmlib.companion.stores import Folder
from ssmlib.companion.tree import Page, assemble, tree_hash

_LEFTOVER = re.compile(r"\{(?:glue|cite|ref|eq|numref|doc)[:}]|```\{|:::\{|\[\[|%\(")
_OUTSIDE = re.compile(
    r"""<(?:script|img|iframe|source)[^>]+src=["'](?:https?:)?//[^"']+"""
    r"""|<link[^>]+rel=["'](?:stylesheet|preload|preconnect)["'][^>]+href=["'](?:https?:)?//[^"']+"""
)
_CODE = re.compile(r"<(script|style|pre|code)\b.*?</\1>", re.DOTALL)
Say = Callable[[str], None]


def notebooks(root: Path) -> dict[str, Path]:
    """The book's notebooks by stem, in order."""
    return {path.stem: path for path in sorted((root / "notebooks").glob("*.ipynb"))}


def find(root: Path, name: str) -> Path:
    """A notebook by number (3, 03), name (timescale, 03-timescale) or path.

    Raises ValueError that lists what there is.
    """
    if name.endswith(".ipynb"):
        if Path(name).is_file():
            return Path(name).resolve()
        raise ValueError(f"there is no notebook {name}")
    found = notebooks(root)
    for stem, path in found.items():
        number, _, title = stem.partition("-")
        if name in (stem, title) or (name.isdigit() and name.zfill(2) == number):
            return path
    raise ValueError(f"no notebook {name}; there are {', '.join(found)}")


def check_pages(html: Path) -> list[str]:
    """What a reader must not meet: resources from outside, markup left over."""
    found = []
    for path in sorted(html.rglob("*.html")):
        text = path.read_text()
        name = path.relative_to(html)
        found += [f"{name}: loads {m[0][:120]}" for m in _OUTSIDE.finditer(text)]
        if "_static" not in path.parts and "_modules" not in path.parts:
            prose = _CODE.sub("", text)
            found += [f"{name}: leftover {m[0]}" for m in _LEFTOVER.finditer(prose)]
    return found


def strict(tree: Path, html: Path, **environment: str) -> None:
    """Build the tree from nothing, warnings being errors, execution off.

    Raises RuntimeError with the end of Sphinx's report where it fails; the folder
    `html` is only replaced by a book that is whole.
    """
    tool = Path(sys.executable).with_name("jupyter-book")
    command = [str(tool), "build", str(tree), "-n", "-W", "--keep-going"]
    run = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | environment
    )
    report = run.stdout + run.stderr
    built = tree / "_build" / "html"
    problems = [] if run.returncode else check_pages(built)
    if run.returncode or problems:
        lines = [
            line for line in report.splitlines() if "WARNING" in line or "ERROR" in line
        ]
        lines = lines or report.splitlines()[-30:]
        raise RuntimeError("the book does not build:\n" + "\n".join(lines + problems))
    if html.is_symlink():
        html.unlink()
    shutil.rmtree(html, ignore_errors=True)
    html.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(built, html)
    shutil.rmtree(tree / "_build")


def plan(root: Path, with_profile: str | None, device: str | None) -> list[runs.Job]:
    """The run of each notebook: with a profile's parameters, on a device.

    with_profile: a file of notebooks/ without its ending, or a path to a .yml file.
    Raises ValueError for what an interface does not allow, before anything runs.
    """
    sources = notebooks(root)
    chosen = {}
    if with_profile is not None:
        path = Path(with_profile)
        if path.suffix not in (".yml", ".yaml"):
            path = root / "notebooks" / f"{with_profile}.yml"
        if not path.is_file():
            there = sorted(p.stem for p in (root / "notebooks").glob("*.yml"))
            raise ValueError(f"no profile {path}; there are {', '.join(there)}")
        chosen = profile(path, sources)
    planned = []
    for stem, path in sources.items():
        values = dict(chosen.get(stem, {}))
        if device is not None and "device" in interface(path):
            values["device"] = device
        planned.append(runs.job(root, path, values))
    return planned


def _ours(root: Path, place: Path, *, given: bool) -> Path:
    """An output folder, marked as this tool's, which replaces `book` and `html` in it.

    Raises ValueError where a reader gave it and they are there, someone else's, or it
    lies among the sources.
    """
    within = [p.resolve() for p in (place, *place.absolute().parents)]
    for name in ("book", "notebooks", "ssmlib"):
        if (root / name).resolve() in within:
            raise ValueError(f"{place} lies in {root / name}: choose another folder")
    mark = place / ".ssmbook"
    theirs = [n for n in ("book", "html") if (place / n).exists()]
    if given and theirs and not mark.is_file():
        raise ValueError(
            f"{place} holds {' and '.join(theirs)}, not made by ssmbook build: choose "
            "another folder"
        )
    place.mkdir(parents=True, exist_ok=True)
    if root.resolve() in within and not any(place.iterdir()):
        # A book inside the repository is no part of it, nor for ruff to look at.
        (place / ".gitignore").write_text("*\n")
    mark.touch()
    return place


def build(
    root: Path,
    say: Say,
    *,
    with_profile: str | None = None,
    device: str | None = None,
    output: Path | None = None,
    jobs: int = 1,
    timeout: int = CELL_TIMEOUT,
) -> tuple[Path, list[str]]:
    """Run every notebook, build the book; its front page, and which notebooks failed.

    The tree stands in <output>/book, the book in <output>/html, output being _build.
    Runs are kept in _build/runs, by content; nothing is built where the tree is the
    one the book was made from. A notebook that fails leaves the others, and a page
    that says so. Raises ValueError for a bad profile or ledger, RuntimeError for a
    build with warnings.
    """
    planned = plan(root, with_profile, device)
    place = _ours(root, output or root / "_build", given=output is not None)
    kept = Folder(root / "_build" / "runs")
    executed = {}
    sources = notebooks(root)

    def done(job: runs.Job, document: dict) -> None:
        ran = kept.path / job.place
        if document["status"] == "complete":
            path = ran / f"{job.notebook}.ipynb"
            executed[job.notebook] = Page(path, sources[job.notebook])
            took = f"executed in {document['seconds']:.0f} s"
            say(f"{job.notebook}: {'unchanged' if document['reused'] else took}")
        else:
            path, error = ran / "failed.ipynb", document["error"]
            if not path.is_file():
                raise OSError(f"{job.notebook} cannot be kept: {error}")
            executed[job.notebook] = Page(path, sources[job.notebook], error)
            say(f"{job.notebook}: FAILED: {document['error']}")

    if jobs == 1:
        for job in planned:
            done(job, runs.run(job, kept, root=root, timeout=timeout))
    else:
        from ssmlib.companion.scatter import scatter

        scatter(planned, str(kept), done, workers=jobs, timeout=timeout)
    pages = {job.notebook: executed[job.notebook] for job in planned}
    front = _build(root, pages, place / "book", place / "html", say)
    return front, [stem for stem, page in pages.items() if page.failed]


def build_stored(root: Path, say: Say) -> Path:
    """Build the book from the stored outputs, into _build/stored-html."""
    place = root / "_build"
    stored = {stem: Page(path, path) for stem, path in notebooks(root).items()}
    return _build(root, stored, place / "stored-book", place / "stored-html", say)


def _build(root: Path, executed: dict, tree: Path, html: Path, say: Say) -> Path:
    for judged in assemble(root, tree, executed):
        if not judged.stands:
            ledger = judged.claim.verdict
            say(f"claim {judged.claim.id}: {judged.found}; the ledger says {ledger}")
    # API pages are made from docstrings, so the library counts as part of the tree.
    mark = tree_hash(tree) + tree_hash(root / "ssmlib")
    stamp = html.with_name(html.name + ".hash")
    front = html / "index.html"
    if front.is_file() and stamp.is_file() and stamp.read_text() == mark:
        say("book: unchanged")
        return front
    stamp.unlink(missing_ok=True)
    strict(tree, html)
    stamp.write_text(mark)
    return front


def store(root: Path, stems: list[str], say: Say) -> None:
    """Execute notebooks in place with their defaults and store the outputs.

    Raises ValueError for a name that is no notebook, NotebookFailed.
    """
    chosen = [find(root, name) for name in stems] or notebooks(root).values()
    for path in chosen:
        node = execution.execute(nbformat.read(path, 4), {}, path.parent)
        execution.write(node, path)
        say(f"{path.stem}: executed and stored")

"""From notebooks and pages to a strict book: assemble a tree, build it, check it."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat

from ssmlib.companion import execution, pages
from ssmlib.companion.claims import Judgement, judge, load
from ssmlib.companion.parameters import interface, parameters, profile
from ssmlib.companion.records import pictures

_LEFTOVER = re.compile(r"\{(?:glue|cite|ref|eq|numref|doc)[:}]|```\{|:::\{|\[\[|%\(")
_OUTSIDE = re.compile(
    r"""<(?:script|img|iframe|source)[^>]+src=["'](?:https?:)?//[^"']+"""
    r"""|<link[^>]+rel=["'](?:stylesheet|preload|preconnect)["'][^>]+href=["'](?:https?:)?//[^"']+"""
)
_CODE = re.compile(r"<(script|style|pre|code)\b.*?</\1>", re.DOTALL)


def notebooks(root: Path) -> dict[str, Path]:
    """The book's notebooks by stem, in order."""
    return {path.stem: path for path in sorted((root / "notebooks").glob("*.ipynb"))}


def tree_hash(folder: Path) -> str:
    """sha256 over every file of a folder, by name and content."""
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        digest.update(str(path.relative_to(folder)).encode() + b"\0")
        digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()


def _banner(changed: dict) -> str:
    values = ", ".join(f"`{name} = {value!r}`" for name, value in changed.items())
    return (
        ":::{admonition} Rerun with other parameters\n:class: warning\n"
        f"This page ran with {values}. The text was written for the laptop profile; "
        "figures and verdicts below are this run's.\n:::"
    )


def _place(executed: Path, target: Path) -> None:
    """An executed notebook on its place in the tree, with a banner where it differs."""
    node = nbformat.read(executed, 4)
    defaults = {name: p.default for name, p in interface(executed).items()}
    ran_with = parameters(executed)
    changed = {n: v for n, v in ran_with.items() if v != defaults[n]}
    if changed:
        node.cells.insert(1, nbformat.v4.new_markdown_cell(_banner(changed)))
    execution.write(node, target)


def assemble(root: Path, tree: Path, executed: dict[str, Path]) -> list[Judgement]:
    """Write the book's tree: pages, executed notebooks, pictures, the ledger.

    Returns the claims as judged on these notebooks.
    """
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(root / "book", tree / "book")
    for name in ("_config.yml", "_toc.yml"):
        shutil.copy(root / name, tree / name)
    for stem, path in executed.items():
        _place(path, tree / "notebooks" / f"{stem}.ipynb")
        for name, svg in pictures(path).items():
            figure = tree / "book" / "_figures" / f"{name}.svg"
            figure.parent.mkdir(exist_ok=True)
            figure.write_text(svg)
    judged = judge(load(root / "book" / "claims.yml"), tree / "notebooks")
    (tree / "book" / "claims.md").write_text(pages.claims(judged))
    (tree / "book" / "benchmarks.md").write_text(
        pages.benchmarks(root / "benchmarks" / "results.csv")
    )
    return judged


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


def strict(tree: Path, html: Path) -> None:
    """Build the tree from nothing, warnings being errors, execution off.

    Raises RuntimeError with the end of Sphinx's report where it fails; the folder
    `html` is only replaced by a book that is whole.
    """
    tool = Path(sys.executable).with_name("jupyter-book")
    command = [str(tool), "build", str(tree), "-n", "-W", "--keep-going"]
    run = subprocess.run(command, capture_output=True, text=True)
    report = run.stdout + run.stderr
    built = tree / "_build" / "html"
    problems = [] if run.returncode else check_pages(built)
    if run.returncode or problems:
        lines = [
            line for line in report.splitlines() if "WARNING" in line or "ERROR" in line
        ]
        lines = lines or report.splitlines()[-30:]
        raise RuntimeError("the book does not build:\n" + "\n".join(lines + problems))
    shutil.rmtree(html, ignore_errors=True)
    html.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(built, html)
    shutil.rmtree(tree / "_build")


def build(
    root: Path, say: Callable[[str], None], *, with_profile: str | None = None
) -> Path:
    """Execute every notebook (cached), build the book; its front page.

    The tree stands in _build/book, the book in _build/html. with_profile names a
    file of notebooks/ without its ending. Nothing is rebuilt where the tree is the
    one the book was made from. Raises ValueError for a bad profile or ledger,
    RuntimeError for a build with warnings.
    """
    sources = notebooks(root)
    chosen = (
        profile(root / "notebooks" / f"{with_profile}.yml", sources)
        if with_profile
        else {}
    )
    place = root / "_build"
    executed = {
        stem: execution.cached(root, path, chosen.get(stem, {}), place / "cache", say)
        for stem, path in sources.items()
    }
    return _build(root, executed, place / "book", place / "html", say)


def build_stored(root: Path, say: Callable[[str], None]) -> Path:
    """Build the book from the stored outputs, into _build/stored-html."""
    place = root / "_build"
    return _build(
        root, notebooks(root), place / "stored-book", place / "stored-html", say
    )


def _build(root: Path, executed: dict, tree: Path, html: Path, say) -> Path:
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


def store(root: Path, stems: list[str], say: Callable[[str], None]) -> None:
    """Execute notebooks in place with their defaults and store the outputs."""
    found = notebooks(root)
    unknown = sorted(set(stems) - set(found))
    if unknown:
        raise ValueError(
            f"no notebook {', '.join(unknown)}; there are {', '.join(found)}"
        )
    for stem in stems or found:
        path = found[stem]
        execution.write(execution.execute(path, {}, path.parent), path)
        say(f"{stem}: executed and stored")

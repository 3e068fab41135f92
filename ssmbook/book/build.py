"""From notebooks and pages to a strict book: run, assemble a tree, build, check."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import nbformat

from ssmbook.book import pdf, sphinx
from ssmbook.book.assembly import assemble, tree_hash
from ssmbook.book.chapter_page import Page
from ssmbook.book.chapters import Chapter, chapters, find
from ssmbook.notebook.parameters import interface, profile
from ssmbook.notebook.session import footer_seconds
from ssmbook.runs import cluster, execution
from ssmbook.runs.document import Run
from ssmbook.runs.execution import CELL_TIMEOUT
from ssmbook.runs.jobs import Job, plan_runs
from ssmbook.runs.key import ROOT
from ssmbook.runs.stores import Store

_LEFTOVER = re.compile(r"\{(?:glue|cite|ref|eq|numref|doc)[:}]|```\{|:::\{|\[\[|%\(")
_OUTSIDE = re.compile(
    r"""<(?:script|img|iframe|source)[^>]+src=["'](?:https?:)?//[^"']+"""
    r"""|<link[^>]+rel=["'](?:stylesheet|preload|preconnect)["'][^>]+href=["'](?:https?:)?//[^"']+"""
)
_CODE = re.compile(r"<(script|style|pre|code)\b.*?</\1>", re.DOTALL)
Say = Callable[[str], None]


def check_pages(html: Path) -> list[str]:
    """What a reader must not meet: resources from outside, markup left over."""
    problems = []
    for path in sorted(html.rglob("*.html")):
        text = path.read_text(encoding="utf-8")
        name = path.relative_to(html)
        problems += [f"{name}: loads {m[0][:120]}" for m in _OUTSIDE.finditer(text)]
        if "_static" not in path.parts and "_modules" not in path.parts:
            prose = _CODE.sub("", text)
            problems += [f"{name}: leftover {m[0]}" for m in _LEFTOVER.finditer(prose)]
    return problems


def strict(tree: Path, html: Path, **environment: str) -> None:
    """Build the tree from nothing, warnings being errors, execution off.

    Raises RuntimeError with the end of Sphinx's report where it fails; the folder
    `html` is only replaced by a book that is whole.
    """
    run = sphinx.run(tree, **environment)
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


def longest_first(known: Iterable[Chapter]) -> list[Chapter]:
    """Chapters by the run time that their stored footers name, unknown ones first."""

    def seconds(chapter: Chapter) -> float:
        stored = footer_seconds(nbformat.read(chapter.path, 4))
        return float("inf") if stored is None else stored

    return sorted(known, key=seconds, reverse=True)


def plan(
    root: Path, with_profile: str | None, device: str | None, threads: int = 1
) -> list[Job]:
    """The run of each notebook, longest first: a profile's parameters, a device.

    with_profile: a file of notebooks/ without its ending, or a path to a .yml file.
    Raises ValueError for what an interface does not allow, before anything runs.
    """
    known = chapters(root)
    chosen = {}
    if with_profile is not None:
        path = Path(with_profile)
        if path.suffix not in (".yml", ".yaml"):
            path = root / "notebooks" / f"{with_profile}.yml"
        if not path.is_file():
            names = sorted(p.stem for p in (root / "notebooks").glob("*.yml"))
            raise ValueError(f"no profile {path}; there are {', '.join(names)}")
        chosen = profile(path, {slug: c.path for slug, c in known.items()})
    planned = []
    for chapter in longest_first(known.values()):
        values = dict(chosen.get(chapter.slug, {}))
        if device is not None and "device" in interface(chapter.path):
            values["device"] = device
        planned += plan_runs(chapter.path, [values], threads=threads)
    return planned


def output_folder(root: Path, folder: Path, *, given: bool) -> Path:
    """A folder marked as this tool's, which replaces `book` and `html` in it.

    Raises ValueError where a reader gave it and they are there, someone else's, or it
    lies among the sources.
    """
    within = [p.resolve() for p in (folder, *folder.absolute().parents)]
    sources = [p.parent for p in root.glob("*/__init__.py")]
    for source in (root / "book", root / "notebooks", *sources):
        if source.resolve() in within:
            raise ValueError(f"{folder} lies in {source}: choose another folder")
    mark = folder / ".ssmbook"
    theirs = [n for n in ("book", "html") if (folder / n).exists()]
    if given and theirs and not mark.is_file():
        raise ValueError(
            f"{folder} holds {' and '.join(theirs)}, not made by ssmbook build: choose "
            "another folder"
        )
    folder.mkdir(parents=True, exist_ok=True)
    if root.resolve() in within and not any(folder.iterdir()):
        # A book inside the repository is no part of it, nor for ruff to look at.
        (folder / ".gitignore").write_text("*\n", encoding="utf-8")
    mark.touch()
    return folder


def build(
    root: Path,
    say: Say,
    *,
    with_profile: str | None = None,
    device: str | None = None,
    output: Path | None = None,
    jobs: int | None = None,
    threads: int = 1,
    timeout: int = CELL_TIMEOUT,
    with_pdf: bool = False,
) -> tuple[Path, list[str]]:
    """Run every notebook, build the book; its front page, and which notebooks failed.

    The tree lies in <output>/book, the book in <output>/html, output being _build.
    Runs are kept in _build/runs, by key, and `jobs` run at once, as many as the cores
    hold; nothing is built where the tree is the one the book was made from. A
    notebook that fails leaves the others, and a page that says so. with_pdf: book.pdf
    beside the pages, for which Chromium is needed. Raises ValueError
    for a bad profile or ledger, RuntimeError for a build with warnings.
    """
    planned = plan(root, with_profile, device, threads)
    folder = output_folder(root, output or root / "_build", given=output is not None)
    kept = Store(root / "_build" / "runs")
    known = chapters(root)
    executed = {}

    def done(job: Job, run: Run) -> None:
        source = known[job.notebook].path
        name = "failed" if run.failed else job.notebook
        path = kept.folder / job.folder / f"{name}.ipynb"
        if not path.is_file():
            raise OSError(f"{job.notebook} cannot be kept: {run.error}")
        executed[job.notebook] = Page(path, source, run.error)
        if run.failed:
            say(f"{job.notebook}: FAILED: {run.error}")
        else:
            took = f"executed in {run.seconds:.0f} s"
            say(f"{job.notebook}: {'unchanged' if run.reused else took}")

    workers = jobs or cluster.workers_for(threads)
    cluster.run_all(planned, kept, done, workers=workers, timeout=timeout)
    ordered = {slug: executed[slug] for slug in known}
    front = _build(root, ordered, folder / "book", folder / "html", say, with_pdf)
    return front, [slug for slug, page in ordered.items() if page.failed]


def build_stored(root: Path, say: Say, *, with_pdf: bool = False) -> Path:
    """Build the book from the stored outputs, into _build/stored-html."""
    tree, html = (root / "_build" / f"stored-{name}" for name in ("book", "html"))
    return _build(root, stored(root), tree, html, say, with_pdf)


def stored(root: Path) -> dict[str, Page]:
    """The notebooks as they are stored in the repository, by slug."""
    return {slug: Page(c.path, c.path) for slug, c in chapters(root).items()}


def _build(
    root: Path, executed: dict, tree: Path, html: Path, say: Say, with_pdf: bool
) -> Path:
    if with_pdf:
        pdf.chromium()  # a reason to stop before all is built
    for judged in assemble(root, tree, executed, with_pdf=with_pdf):
        if not judged.agrees:
            ledger = judged.claim.verdict
            say(f"claim {judged.claim.id}: {judged.verdict}; the ledger says {ledger}")
    # API pages are made from docstrings, so the packages count as part of the tree.
    packages = sorted(p.parent for p in root.glob("*/__init__.py"))
    mark = "".join(map(tree_hash, [tree, *packages]))
    stamp = html.with_name(html.name + ".hash")
    front = html / "index.html"
    if (
        front.is_file()
        and stamp.is_file()
        and stamp.read_text(encoding="utf-8") == mark
    ):
        say("book: unchanged")
        return front
    stamp.unlink(missing_ok=True)
    strict(tree, html)
    if with_pdf:
        pdf.write(tree, html / "book.pdf")
    stamp.write_text(mark, encoding="utf-8")
    return front


def store_outputs(
    root: Path, names: list[str], say: Say, *, jobs: int | None = None
) -> None:
    """Execute notebooks with their defaults and store the outputs in place.

    Each is stored as soon as it has run; one that fails is left as it was. Raises
    ValueError for a name that is no chapter, RuntimeError that names those that
    failed.
    """
    known = chapters(root)
    chosen = [known[find(root, name).stem] for name in names] or known.values()
    planned = [j for c in longest_first(chosen) for j in plan_runs(c.path, [{}])]
    kept = Store(ROOT / "_build" / "runs")
    failed = {}

    def done(job: Job, run: Run) -> None:
        if run.failed:
            failed[job.notebook] = run.error
            say(f"{job.notebook}: FAILED: {run.error}")
            return
        path = kept.folder / job.folder / f"{job.notebook}.ipynb"
        execution.write(nbformat.read(path, 4), known[job.notebook].path)
        say(f"{job.notebook}: executed in {run.seconds:.0f} s and stored")

    workers = jobs or cluster.workers_for(1)
    cluster.run_all(planned, kept, done, workers=workers, force=True)
    if failed:
        reasons = "; ".join(f"{name}: {error}" for name, error in failed.items())
        raise RuntimeError(f"not stored: {reasons}")

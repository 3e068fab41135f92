"""From notebooks and pages to a strict book: run, assemble a tree, build, check."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from pathlib import Path

from ssmbook.book import output as outputs
from ssmbook.book import pdf, sphinx
from ssmbook.book.assembly import assemble
from ssmbook.book.output import tree_hash
from ssmbook.notebook.chapters import chapters
from ssmbook.notebook.executed import Executed
from ssmbook.notebook.parameters import interface, profile
from ssmbook.pages.chapter_page import Page
from ssmbook.runs import cluster, folders, sharing
from ssmbook.runs.document import Run
from ssmbook.runs.execution import CELL_TIMEOUT
from ssmbook.runs.jobs import Job, plan_runs
from ssmbook.runs.key import lock_hash
from ssmbook.runs.remaining import Remaining
from ssmbook.runs.stores import Store, replace
from ssmbook.runs.storing import Say, longest_first

_LEFTOVER = re.compile(r"\{(?:glue|cite|ref|eq|numref|doc)[:}]|```\{|:::\{|\[\[|%\(")
_OUTSIDE = re.compile(
    r"""<(?:script|img|iframe|source)[^>]+src=["'](?:https?:)?//[^"']+"""
    r"""|<link[^>]+rel=["'](?:stylesheet|preload|preconnect)["'][^>]+href=["'](?:https?:)?//[^"']+"""
)
_CODE = re.compile(r"<(script|style|pre|code)\b.*?</\1>", re.DOTALL)


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

    html: where the pages go; nothing may be there. Raises RuntimeError with the end of
    Sphinx's report where it fails.
    """
    run = sphinx.run(tree, **environment)
    built = tree / "_build" / "html"
    if run.returncode:
        raise RuntimeError(sphinx.failure(tree, run))
    if problems := check_pages(built):
        raise RuntimeError("\n".join(["the book does not build:", *problems]))
    html.parent.mkdir(parents=True, exist_ok=True)
    os.rename(built, html)
    shutil.rmtree(tree / "_build")


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
            if path.name != with_profile:
                raise ValueError(
                    "a profile is the name of a file in notebooks/, or a path that "
                    f"ends in .yml, got {with_profile!r}"
                )
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
    hold; nothing is built where the tree and the pages are those of the last build. A
    notebook that fails leaves the others, and a page that says so. with_pdf: book.pdf
    beside the pages, for which Chromium is needed. Another build in this checkout, or
    into this output, is waited for. Raises ValueError for a bad profile, ledger or
    output, RuntimeError for a build with warnings.
    """
    folder = output or root / "_build"
    outputs.check_folder(root, folder)
    if with_pdf:
        pdf.chromium()  # a reason to stop before anything runs
    planned = plan(root, with_profile, device, threads)
    with contextlib.ExitStack() as locks:
        waited = locks.enter_context(sharing.lock(root / "_build"))
        outputs.check_folder(root, folder)  # again, after a wait
        outputs.prepare(root, folder)
        if folders.real(folder) != folders.real(root / "_build"):
            waited |= locks.enter_context(sharing.lock(folder))
        if waited:
            planned = plan(root, with_profile, device, threads)
        ordered = _executed(
            root, planned, say, jobs or cluster.workers_for(threads), timeout
        )
        front = _build(root, ordered, folder / "book", folder / "html", say, with_pdf)
    return front, [slug for slug, page in ordered.items() if page.executed.failure]


def _executed(
    root: Path, planned: list[Job], say: Say, workers: int, timeout: int
) -> dict[str, Page]:
    """Run what is not stored in _build/runs yet; the executed notebooks, in order."""
    kept = Store(root / "_build" / "runs")
    known = chapters(root)
    executed = {}
    before = {j.notebook: Executed.read(known[j.notebook].path) for j in planned}
    remaining = Remaining({slug: one.seconds for slug, one in before.items()})

    def done(job: Job, run: Run) -> None:
        count, left = remaining.finished(job.notebook, run.reused)
        name = "failed" if run.failed else job.notebook
        assert kept.folder is not None  # it is on this machine
        path = kept.folder / job.folder / f"{name}.ipynb"
        if not path.is_file():
            raise OSError(f"{job.notebook} cannot be kept: {run.error}")
        ran = Executed.read(path, run.error)
        source = Executed.read(known[job.notebook].path)
        executed[job.notebook] = Page(ran, source)
        took = f"executed in {run.seconds:.0f} s"
        said = f"FAILED: {run.error}" if run.failed else took
        said = "unchanged" if run.reused else said
        say(f"{count}: {job.notebook}: {said}{left}")

    cluster.run_all(planned, kept, done, workers=workers, timeout=timeout)
    return {job.notebook: executed[job.notebook] for job in planned}


def build_stored(root: Path, say: Say, *, with_pdf: bool = False) -> Path:
    """Build the book from the stored outputs, into _build/stored-html."""
    tree, html = (root / "_build" / f"stored-{name}" for name in ("book", "html"))
    if with_pdf:
        pdf.chromium()
    with sharing.lock(root / "_build"):
        return _build(root, stored(root), tree, html, say, with_pdf)


def stored(root: Path) -> dict[str, Page]:
    """The notebooks as they are stored in the repository, by slug."""
    read = {slug: Executed.read(c.path) for slug, c in chapters(root).items()}
    return {slug: Page(one, one) for slug, one in read.items()}


def _build(
    root: Path, executed: dict, tree: Path, html: Path, say: Say, with_pdf: bool
) -> Path:
    """Build the book aside, then put its tree and its pages in place.

    Whenever this is interrupted, the last whole book is there, or is put back by the
    next build.
    """
    made, pages = outputs.aside(tree), outputs.aside(html)
    # API pages are made from docstrings, so the packages count as part of the tree.
    packages = sorted(p.parent for p in root.glob("*/__init__.py"))
    about = [lock_hash(), f"PDF: {with_pdf}"]
    stamp = outputs.stamp(html)
    try:
        for judged in assemble(root, made, executed, with_pdf=with_pdf):
            if not judged.agrees:
                said = f"{judged.verdict}; the ledger says {judged.claim.verdict}"
                say(f"claim {judged.claim.id}: {said}")
            if judged.fallen:
                needed = ", ".join(judged.fallen)
                say(f"claim {judged.claim.id}: open; {needed} does not hold")
        mark = outputs.state(made, packages, html, *about)
        if sharing.content(stamp) == mark and tree_hash(made) == tree_hash(tree):
            say("book: unchanged")
            return html / "index.html"
        strict(made, pages)
        if with_pdf:
            pdf.write(made, pages / "book.pdf")
            pdf.write_pages(pages)
        mark = outputs.state(made, packages, pages, *about)
        outputs.swap(pages, html)
        outputs.swap(made, tree)
        replace(stamp, mark)
    finally:
        for left in (made, pages):
            shutil.rmtree(left, ignore_errors=True)
    return html / "index.html"

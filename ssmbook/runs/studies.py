"""Studies: longer runs of chapters, kept in the repository.

studies/<slug>/ contains the document of a run (run.json) and the code cells of the
executed notebook; its text is the chapter's. The document has a checksum of its own
content and names the notebook's SHA-256, its records and its parameters, so that damage
or a careless edit in either file is an error. They are made with the profile `studies`
(`make studies`), never by a build or a test.
"""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import replace as changed
from pathlib import Path
from typing import cast

import nbformat

from ssmbook.notebook import glue
from ssmbook.notebook.chapters import chapters
from ssmbook.notebook.executed import Executed
from ssmbook.notebook.files import notebook_of
from ssmbook.notebook.parameters import profile
from ssmbook.runs.document import Run
from ssmbook.runs.execution import CELL_TIMEOUT
from ssmbook.runs.jobs import Job, plan_runs
from ssmbook.runs.reading import check_notebook
from ssmbook.runs.stores import Store, sha256
from ssmbook.runs.storing import Say, run_and_store

PROFILE = "studies"
#: what its records are called where a chapter's text pastes them
PREFIX = "deposit_"


@dataclass(frozen=True, kw_only=True)
class Study(Executed):
    """A longer run of a chapter: its executed notebook and its document."""

    run: Run

    @property
    def stamp(self) -> str:
        """What it ran with, when, and in which version."""
        values = ", ".join(f"{k} = {v}" for k, v in self.run.parameters.items())
        return f"{self.run.started[:10]}, version {self.run.version}: {values}"


def read(root: Path) -> dict[str, Study]:
    """The studies of a repository, by slug; ValueError for one that was changed."""
    found, known = {}, chapters(root)
    for folder in sorted((root / "studies").glob("*/")):
        slug = folder.name
        document, notebook = folder / "run.json", folder / f"{slug}.ipynb"
        alone = not (document.exists() or notebook.exists())
        if alone and (folder / "study.yml").is_file():
            continue  # it has parts only
        if slug not in known:
            raise ValueError(f"{folder}: no chapter is called {slug}")
        if not (document.is_file() and notebook.is_file()):
            raise ValueError(f"{folder} must contain run.json and {slug}.ipynb")
        run = Run.from_json(document.read_bytes(), document)
        if run.failed or run.notebook != slug:
            raise ValueError(
                f"{document} must be of a complete run of {slug}, got {run.notebook}, "
                f"{run.status}"
            )
        content = notebook.read_bytes()
        try:
            executed = check_notebook(run, content, notebook)
        except ValueError as error:
            raise ValueError(
                f"{document} is refused: {error}: restore both files from the "
                "repository, or make them again with `make studies`"
            ) from error
        found[slug] = Study(notebook, executed.node, run=run)
    return found


def code_and_outputs(content: bytes) -> bytes:
    """A notebook without its text and without warnings, which name local paths.

    Its code folds: it is the chapter's, as it was on the day of the run.
    """
    node = notebook_of(content, "the executed notebook")
    node.cells = [cell for cell in node.cells if cell.cell_type == "code"]
    for cell in node.cells:
        cell.outputs = [o for o in cell.outputs if o.get("name") != "stderr"]
        tags = cell.metadata.get("tags", [])
        cell.metadata["tags"] = [t for t in tags if t != "hide-input"] + ["hide-input"]
    return nbformat.writes(node).encode()


def named_outputs(study: Study) -> list:
    """Its records and figures under names of their own, for the chapter's page."""
    renamed = []
    for output in study.outputs:
        scrapbook = output.get("metadata", {}).get("scrapbook")
        if scrapbook is None:
            continue
        copy = cast(nbformat.NotebookNode, nbformat.from_dict(output))
        prefix = PREFIX if glue.PREFIX in scrapbook["mime_prefix"] else "deposit-"
        copy.metadata.scrapbook.name = prefix + scrapbook["name"]
        renamed.append(copy)
    return renamed


def make(root: Path, names: list[str], say: Say, *, jobs: int | None = None) -> None:
    """Run the chapters of the profile, or those named, and store what they leave.

    A run that was finished before is stored already, so that an interrupted call goes
    on. Raises as `run_and_store`; ValueError for a name without a line in the profile.
    """

    def made(kept: Store, job: Job, run: Run) -> dict[Path, bytes]:
        notebook, document = _files(root, job)
        executed = kept.read(f"{job.folder}/{notebook.name}")
        assert executed is not None  # the run ended well, so it is stored
        content = code_and_outputs(executed)
        files = run.files | {notebook.name: sha256(content)}
        return {notebook: content, document: changed(run, files=files).to_json()}

    run_and_store(
        root,
        lambda: _planned(root, names),
        lambda job: _files(root, job),
        made,
        say,
        workers=jobs,
        timeout=10 * CELL_TIMEOUT,
    )


def _files(root: Path, job: Job) -> list[Path]:
    """A study's notebook and its document."""
    folder = root / "studies" / job.notebook
    return [folder / f"{job.notebook}.ipynb", folder / "run.json"]


def _planned(root: Path, names: list[str]) -> list[Job]:
    """The runs of the chapters of the profile, or of those named."""
    known = {slug: chapter.path for slug, chapter in chapters(root).items()}
    chosen = profile(root / "notebooks" / f"{PROFILE}.yml", known)
    if unknown := set(names) - set(chosen):
        raise ValueError(
            f"{PROFILE}.yml has no line for {', '.join(sorted(unknown))}; it has "
            f"{', '.join(chosen)}"
        )
    return [
        job
        for slug, values in chosen.items()
        if not names or slug in names
        for job in plan_runs(known[slug], [values])
    ]

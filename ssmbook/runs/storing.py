"""Runs whose outputs are stored in the repository: those of notebooks, longer ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import nbformat

from ssmbook.notebook.chapters import Chapter, chapters, find
from ssmbook.notebook.executed import Executed
from ssmbook.notebook.files import read_notebook
from ssmbook.runs import cluster, sharing
from ssmbook.runs.document import Run
from ssmbook.runs.execution import CELL_TIMEOUT
from ssmbook.runs.jobs import Job, plan_runs
from ssmbook.runs.stores import Store

Say = Callable[[str], None]


def longest_first(known: Iterable[Chapter]) -> list[Chapter]:
    """Sort chapters by the run time in their stored footers, unknown ones first."""

    def seconds(chapter: Chapter) -> float:
        stored = Executed.read(chapter.path).seconds
        return float("inf") if stored is None else stored

    return sorted(known, key=seconds, reverse=True)


def run_and_store(
    root: Path,
    plan: Callable[[], list[Job]],
    files: Callable[[Job], list[Path]],
    made: Callable[[Store, Job, Run], Mapping[Path, bytes]],
    say: Say,
    *,
    workers: int | None = None,
    force: bool = False,
    timeout: int = CELL_TIMEOUT,
) -> None:
    """Run jobs and store what they leave in files of the repository.

    Each is stored as soon as it has run. The files of a job that fails are left as they
    were, and so are files that were edited meanwhile.

    Args:
        root: the repository.
        plan: returns the jobs; called again after a wait for another command.
        files: returns the files that a job writes.
        made: returns the new content of these files, from the store of runs.
        say: told of each job.
        workers: how many run at once; None: as many as the cores hold.
        force: whether jobs run again that were finished before.
        timeout: seconds that a cell may take.

    Raises:
        ValueError: as `plan`, before anything runs.
        RuntimeError: that names the jobs whose files were not stored.
    """
    plan()  # a wrong name is an error at once, without a wait
    kept, failed = Store(root / "_build" / "runs"), {}
    with sharing.lock(root / "_build"):
        planned = plan()
        seen = {path: sharing.content(path) for job in planned for path in files(job)}

        def done(job: Job, run: Run) -> None:
            try:
                if run.failed:
                    raise ValueError(run.error)
                sharing.update(root, made(kept, job, run), seen)
            except ValueError as error:
                failed[job.notebook] = str(error)
                what = "FAILED" if run.failed else "NOT STORED"
                say(f"{job.notebook}: {what}: {error}")
            else:
                say(f"{job.notebook}: executed in {run.seconds:.0f} s and stored")

        cluster.run_all(
            planned,
            kept,
            done,
            workers=workers or cluster.workers_for(1),
            force=force,
            timeout=timeout,
        )
    if failed:
        reasons = "; ".join(f"{name}: {error}" for name, error in failed.items())
        raise RuntimeError(f"not stored: {reasons}")


def store_outputs(
    root: Path, names: list[str], say: Say, *, jobs: int | None = None
) -> None:
    """Execute notebooks with their defaults and store the outputs in place.

    Raises as `run_and_store`; ValueError for a name that is no chapter.
    """

    def plan() -> list[Job]:
        chosen = longest_first(_chosen(root, names))
        return [job for chapter in chosen for job in plan_runs(chapter.path, [{}])]

    def made(kept: Store, job: Job, run: Run) -> dict[Path, bytes]:
        assert kept.folder is not None  # it is on this machine
        node = read_notebook(kept.folder / job.folder / f"{job.notebook}.ipynb")
        return {Path(job.path): (nbformat.writes(node) + "\n").encode()}

    def files(job: Job) -> list[Path]:
        return [Path(job.path)]

    run_and_store(root, plan, files, made, say, workers=jobs, force=True)


def _chosen(root: Path, names: list[str]) -> list[Chapter]:
    """The chapters of that name, number or path, each once; without names, all."""
    by_path = {chapter.path.resolve(): chapter for chapter in chapters(root).values()}
    chosen = {}
    for name in names or by_path:
        path = find(root, str(name)).resolve()
        if path not in by_path:
            raise ValueError(
                f"{path} is no chapter of this book: give a chapter's name"
            )
        chosen[path] = by_path[path]
    return list(chosen.values())

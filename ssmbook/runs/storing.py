"""Runs whose files go into the repository: outputs of notebooks, longer runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from ssmbook.runs import cluster, sharing
from ssmbook.runs.document import Run
from ssmbook.runs.jobs import Job
from ssmbook.runs.stores import Store

Say = Callable[[str], None]


def run_into(
    root: Path,
    planned: list[Job],
    seen: Mapping[Path, bytes | None],
    made: Callable[[Store, Job, Run], dict[Path, bytes]],
    say: Say,
    **options,
) -> None:
    """Run jobs, and put the files of each into the repository as soon as it has run.

    The files of a run that fails, or that were edited while it ran, are left as they
    were.

    Args:
        root: the repository.
        planned: the jobs.
        seen: what `sharing.content` gave for each file before.
        made: the new content of each file, from a complete run in a store.
        say: prints a line per run.
        **options: of `cluster.run_all`.

    Raises:
        RuntimeError: naming the runs that were not stored.
    """
    store = Store(root / "_build" / "runs")
    failed: dict[str, str | None] = {}

    def done(job: Job, run: Run) -> None:
        if run.failed:
            failed[job.notebook] = run.error
            say(f"{job.notebook}: FAILED: {run.error}")
            return
        try:
            sharing.update(root, made(store, job, run), seen)
        except ValueError as error:
            failed[job.notebook] = str(error)
            say(f"{job.notebook}: NOT STORED: {error}")
        else:
            say(f"{job.notebook}: executed in {run.seconds:.0f} s and stored")

    cluster.run_all(planned, store, done, **options)
    if failed:
        reasons = "; ".join(f"{name}: {error}" for name, error in failed.items())
        raise RuntimeError(f"not stored: {reasons}")

"""Run the missing parts of a study, and store each as soon as it is finished."""

from __future__ import annotations

import copy
import time
from dataclasses import replace as changed
from pathlib import Path

import nbformat

from ssmbook.notebook.chapters import chapters
from ssmbook.notebook.executed import Executed
from ssmbook.notebook.files import notebook_of, read_notebook
from ssmbook.notebook.losses import NAME, Losses
from ssmbook.runs import cluster, sharing
from ssmbook.runs.document import Run
from ssmbook.runs.execution import CELL_TIMEOUT
from ssmbook.runs.jobs import Job, plan_runs
from ssmbook.runs.stores import Store, replace, sha256
from ssmbook.runs.storing import Say
from ssmbook.studies.design import PILOT, Study, studies
from ssmbook.studies.parts import of_study, part_name, path_of, settle

#: the tag of the cells that a part executes, beside those of the parameters
TAG = "part"
#: the parameter of a study that reads a folder of data, its value, and a link to it
DATA = "data"


def measurement(node) -> nbformat.NotebookNode:
    """Return the cells of a chapter that a part executes, without outputs.

    Args:
        node: the chapter's notebook.

    Raises:
        ValueError: if no cell has the tag `part`.
    """
    own = copy.deepcopy(node)
    own.cells = [c for c in own.cells if {TAG, "parameters"} & {*_tags(c)}]
    if not any(TAG in _tags(cell) for cell in own.cells):
        raise ValueError(f"no cell has the tag {TAG!r}, which a study's part executes")
    for cell in own.cells:
        cell.outputs, cell.execution_count = [], None
    return own


def _tags(cell) -> list[str]:
    return cell.metadata.get("tags", [])


def run(
    root: Path,
    name: str,
    say: Say,
    *,
    design: str | None = None,
    seeds: range | None = None,
    data: Path | None = None,
    workers: int | None = None,
) -> None:
    """Run the parts of a study that are missing.

    Each part is stored when it is finished. If the command is interrupted, the same
    command continues with the next part.

    Args:
        root: the repository.
        name: the name of the study.
        say: told of each part.
        design: one design; None for all.
        seeds: parts within these seeds; None for all.
        data: the folder that the notebook's parameter `data` names, in a study that
            states `data: data`; None for another study.
        workers: parts at once; None for as many as there are cores.

    Raises:
        ValueError: for an unknown study, an unknown design, seeds that are
            not whole parts, or a folder that is missing or that no design reads.
        RuntimeError: that names the parts that failed.
    """
    study = _study(root, name)
    wanted = _wanted(study, design, seeds)
    home = root / "_build" / "studies" / name
    with sharing.lock(home):
        _link(home / DATA, study, data)
        settle(root, study)
        left = _missing(root, study, wanted)
        if not any(left.values()):
            say(f"{name}: all parts are finished")
            return
        # The others read the rates that the pilot chose.
        first = {PILOT: left.pop(PILOT, [])}
        failed = _run_parts(root, study, first, say, workers)
        if not failed:
            failed = _run_parts(root, study, left, say, workers)
        settle(root, study)
    if failed:
        reasons = "; ".join(f"{place}: {error}" for place, error in failed.items())
        raise RuntimeError(f"not stored: {reasons}")


def _link(link: Path, study: Study, data: Path | None) -> None:
    """Make a link to the data of a study, so that its parts name no path of a user."""
    wanted = any(
        (study.parameters | design.parameters).get(DATA) == DATA
        for design in study.designs.values()
    )
    if wanted != (data is not None):
        reads = "reads a folder of data" if wanted else "reads no folder of data"
        what = "name it by --data" if wanted else "leave --data out"
        raise ValueError(f"the study {study.name} {reads}: {what}")
    if data is None:
        return
    if not data.is_dir():
        raise ValueError(f"--data must be a folder, got {data}")
    link.unlink(missing_ok=True)
    link.symlink_to(data.resolve(), target_is_directory=True)


def _missing(
    root: Path, study: Study, wanted: dict[str, list[range]]
) -> dict[str, list[range]]:
    done = of_study(root, study)
    return {
        name: [block for block in blocks if block in done.missing(name)]
        for name, blocks in wanted.items()
    }


def _run_parts(
    root: Path,
    study: Study,
    left: dict[str, list[range]],
    say: Say,
    workers: int | None,
) -> dict[str, str]:
    """Run parts and store them; what failed, and why."""
    if not any(left.values()):
        return {}
    jobs, places = _planned(root, study, left)
    failed, started = {}, time.monotonic()
    store = Store(root / "_build" / "runs")

    def finished(job: Job, run: Run) -> None:
        path = places.pop(job.key)
        design = path.relative_to(root / "studies" / study.name).parts[0]
        place = f"{study.name}, {design}, seeds {path.stem}"
        try:
            if run.failed:
                raise ValueError(run.error)
            _store(store, job, run, path)
        except ValueError as error:
            failed[place] = str(error)
            say(f"{place}: FAILED: {error}")
            return
        each = (time.monotonic() - started) / (len(jobs) - len(places))
        hours = each * len(places) / 3600
        say(
            f"{place}: {run.seconds:.0f} s; {len(places)} parts are left, about "
            f"{hours:.1f} hours"
        )

    cluster.run_all(
        jobs,
        store,
        finished,
        workers=workers or cluster.workers_for(1),
        timeout=100 * CELL_TIMEOUT,
    )
    return failed


def _study(root: Path, name: str) -> Study:
    known = studies(root)
    if name not in known:
        raise ValueError(
            f"there is no study called {name!r}: studies/{name}/study.yml does not "
            f"exist; there are {', '.join(known) or 'none'}"
        )
    return known[name]


def _wanted(
    study: Study, design: str | None, seeds: range | None
) -> dict[str, list[range]]:
    """The parts that were asked for, by design."""
    if design is not None and design not in study.designs:
        raise ValueError(
            f"design must be one of {', '.join(study.designs)}, got {design!r}"
        )
    wanted = {
        name: [
            block
            for block in study.blocks(name)
            if seeds is None or {*block} <= {*seeds}
        ]
        for name in ([design] if design else study.designs)
    }
    if seeds is not None and sum(map(len, sum(wanted.values(), []))) != len(seeds):
        blocks = [part_name(b) for name in wanted for b in study.blocks(name)]
        raise ValueError(
            f"seeds {seeds.start}:{seeds.stop} are not whole parts; the parts are "
            f"{', '.join(blocks)}"
        )
    return wanted


def _planned(
    root: Path, study: Study, left: dict[str, list[range]]
) -> tuple[list[Job], dict[str, Path]]:
    """The jobs of parts, and the table that each writes, by the job's key.

    Parts of one seed range of every design come before later ones, so that an
    interrupted study has a little of everything.
    """
    chapter = chapters(root)[study.chapter]
    # The kernel works in this folder; nothing that a part reads lies beside it.
    path = root / "_build" / "studies" / study.name / f"{study.chapter}.ipynb"
    node = measurement(read_notebook(chapter.path))
    replace(path, (nbformat.writes(node) + "\n").encode())
    jobs, places = [], {}
    for design, blocks in left.items():
        for block, job in zip(
            blocks,
            plan_runs(path, [study.values(design, block) for block in blocks]),
            strict=True,
        ):
            jobs.append((block.start - study.designs[design].seeds[0], job))
            places[job.key] = path_of(root, study, design, block)
    return [job for _, job in sorted(jobs, key=lambda pair: pair[0])], places


def _store(store: Store, job: Job, run: Run, path: Path) -> None:
    """Write a part: its document, then its table, without which it is not finished."""
    name = f"{job.notebook}.ipynb"
    content = store.read(f"{job.folder}/{name}")
    assert content is not None  # the run ended well, so it is stored
    texts = Executed(name, notebook_of(content, name)).texts
    if NAME not in texts:
        raise ValueError("the notebook stores no losses: call ssmbook.record_losses")
    table = texts[NAME].encode()
    Losses.from_csv(table, path)
    document = changed(run, files={path.name: sha256(table)})
    replace(path.with_suffix(".json"), document.to_json())
    replace(path, table)

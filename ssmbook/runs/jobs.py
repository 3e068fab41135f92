"""Jobs: a notebook with parameters, executed once for each key, and stored.

A run lies in its store under <notebook>/<first 16 digits of its key>/:

    <notebook>.ipynb   executed
    <notebook>.html    the same, to read
    run.json           written last: where it is whole, so is the run
    failed.json        instead, where the notebook did not reach its end
"""

from __future__ import annotations

import copy
import logging
import platform
import tempfile
import threading
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import nbformat

from ssmbook.notebook.executed import Executed
from ssmbook.notebook.files import check_name, notebook_of
from ssmbook.notebook.parameters import Value, check, declared
from ssmbook.runs import (
    execution,
    inputs,
    installed,
    key,
    provenance,
    reading,
    run_page,
    sharing,
)
from ssmbook.runs.document import Run, as_records
from ssmbook.runs.execution import CELL_TIMEOUT, NotebookFailed, Step
from ssmbook.runs.stores import Store, sha256

_log = logging.getLogger(__name__)
# Jupyter's classes resolve their parts when they are first used, without a lock, and
# a kernel is told its threads by the environment of the process that starts it.
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True)
class Job:
    """A run to be made; `text` is the notebook as it was when the key was.

    path: of the notebook, whose folder the kernel works in. state: as `Run.state`.
    """

    notebook: str
    path: str
    text: str
    values: dict[str, Value]
    threads: int
    state: str
    key: str

    @property
    def folder(self) -> str:
        """Its folder in a store."""
        return f"{self.notebook}/{self.key[:16]}"

    @property
    def node(self):
        """The notebook, parsed anew."""
        return nbformat.reads(self.text, 4)


def plan_runs(notebook: Path, choices: list[dict], *, threads: int = 1) -> list[Job]:
    """The runs of one notebook, each with its own choice of parameters.

    Raises ValueError, before anything runs, for a choice outside the interface.
    """
    content = notebook.read_bytes()
    node, text = notebook_of(content, notebook), content.decode()
    check_name(notebook.stem, f"the name of the notebook {notebook}")
    known = declared(node, notebook)
    around = key.surroundings(node, threads)
    state = key.cache_key(around, node, {})[:16]
    planned = []
    for choice in choices:
        values = check(known, choice, notebook.stem)
        path = str(notebook.absolute())
        files = inputs.hashes(known, values, _folder(path), notebook.stem)
        own = key.cache_key(around, node, values, files)
        planned.append(Job(notebook.stem, path, text, values, threads, state, own))
    return planned


def finished_run(job: Job, store: Store) -> Run | None:
    """The stored run, if all its files are; None where it must be run (again)."""
    try:
        return _finished_run(job, store)
    except (reading.DamagedRun, reading.OldRun):
        return None  # `run_job` says so


def _finished_run(job: Job, store: Store) -> Run | None:
    run = reading.read_run(store, job.folder, whole=True)
    if run is None or run.key != job.key or run.parameters != job.values:
        return None
    if installed.provided(run.loaded) != run.loaded:
        return None  # a package that its imports do not name has another version now
    return replace(run, reused=True)


def run_job(
    job: Job,
    store: Store,
    *,
    force: bool = False,
    timeout: int = CELL_TIMEOUT,
    step: Step | None = None,
) -> Run:
    """Run a job, unless its result is stored already.

    step: called after each code cell.

    A notebook that fails is no error here: its document says status "failed", with
    the traceback. A stored result is only ever replaced by a whole one. A process
    runs one at a time: a second thread waits. Another process that runs the same job
    into the same folder is waited for. Raises OSError where the store cannot be
    written or its file system has no locks.
    """
    if not force:
        try:
            if (run := _finished_run(job, store)) is not None:
                return run
        except (reading.DamagedRun, reading.OldRun) as error:
            _log.warning("%s; it runs again now", error)
    with _ONE_AT_A_TIME:
        store.check_writable(job.folder)
        with sharing.lock_in(store, job.folder):
            # Another process may have finished it since.
            run = None if force else finished_run(job, store)
            return run or _run(job, store, timeout, step)


def _run(job: Job, store: Store, timeout: int, step: Step | None) -> Run:
    run_page.write_mathjax(store)
    run = _begun(job)
    clock, loaded = time.perf_counter(), {}
    try:
        check_surroundings(job)
        node = execution.execute(
            job.node,
            job.values,
            _folder(job.path),
            timeout=timeout,
            threads=job.threads,
            loaded=loaded,
            step=step,
        )
        check_surroundings(job)
        records = as_records(Executed(job.notebook, node).records)
        run = replace(run, status="complete", records=records, loaded=loaded)
    except (NotebookFailed, ValueError) as error:
        details = getattr(error, "details", str(error))
        run = replace(run, error=str(error), traceback=details)
        node = getattr(error, "notebook", None) or _without_outputs(job)
    run = replace(run, seconds=round(time.perf_counter() - clock, 2))
    return _keep(job, store, run, node)


def _folder(path: str) -> Path:
    """The folder that a notebook works in; a worker elsewhere may not have its own."""
    folder = Path(path).parent
    return folder if folder.is_dir() else key.ROOT / "notebooks"


def _code_alone(node):
    """A notebook without its text."""
    alone = copy.deepcopy(node)
    alone.cells = [cell for cell in alone.cells if cell.cell_type == "code"]
    return alone


def _without_outputs(job: Job):
    """The job's notebook, for a run that never began."""
    node = job.node
    for cell in node.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return node


def check_surroundings(job: Job) -> None:
    """Raise ValueError where this is not the code, lock, Python or data of the job."""
    around = key.surroundings(job.node, job.threads)
    known = declared(job.node, job.path)
    files = inputs.hashes(known, job.values, _folder(job.path), job.notebook)
    if key.cache_key(around, job.node, job.values, files) != job.key:
        raise ValueError(
            "the library, the lock, the installed packages, Python or a file that a "
            "parameter names is not what this run was asked for: it was edited "
            "meanwhile, or a worker has another one"
        )


def _files(job: Job) -> list[Path]:
    """The files of the repository that a run is made of: notebook and modules."""
    files = [Path(job.path), *map(key.source, key.modules(job.node))]
    return [f for f in files if f.resolve().is_relative_to(key.ROOT) and f.is_file()]


def _begun(job: Job) -> Run:
    """The document of a run that is about to begin."""
    return Run(
        notebook=job.notebook,
        key=job.key,
        state=job.state,
        parameters=job.values,
        started=datetime.now(UTC).isoformat(timespec="milliseconds"),
        threads=job.threads,
        version=version("ssmlib"),
        modules=key.surroundings(job.node, job.threads)["modules"],
        git=provenance.state(key.ROOT, _files(job)),
        machine=provenance.machine(str(job.values.get("device", "cpu"))),
        packages=provenance.packages(),
    )


def _keep(job: Job, store: Store, run: Run, node) -> Run:
    """Write a run into its folder, its document last.

    Where the store can no longer be written, the files go to a temporary folder, which
    the OSError names: hours of computation are not lost.
    """
    try:
        html = run_page.render(node, run)
    except Exception as error:  # of text that pastes what was not recorded, mostly
        if run.failed:
            raise
        run = replace(run, status="failed", records={}, traceback=repr(error))
        run = replace(run, error=f"its page cannot be made: {error}")
        html = run_page.render(_code_alone(node), run)
    name = "failed" if run.failed else job.notebook
    contents = {
        f"{name}.ipynb": (nbformat.writes(node) + "\n").encode(),
        f"{name}.html": html.encode(),
    }
    run = replace(run, files={n: sha256(content) for n, content in contents.items()})
    contents["failed.json" if run.failed else "run.json"] = run.to_json()
    try:
        for file, content in contents.items():
            store.write(f"{job.folder}/{file}", content)
    except OSError as error:
        reason = f"{store}/{job.folder} cannot be written: {error}"
        raise OSError(f"{reason}; {_rescued(job, contents)}") from error
    if not run.failed:
        for left in {"failed.json", "failed.ipynb", "failed.html"} - {*contents}:
            store.remove(f"{job.folder}/{left}")
    return run


def _rescued(job: Job, contents: dict[str, bytes]) -> str:
    """Write a run into a temporary folder; the sentence that says where, or why not."""
    try:
        rescue = Store(tempfile.mkdtemp(prefix="ssmbook-rescued-"))
        for file, content in contents.items():
            rescue.write(f"{job.folder}/{file}", content)
    except OSError as error:
        return (
            f"the run of {job.notebook} with {job.values} is lost, since no temporary "
            f"folder can be written either: {error}"
        )
    return (
        f"the run is in {rescue}/{job.folder} on {platform.node()}: copy that folder "
        "there once it can be written"
    )

"""Jobs: a notebook with parameters, executed once for each key, and stored.

A run lies in its store under <notebook>/<first 16 digits of its key>/:

    <notebook>.ipynb   executed
    <notebook>.html    the same, to read
    run.json           written last: where it is whole, so is the run
    failed.json        instead, where the notebook did not reach its end
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import nbformat

from ssmbook.notebook.glue import node_records
from ssmbook.notebook.parameters import Value, check, declared
from ssmbook.runs import execution, key, page, provenance
from ssmbook.runs.document import Run, as_records
from ssmbook.runs.execution import CELL_TIMEOUT, NotebookFailed
from ssmbook.runs.stores import Store, sha256

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
    text = notebook.read_text(encoding="utf-8")
    node = nbformat.reads(text, 4)
    known = declared(node, notebook)
    around = key.surroundings(node, threads)
    state = key.cache_key(around, node, {})[:16]
    planned = []
    for choice in choices:
        values = check(known, choice, notebook.stem)
        own = key.cache_key(around, node, values)
        path = str(notebook.absolute())
        planned.append(Job(notebook.stem, path, text, values, threads, state, own))
    return planned


def finished_run(job: Job, store: Store) -> Run | None:
    """The stored run, if all its files are; None where it must be run (again)."""
    run = Run.from_json(store.read(f"{job.folder}/run.json"))
    if run is None or run.key != job.key:
        return None
    if not all(store.holds(f"{job.folder}/{n}", d) for n, d in run.files.items()):
        return None
    return replace(run, reused=True)


def stored_runs(store: Store, notebook: str) -> list[Run]:
    """Every run of a notebook in a store, failed ones too, oldest first."""
    runs = []
    for folder in store.names(notebook):
        for name in ("run.json", "failed.json"):
            run = Run.from_json(store.read(f"{notebook}/{folder}/{name}"))
            if run is not None:
                runs.append(run)
                break
    return sorted(runs, key=lambda run: run.started)


def run_job(
    job: Job, store: Store, *, force: bool = False, timeout: int = CELL_TIMEOUT
) -> Run:
    """Run a job, unless its result is stored already.

    A notebook that fails is no error here: its document says status "failed", with
    the traceback. A stored result is only ever replaced by a whole one. A process
    runs one at a time: a second thread waits. Raises OSError where the store cannot
    be written.
    """
    if not force and (run := finished_run(job, store)) is not None:
        return run
    with _ONE_AT_A_TIME:
        return _run(job, store, timeout)


def _run(job: Job, store: Store, timeout: int) -> Run:
    page.write_mathjax(store)
    store.check_writable(job.folder)
    run = _begun(job)
    clock = time.perf_counter()
    try:
        check_surroundings(job)
        folder = Path(job.path).parent
        node = execution.execute(
            job.node,
            job.values,
            folder if folder.is_dir() else key.ROOT / "notebooks",
            timeout=timeout,
            threads=job.threads,
        )
        check_surroundings(job)
        records = as_records(node_records(node, job.notebook))
        run = replace(run, status="complete", records=records)
    except (NotebookFailed, ValueError) as error:
        details = getattr(error, "details", str(error))
        run = replace(run, error=str(error), traceback=details)
        node = getattr(error, "notebook", None) or _without_outputs(job)
    run = replace(run, seconds=round(time.perf_counter() - clock, 2))
    return _keep(job, store, run, node)


def _without_outputs(job: Job):
    """The job's notebook, for a run that never began."""
    node = job.node
    for cell in node.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return node


def check_surroundings(job: Job) -> None:
    """Raise ValueError where this is not the code, lock or Python of the job."""
    around = key.surroundings(job.node, job.threads)
    if key.cache_key(around, job.node, job.values) != job.key:
        raise ValueError(
            "the library, the lock, Python or torch is not what this run was asked "
            "for: it was edited meanwhile, or a worker has another one"
        )


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
        modules=key.code_hash(key.modules(job.node)),
        git=provenance.state(key.ROOT),
        machine=provenance.machine(str(job.values.get("device", "cpu"))),
        packages=provenance.packages(),
    )


def _keep(job: Job, store: Store, run: Run, node) -> Run:
    """Write a run into its folder, its document last."""
    name = "failed" if run.failed else job.notebook
    contents = {
        f"{name}.ipynb": (nbformat.writes(node) + "\n").encode(),
        f"{name}.html": page.render(node, run).encode(),
    }
    run = replace(run, files={n: sha256(content) for n, content in contents.items()})
    for file, content in contents.items():
        store.write(f"{job.folder}/{file}", content)
    document = "failed.json" if run.failed else "run.json"
    store.write(f"{job.folder}/{document}", run.to_json())
    if not run.failed:
        for left in {"failed.json", "failed.ipynb", "failed.html"} - {*contents}:
            store.remove(f"{job.folder}/{left}")
    return run

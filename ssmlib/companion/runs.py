"""One run: a notebook with parameters, executed once for each content, and kept.

A run stands in its store under <notebook>/<first 16 digits of its key>/:

    <notebook>.ipynb   executed
    <notebook>.html    the same, to read
    run.json           written last: where it is whole, so is the run
    failed.json        instead, where the notebook did not reach its end
"""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import nbformat

from ssmlib.companion import execution, provenance, runpage
from ssmlib.companion.execution import CELL_TIMEOUT, NotebookFailed
from ssmlib.companion.parameters import Value, check, declared
from ssmlib.companion.records import node_records
from ssmlib.companion.stores import Bucket, Folder

_FIELDS = {"key", "state", "status", "files", "started", "seconds", "git", "library"}
_FIELDS |= {"parameters", "records"}
REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Job:
    """A run to be made; `text` is the notebook as it was when the key was.

    state: what its outputs depend on, parameters apart, in 16 digits.
    """

    notebook: str
    text: str
    values: dict[str, Value]
    folder: str
    state: str
    key: str

    @property
    def place(self) -> str:
        """Its folder in a store."""
        return f"{self.notebook}/{self.key[:16]}"


def jobs(root: Path, notebook: Path, choices: list[dict]) -> list[Job]:
    """The runs of one notebook, each with its own choice of parameters.

    Raises ValueError, before anything runs, for a choice outside the interface.
    """
    text = notebook.read_text()
    node = nbformat.reads(text, 4)
    known = declared(node, notebook)
    around = execution.surroundings(root)
    state = execution.cache_key(around, node, {})[:16]
    made = []
    for choice in choices:
        values = check(known, choice, notebook.stem)
        key = execution.cache_key(around, node, values)
        folder = str(notebook.parent)
        made.append(Job(notebook.stem, text, values, folder, state, key))
    return made


def job(root: Path, notebook: Path, values: dict) -> Job:
    """As `jobs`, of one run."""
    return jobs(root, notebook, [values])[0]


def finished(job: Job, store: Folder | Bucket) -> dict | None:
    """The run's document, if it is whole; None where it must be run (again)."""
    document = _document(store, f"{job.place}/run.json")
    if document is None or document.get("key") != job.key:
        return None
    files = document["files"].items()
    if not all(store.whole(f"{job.place}/{name}", digest) for name, digest in files):
        return None
    return document


def _document(store: Folder | Bucket, name: str) -> dict | None:
    try:
        found = json.loads(store.read(name) or b"null")
    except ValueError:
        return None
    whole = isinstance(found, dict) and set(found) >= _FIELDS
    return found if whole else None


def documents(store: Folder | Bucket, notebook: str) -> list[dict]:
    """Every run of a notebook in a store, failed ones too, oldest first."""
    found = []
    for short in store.names(notebook):
        for name in ("run.json", "failed.json"):
            document = _document(store, f"{notebook}/{short}/{name}")
            if document is not None:
                found.append(document)
                break
    return sorted(found, key=lambda document: document["started"])


def run(
    job: Job,
    store: Folder | Bucket,
    *,
    root: Path = REPOSITORY,
    force: bool = False,
    timeout: int = CELL_TIMEOUT,
) -> dict:
    """Run a job, unless its result stands already; its document.

    A notebook that fails is no error here: its document says status "failed", with
    the traceback. A result that stands is only ever replaced by a whole one. Raises
    OSError where the store cannot be written.
    """
    if not force and (document := finished(job, store)) is not None:
        return document | {"reused": True}
    runpage.supply(store)
    store.prepare(job.place)
    document = _about(job, root)
    clock = time.perf_counter()
    try:
        same_surroundings(job, root)
        folder = Path(job.folder)
        node = execution.execute(
            nbformat.reads(job.text, 4),
            job.values,
            folder if folder.is_dir() else root / "notebooks",
            timeout=timeout,
        )
        same_surroundings(job, root)
        found = node_records(node, job.notebook)
    except (NotebookFailed, ValueError) as error:
        document |= {
            "status": "failed",
            "seconds": round(time.perf_counter() - clock, 2),
            "error": str(error),
            "traceback": getattr(error, "details", str(error)),
        }
        partial = getattr(error, "notebook", None) or _blank(job)
        return _keep(job, store, document, partial) | {"reused": False}
    document |= {
        "status": "complete",
        "seconds": round(time.perf_counter() - clock, 2),
        "records": {k: {"value": r.value, "rtol": r.rtol} for k, r in found.items()},
    }
    return _keep(job, store, document, node) | {"reused": False}


def _blank(job: Job):
    """The job's notebook without outputs, for a run that never began."""
    node = nbformat.reads(job.text, 4)
    for cell in node.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return node


def same_surroundings(job: Job, root: Path = REPOSITORY) -> None:
    """Raise ValueError where this is not the library, lock or Python of the job."""
    around = execution.surroundings(root)
    if execution.cache_key(around, nbformat.reads(job.text, 4), job.values) != job.key:
        raise ValueError(
            "the library, the lock, Python or torch is not what this run was asked "
            "for: it was edited meanwhile, or a worker has another one"
        )


def _about(job: Job, root: Path) -> dict:
    """The document of a run that is about to begin."""
    return {
        "notebook": job.notebook,
        "key": job.key,
        "state": job.state,
        "parameters": job.values,
        "seed": job.values.get("seed"),
        "threads": execution.THREADS,
        "library": provenance.library(execution.source_hash(root)),
        "git": provenance.state(root),
        "machine": provenance.machine(str(job.values.get("device", "cpu"))),
        "packages": provenance.packages(),
        "started": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "records": {},
    }


def _keep(job: Job, store: Folder | Bucket, document: dict, node) -> dict:
    """Write a run into its place, its document last."""
    failed = document["status"] == "failed"
    name = "failed" if failed else job.notebook
    contents = {
        f"{name}.ipynb": nbformat.writes(node) + "\n",
        f"{name}.html": runpage.page(node, document),
    }
    document["files"] = {}
    for file, text in contents.items():
        content = text.encode()
        document["files"][file] = hashlib.sha256(content).hexdigest()
        store.write(f"{job.place}/{file}", content)
    last = "failed.json" if failed else "run.json"
    store.write(f"{job.place}/{last}", (json.dumps(document, indent=1) + "\n").encode())
    if not failed:
        for left in {"failed.json", "failed.ipynb", "failed.html"} - {*contents}:
            store.remove(f"{job.place}/{left}")
    return document

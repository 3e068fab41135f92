"""Stored runs as they are read: a run that does not fit its checksums is refused.

A run's document has a checksum of its own content and names the SHA-256 of each file.
The executed notebook is a second witness: the document's records must be those that the
notebook stores, and its parameters those that the notebook was executed with. This
detects damage and careless edits, and no forger: see `document`.
"""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from pathlib import Path

from ssmbook.notebook.executed import Executed
from ssmbook.notebook.files import WithoutChecksum, notebook_of
from ssmbook.runs.document import Run, as_records
from ssmbook.runs.stores import Store, sha256

Tell = Callable[[ValueError], None]


class DamagedRun(ValueError):
    """A stored run that is not what was stored; names the file and the next step."""


class OldRun(ValueError):
    """A run as versions before the checksum stored it."""


def check_notebook(run: Run, content: bytes | None, where: str | Path) -> Executed:
    """Return a run's notebook; ValueError where it and the document disagree."""
    name = f"{run.notebook}.ipynb"
    if name not in run.files:
        raise ValueError(f"it names no {name}")
    if content is None:
        raise ValueError(f"{name} is missing")
    if sha256(content) != run.files[name]:
        raise ValueError(f"{name} is not the file that was stored with it")
    executed = Executed(where, notebook_of(content, where))
    if as_records(executed.records) != run.records:
        raise ValueError(f"its records are not those of {name}")
    # 1, 1.0 and true are equal in Python, and other text in JSON.
    ran = executed.parameters
    if json.dumps(ran, sort_keys=True) != json.dumps(run.parameters, sort_keys=True):
        raise ValueError(f"its parameters are not those that {name} ran with")
    return executed


def read_document(store: Store, folder: str, name: str = "run.json") -> Run | None:
    """The document in a folder of a store; None where there is none.

    Raises DamagedRun, or OldRun for one without a checksum.
    """
    where = f"{store}/{folder}/{name}"
    try:
        content = store.read(f"{folder}/{name}")
        if content is None:
            return None
        run = Run.from_json(content, where)
        if run.folder != folder:
            raise ValueError(f"{where} is of another run, {run.folder}")
        if run.failed != (name == "failed.json"):
            raise ValueError(f"{where} is of a run with status {run.status}")
    except WithoutChecksum as error:
        raise OldRun(f"{error}: {_step(store, folder)}") from error
    except (ValueError, IsADirectoryError, PermissionError) as error:
        raise DamagedRun(f"{error}: {_step(store, folder)}") from error
    except OSError as error:
        if error.errno != errno.ELOOP:  # of the whole store
            raise
        raise DamagedRun(f"{error}: {_step(store, folder)}") from error
    return run


def read_run(store: Store, folder: str, *, whole: bool = False) -> Run | None:
    """Return the complete run in a folder, None if the folder has none.

    Its notebook is compared with the document, or all of its files if `whole` is true.
    Raises as `read_document`.
    """
    run = read_document(store, folder)
    if run is None:
        return None
    where, name = f"{store}/{folder}/run.json", f"{run.notebook}.ipynb"
    try:
        check_notebook(run, store.read(f"{folder}/{name}"), f"{store}/{folder}/{name}")
        for file, digest in run.files.items() if whole else ():
            if not store.holds(f"{folder}/{file}", digest):
                raise ValueError(f"{file} is missing, or not the file that was stored")
    except (ValueError, IsADirectoryError, PermissionError) as error:
        reason = f"{where} is refused: {error}: {_step(store, folder)}"
        raise DamagedRun(reason) from error
    return run


def _step(store: Store, folder: str) -> str:
    return f"run it again with --force, or remove {store}/{folder}"


def stored_runs(
    store: Store, notebook: str, tell: Tell, *, documents_only: bool = False
) -> list[Run]:
    """Every run of a notebook in a store, failed ones too, oldest first.

    tell: is given the error of each run that is damaged or of an old version, and thus
    left out. documents_only: do not compare the documents with their notebooks.
    """
    runs = []
    for folder in store.names(notebook):
        place = f"{notebook}/{folder}"
        try:
            read = read_document if documents_only else read_run
            run = read(store, place)
            if run is None:
                run = read_document(store, place, "failed.json")
        except (DamagedRun, OldRun) as error:
            tell(error)
            continue
        if run is not None:
            runs.append(run)
    return sorted(runs, key=lambda run: run.started)


def run_in(folder: Path) -> Run:
    """The complete run whose files lie in a folder, wherever it was moved to.

    Raises DamagedRun, or OldRun for a document without a checksum.
    """
    document = folder / "run.json"
    step = "run the notebook again, or restore the folder"
    try:
        run = Run.from_json(document.read_bytes(), document)
        if run.failed:
            raise ValueError("it failed")
        path = folder / f"{run.notebook}.ipynb"
        check_notebook(run, path.read_bytes() if path.is_file() else None, path)
    except WithoutChecksum as error:
        raise OldRun(f"{error}: {step}") from error
    except ValueError as error:
        raise DamagedRun(f"{document} is refused: {error}: {step}") from error
    return run

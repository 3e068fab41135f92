"""Executing a notebook once, with papermill."""

from __future__ import annotations

import contextlib
import logging
import re
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import nbformat

from ssmbook.notebook.parameters import check, declared
from ssmbook.runs import coverage, isolation
from ssmbook.runs.stores import replace

CELL_TIMEOUT = 1200  # seconds
Step = Callable[[], object]
# A kernel that is shut down may log that its sockets are gone: no reader's concern.
QUIET = [
    "--log-level=50",
    "--IPKernelApp.exec_lines="
    "__import__('logging').getLogger('tornado.general').setLevel(50)",
]
# As nbclient's own pattern, which takes quadratic time over the length of a line.
CARRIAGE_RETURN = re.compile(r"^.*\r(?=[^\n])", re.M)
_ANSI = re.compile(r"\x1b\[[0-9;]*m")


class NotebookFailed(RuntimeError):
    """A notebook that did not reach its end, with what there is of it.

    notebook: as executed so far, or None; details: the traceback, as text.
    """

    def __init__(self, reason: str, details: str, notebook):
        super().__init__(reason)
        self.details, self.notebook = details, notebook


@contextlib.contextmanager
def interrupts(came: threading.Event) -> Iterator[None]:
    """Note Ctrl-C: its exception is lost where it falls into a finalizer or a task."""

    def note(number, frame):
        came.set()
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def _one_interrupt() -> Iterator[None]:
    """Ctrl-C as KeyboardInterrupt, whatever nbclient makes of a kernel that is gone."""
    came = threading.Event()
    with interrupts(came):
        try:
            yield
        except Exception:
            if not came.is_set():
                raise
    if came.is_set():
        # The loop reports tasks that wait for the kernel as errors of their own.
        logging.getLogger("asyncio").setLevel(logging.CRITICAL)
        raise KeyboardInterrupt


def execute(
    notebook,
    values: dict,
    folder: Path,
    *,
    timeout: int = CELL_TIMEOUT,
    threads: int = 1,
    loaded: dict[str, str] | None = None,
    step: Step | None = None,
):
    """Run a notebook from top to bottom; the executed notebook.

    notebook: a NotebookNode, left as it is. `values` differing from the defaults are
    injected. The kernel works in `folder` with `threads` threads, isolated from the
    settings of its user; a cell may take `timeout` seconds. `step` is called after each
    code cell. `loaded` is filled with
    the installed packages that the run has loaded. Raises ValueError for
    parameters outside the notebook's interface, or where it used a module or a file
    that its key does not cover; NotebookFailed where a cell raises or does not end, or
    the kernel dies; OSError where there is no folder for the kernel's sockets;
    KeyboardInterrupt at Ctrl-C.
    """
    with _one_interrupt():
        node, found = _execute(notebook, values, folder, timeout, threads, step)
    if loaded is not None:
        loaded |= found
    return node


def _execute(
    notebook,
    values: dict,
    folder: Path,
    timeout: int,
    threads: int,
    step: Step | None,
):
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import client
    from papermill import execute_notebook
    from papermill.engines import NBClientEngine, papermill_engines
    from papermill.log import logger

    class Kept(NBClientEngine):
        """papermill's engine, which leaves what there is of a notebook that fails."""

        @classmethod
        def execute_managed_notebook(
            cls, nb_man, kernel_name, *, partial, step, **options
        ):
            partial.append(nb_man.nb)
            if step is not None:
                _tell(nb_man, step)
            return super().execute_managed_notebook(nb_man, kernel_name, **options)

    papermill_engines.register("kept", Kept)
    client._RGX_CARRIAGERETURN = CARRIAGE_RETURN
    logger.setLevel(logging.ERROR)
    known = declared(notebook, folder)
    values = check(known, values, "parameters")
    readable = coverage.readable(notebook, known, values, folder)
    partial: list = []
    asked = cast(nbformat.NotebookNode, nbformat.from_dict(notebook))
    asked.cells = [*notebook.cells, nbformat.v4.new_code_cell(isolation.LOADED)]
    try:
        node = execute_notebook(
            asked,
            None,
            {n: v for n, v in values.items() if v != known[n].default},
            engine_name="kept",
            kernel_name="python3",
            language="python",
            progress_bar=False,
            start_timeout=isolation.START_TIMEOUT,
            execution_timeout=timeout,
            record_timing=False,
            extra_arguments=QUIET,
            coalesce_streams=True,
            # All that it leaves is in the outputs; an orderly end only takes longer.
            shutdown_kernel="immediate",
            kernel_manager_class=isolation.manager(
                AsyncKernelManager, threads, readable
            ),
            resources={"metadata": {"path": str(folder)}},
            partial=partial,
            step=step,
        )
    except Exception as error:
        # A cell that takes too long raises a TimeoutError, which is an OSError, too.
        if isinstance(error, OSError) and not isinstance(error, TimeoutError):
            raise
        if partial:
            partial[0].cells.pop()
        raise _failure(error, partial) from error
    printed = [o.text for o in node.cells.pop().outputs if o.get("name") == "stdout"]
    found = isolation.check(notebook, "".join(printed))
    return _bare(node), found


def _tell(manager: Any, step: Step) -> None:
    """Call `step` when papermill's manager has completed a cell of the notebook."""
    complete = manager.cell_complete

    def completed(cell, *arguments, **options):
        complete(cell, *arguments, **options)
        if cell.cell_type == "code" and cell.source != isolation.LOADED:
            step()

    manager.cell_complete = completed


def write(node, path: Path) -> None:
    """Write a notebook so that a reader of `path` never sees half of it."""
    replace(path, (nbformat.writes(node) + "\n").encode())


def _failure(error: Any, partial: list) -> NotebookFailed:
    """What nbclient or papermill raised, as one kind of error; some have `ename`."""
    node = _bare(partial[0]) if partial else None
    details = _ANSI.sub("", str(error)).strip()
    if hasattr(error, "ename"):
        reason = f"{error.ename}: {_ANSI.sub('', str(error.evalue))}"
    elif type(error) is RuntimeError and details.startswith("Kernel"):
        limit = f"within {isolation.START_TIMEOUT} s"
        reason = f"the kernel did not start {limit}: {details.splitlines()[0]}"
    else:
        reason = f"{type(error).__name__}: {details.splitlines()[0] if details else ''}"
    return NotebookFailed(reason, details, node)


def _bare(node):
    """The notebook without what papermill wrote beside the outputs."""
    node.cells = [
        cell
        for cell in node.cells
        if not any(tag.startswith("papermill-error") for tag in cell.metadata["tags"])
    ]
    for cell in node.cells:
        cell.metadata.pop("papermill", None)
        if not cell.metadata["tags"]:
            del cell.metadata["tags"]
    node.metadata = {
        "kernelspec": {
            "display_name": "Python 3",
            "language": "python",
            "name": "python3",
        },
        "language_info": {"name": "python"},
    }
    return node

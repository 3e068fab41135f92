"""Many runs at once, on Dask: a cluster of this machine, or any that is running."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
from collections.abc import Callable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

from ssmlib.companion import runs
from ssmlib.companion.execution import CELL_TIMEOUT
from ssmlib.companion.stores import store

if TYPE_CHECKING:
    from distributed import Client, Future

_log = logging.getLogger(__name__)
IN_FLIGHT = 2  # a thread of a worker: one that runs, one that waits for it


def _work(job: runs.Job, address: str, force: bool, timeout: int) -> dict:
    return runs.run(job, store(address), force=force, timeout=timeout)


@contextlib.contextmanager
def _client(workers: int, scheduler: str | None) -> Iterator[Client]:
    # Runs tell of workers that are lost; a log would tell it again. Workers read the
    # variable when they start, this process has read it.
    os.environ["DASK_DISTRIBUTED__LOGGING__DISTRIBUTED"] = "critical"
    from distributed import Client, LocalCluster, WorkerPlugin

    class Undisturbed(WorkerPlugin):
        """Ctrl-C reaches all processes of a terminal; this one closes the workers."""

        def setup(self, worker):
            signal.signal(signal.SIGINT, signal.SIG_IGN)

    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    with contextlib.ExitStack() as stack:
        address = scheduler
        if address is None:
            cluster = LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                memory_limit=None,
                dashboard_address=None,
                host="127.0.0.1",
            )
            stack.enter_context(cluster)
            address = cluster.scheduler_address
        try:
            client = Client(address, timeout=30)
        except (OSError, ValueError) as error:
            raise ValueError(f"no Dask scheduler at {address}: {error}") from error
        stack.enter_context(client)
        if scheduler is None:
            client.register_plugin(Undisturbed())
        yield client


def scatter(
    jobs: list[runs.Job],
    address: str,
    done: Callable[[runs.Job, dict], None],
    *,
    workers: int = 1,
    scheduler: str | None = None,
    force: bool = False,
    timeout: int = CELL_TIMEOUT,
) -> None:
    """Run jobs, each kept in the store at `address`; `done(job, document)` a run.

    workers: processes of a cluster of this machine; or the address of a running Dask
    scheduler, whose workers reach the store and have this repository installed. Only
    a few runs a worker are in flight. A run whose worker is lost is given to another;
    one that loses four of them, or cannot be written, has status "failed".
    """
    from distributed import as_completed

    with _client(workers, scheduler) as client:
        if not client.nthreads():
            _log.warning("no worker has joined %s yet: waiting for one", scheduler)
        waiting = iter(jobs)
        flight: dict[Future, runs.Job] = {}
        running = as_completed()

        def top_up() -> None:
            """Workers may join while a sweep runs, and leave."""
            room = IN_FLIGHT * max(1, sum(client.nthreads().values())) - len(flight)
            for job in islice(waiting, max(0, room)):
                future = client.submit(_work, job, address, force, timeout, pure=False)
                flight[future] = job
                running.add(future)

        top_up()
        for future in running:
            job = flight.pop(future)
            error = future.exception()
            done(job, future.result() if error is None else _lost(job, error))
            future.release()
            top_up()


def _lost(job: runs.Job, error: BaseException) -> dict:
    """The document of a run that could not even be written down."""
    return {
        "notebook": job.notebook,
        "key": job.key,
        "parameters": job.values,
        "status": "failed",
        "error": f"{type(error).__name__}: {error}",
        "traceback": "",
        "records": {},
        "files": {},
        "reused": False,
    }

"""Many runs at once, on Dask: a cluster of this machine, or any that is running."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import asdict
from itertools import islice
from typing import TYPE_CHECKING

from ssmlib.companion import runs
from ssmlib.companion.execution import CELL_TIMEOUT

if TYPE_CHECKING:
    from distributed import Client, Future

_log = logging.getLogger(__name__)
IN_FLIGHT = 2  # a thread of a worker: one that runs, one that waits for it
WATCH = 10  # seconds between looks at the workers


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
    from distributed import wait

    def work(fields: dict) -> dict:
        """Travels by value, all else from within: a worker that cannot import fails.

        One that could not read its task would be lost without a word.
        """
        from ssmlib.companion import runs
        from ssmlib.companion.stores import store

        job = runs.Job(**fields)
        return runs.run(job, store(address), force=force, timeout=timeout)

    with _client(workers, scheduler) as client:
        waiting = iter(jobs)
        flight: dict[Future, runs.Job] = {}
        deserted = False
        while True:
            # Workers may join while a sweep runs, and leave.
            threads = sum(client.nthreads().values())
            room = IN_FLIGHT * max(1, threads) - len(flight)
            for job in islice(waiting, max(0, room)):
                flight[client.submit(work, asdict(job), pure=False)] = job
            if not flight:
                break
            if not threads and not deserted:
                _log.warning(
                    "no worker at %s: waiting for one", client.scheduler.address
                )
            deserted = not threads
            try:
                ended = wait(list(flight), WATCH, "FIRST_COMPLETED").done
            except TimeoutError:
                continue
            for future in ended:
                job, error = flight.pop(future), future.exception()
                done(job, future.result() if error is None else _lost(job, error))
                future.release()


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

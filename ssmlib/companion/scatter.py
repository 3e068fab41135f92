"""Many runs at once, on Dask: a cluster of this machine, or any that is running."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import asdict
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

    for name in ("distributed", "distributed.client"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    with contextlib.ExitStack() as stack:
        address = scheduler
        if address is None:
            cluster = LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                memory_limit=None,
                dashboard_address="127.0.0.1:0",
                host="127.0.0.1",
            )
            stack.enter_context(cluster)
            address = cluster.scheduler_address
        try:
            client = Client(address, timeout=30)
        except (OSError, ValueError, TypeError) as error:
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
    a few runs a worker are in flight. A run whose worker is lost is given to another,
    as is one whose worker lacks the library or has another; one that loses four of
    them, or finds none that is fit, or cannot be written, has status "failed". Raises
    OSError where the scheduler goes away.
    """
    from distributed import wait

    def work(fields: dict) -> dict:
        """Travels by value, all else from within, to a worker that may not be fit."""
        try:
            from ssmlib.companion import runs
            from ssmlib.companion.stores import store

            job = runs.Job(**fields)
            runs.same_surroundings(job)
        except Exception as error:
            from distributed import get_worker

            return {"unfit": get_worker().address, "error": str(error)}
        return runs.run(job, store(address), force=force, timeout=timeout)

    waiting = deque(jobs)
    flight: dict[Future, runs.Job] = {}
    unfit: dict[str, str] = {}
    deserted = False
    with _client(workers, scheduler) as client, _told(client):
        while waiting or flight:
            # Workers may join while a sweep runs, and leave.
            there = client.nthreads()
            fit = {name: n for name, n in there.items() if name not in unfit}
            if there and not fit and not flight:
                for job in waiting:
                    done(job, _lost(job, "; ".join(unfit.values())))
                return
            room = IN_FLIGHT * max(1, sum(fit.values())) - len(flight)
            for _ in range(min(room, len(waiting)) if fit or not there else 0):
                job = waiting.popleft()
                options = {"workers": [*fit], "allow_other_workers": True}
                options = options if fit else {}
                future = client.submit(work, asdict(job), pure=False, **options)
                flight[future] = job
            if not there and not deserted:
                _log.warning("no worker at %s: waiting for one", scheduler)
            deserted = not there
            try:
                ended = wait(list(flight), WATCH, "FIRST_COMPLETED").done
            except TimeoutError:
                continue
            for future in ended:
                job, error = flight.pop(future), future.exception()
                found = future.result() if error is None else None
                future.release()
                if found is None:
                    done(job, _lost(job, f"{type(error).__name__}: {error}"))
                elif "unfit" not in found:
                    done(job, found)
                else:
                    waiting.appendleft(job)
                    name = found["unfit"]
                    if name not in unfit:
                        unfit[name] = f"worker {name} is unfit: {found['error']}"
                        _log.warning(unfit[name])


@contextlib.contextmanager
def _told(client: Client) -> Iterator[None]:
    """Tell in a line where the scheduler is gone."""
    from distributed import CancelledError
    from distributed.comm import CommClosedError

    address = client.scheduler.address
    try:
        yield
    except (CancelledError, CommClosedError) as error:
        raise OSError(
            f"the scheduler at {address} is gone; what was finished stays, the same "
            "command goes on from there"
        ) from error


def _lost(job: runs.Job, error: str) -> dict:
    """The document of a run that could not even be written down."""
    return {
        "notebook": job.notebook,
        "key": job.key,
        "parameters": job.values,
        "status": "failed",
        "error": error,
        "traceback": "",
        "records": {},
        "files": {},
        "reused": False,
    }

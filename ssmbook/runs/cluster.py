"""Many runs at once, on Dask: a cluster of this machine, or any that is running."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ssmbook.runs.document import Run
from ssmbook.runs.execution import CELL_TIMEOUT, interrupts
from ssmbook.runs.jobs import Job, finished_run, run_job
from ssmbook.runs.stores import Store

if TYPE_CHECKING:
    from distributed import Client, Future

_log = logging.getLogger(__name__)
Done = Callable[[Job, Run], None]
CONNECT = 30  # seconds that a scheduler may take to answer
AHEAD = 2  # runs submitted a thread of a worker: one that runs, one that waits for it
INTERVAL = 10  # seconds between looks at the workers
START_TIMEOUT = 300  # seconds without a worker of this machine's


def workers_for(threads: int) -> int:
    """How many runs of so many threads this machine's cores hold."""
    return max(1, len(os.sched_getaffinity(0)) // threads)


def run_all(
    jobs: list[Job],
    store: Store,
    done: Done,
    *,
    workers: int = 1,
    scheduler: str | None = None,
    force: bool = False,
    timeout: int = CELL_TIMEOUT,
) -> None:
    """Run the jobs that are not stored yet, in order; `done(job, run)` for each.

    workers: runs at once on this machine, one in this very process; or scheduler, the
    address of a running Dask scheduler, whose workers reach the store and have this
    repository installed. Raises OSError where the store cannot be written or the
    scheduler goes away.
    """
    left = []
    for job in {job.key: job for job in jobs}.values():
        run = None if force else finished_run(job, store)
        if run is None:
            left.append(job)
        else:
            done(job, run)
    workers = min(workers, len(left))
    if scheduler is None and workers <= 1:
        for job in left:
            done(job, run_job(job, store, force=force, timeout=timeout))
        return

    def checked(job: Job, run: Run) -> None:
        """A worker's word is not enough: its folder may be another."""
        if not run.failed and finished_run(job, store) is None:
            reason = f"a worker says it is complete, but it is not in {store}"
            run = _lost(job, reason)
        done(job, run)

    if left:
        with _client(workers, scheduler) as client, _scheduler_lost(client):
            patience = START_TIMEOUT if scheduler is None else None
            options = {"address": str(store), "force": force, "timeout": timeout}
            queue = _Queue(client, options, checked, patience)
            with interrupts(queue.interrupted):
                queue.work_off(left)


@contextlib.contextmanager
def _client(workers: int, scheduler: str | None) -> Iterator[Client]:
    # Documents say which workers were lost; a log would say it again. Workers read
    # the variable when they start, this process has read it.
    os.environ["DASK_DISTRIBUTED__LOGGING__DISTRIBUTED"] = "critical"
    from distributed import Client, LocalCluster, WorkerPlugin

    class Undisturbed(WorkerPlugin):
        """Ctrl-C reaches all processes of a terminal; this one closes the workers."""

        def setup(self, worker):
            signal.signal(signal.SIGINT, signal.SIG_IGN)

    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
    with contextlib.ExitStack() as stack:
        if (address := scheduler) is None:
            try:
                cluster = LocalCluster(
                    n_workers=workers,
                    threads_per_worker=1,
                    memory_limit=None,
                    dashboard_address="127.0.0.1:0",
                    host="127.0.0.1",
                )
            except RuntimeError as error:
                raise OSError(f"the workers cannot be started: {error}") from error
            stack.enter_context(cluster)
            address = cluster.scheduler_address
        try:
            if scheduler is not None:
                asyncio.run(_identified(address))
            client = Client(address, timeout=CONNECT)
        except (OSError, ValueError, TypeError, MemoryError) as error:
            late = isinstance(error, TimeoutError)
            reason = f"no answer within {CONNECT} s" if late else error
            raise ValueError(f"no Dask scheduler at {address}: {reason}") from error
        stack.enter_context(client)
        if scheduler is None:
            client.register_plugin(Undisturbed())
        yield client


async def _identified(address: str) -> None:
    """Ask a scheduler for its name: another program may listen, and never answer."""
    from distributed.core import rpc

    async with asyncio.timeout(CONNECT), rpc(address) as scheduler:
        await scheduler.identity()


class _Queue:
    """Jobs on their way through a scheduler; only a few a worker are submitted.

    A run whose worker is lost is given to another, as is one whose worker lacks the
    library or has another one; a run that loses four workers, or finds none that is
    fit, or cannot be written, has status "failed". Without any worker for `patience`
    seconds it gives up; where that is None it waits, since workers may join.
    """

    def __init__(
        self, client, options: dict, done: Done, patience: float | None = None
    ):
        self.client, self.options = client, options
        self.done, self.patience = done, patience
        self.waiting: deque[Job] = deque()
        self.submitted: dict[Future, Job] = {}
        self.unfit: dict[str, str] = {}
        self.interrupted = threading.Event()

    def work_off(self, jobs: list[Job]) -> None:
        from distributed import wait

        self.waiting.extend(jobs)
        warned, seen = False, time.monotonic()
        while self.waiting or self.submitted:
            if self.interrupted.is_set():
                raise KeyboardInterrupt
            # Workers may join while a sweep runs, and leave.
            workers = self.client.nthreads()
            fit = {name: n for name, n in workers.items() if name not in self.unfit}
            if workers and not fit and not self.submitted:
                for job in self.waiting:
                    self.done(job, _lost(job, "; ".join(self.unfit.values())))
                return
            if fit or not workers:
                self._submit(fit)
            if not workers and not warned:
                address = self.client.scheduler.address
                _log.warning("no worker at %s: waiting for one", address)
            warned = not workers
            if workers:
                seen = time.monotonic()
            elif self.patience is not None and time.monotonic() - seen > self.patience:
                raise OSError(
                    f"no worker has started within {self.patience:.0f} s; what was "
                    "finished is stored, and the same command continues from there"
                )
            try:
                answer: Any = wait(list(self.submitted), INTERVAL, "FIRST_COMPLETED")
            except TimeoutError:
                continue
            for future in answer.done:
                self._collect(future)

    def _submit(self, fit: dict[str, int]) -> None:
        wanted = AHEAD * max(1, sum(fit.values())) - len(self.submitted)
        where = {"workers": [*fit], "allow_other_workers": True} if fit else {}
        for _ in range(min(wanted, len(self.waiting))):
            job = self.waiting.popleft()
            arguments = (asdict(job), self.options)
            future = self.client.submit(_worker(), *arguments, pure=False, **where)
            self.submitted[future] = job

    def _collect(self, future: Future) -> None:
        job, error = self.submitted.pop(future), future.exception()
        result = future.result() if error is None else None
        future.release()
        if result is None:
            self.done(job, _lost(job, f"{type(error).__name__}: {error}"))
        elif "unfit" not in result:
            self.done(job, Run(**result))
        else:
            self.waiting.appendleft(job)
            name = result["unfit"]
            if name not in self.unfit:
                self.unfit[name] = f"worker {name} is unfit: {result['error']}"
                _log.warning(self.unfit[name])


def _worker() -> Callable[[dict, dict], dict]:
    """What a worker does: a closure, which travels by value, since one may be unfit."""

    def work(job: dict, options: dict) -> dict:
        import os

        # Dask sets it for its workers; a kernel would give memory back to the system
        # after every operation, and spend half of its time on page faults.
        os.environ.pop("MALLOC_TRIM_THRESHOLD_", None)
        try:
            from ssmbook.runs import jobs
            from ssmbook.runs.stores import Store

            own = jobs.Job(**job)
            jobs.check_surroundings(own)
        except Exception as error:
            from distributed import get_worker

            return {"unfit": get_worker().address, "error": str(error)}
        store = Store(options["address"])
        run = jobs.run_job(
            own, store, force=options["force"], timeout=options["timeout"]
        )
        return run.as_dict()

    return work


@contextlib.contextmanager
def _scheduler_lost(client: Client) -> Iterator[None]:
    """Say in a line where the scheduler is gone."""
    from distributed import CancelledError
    from distributed.comm.core import CommClosedError

    assert client.scheduler is not None  # it is connected
    address = client.scheduler.address
    try:
        yield
    except (CancelledError, CommClosedError) as error:
        raise OSError(
            f"the scheduler at {address} is gone; what was finished is kept, the same "
            "command goes on from there"
        ) from error


def _lost(job: Job, error: str) -> Run:
    """The document of a run that could not even be written down."""
    return Run(job.notebook, job.key, job.state, job.values, error=error, traceback="")

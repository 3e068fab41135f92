"""Sweeps on a scheduler of one's own: workers that come, lack, differ, and die."""

import os
import re
import shutil
import socket

import pytest

from ssmbook.runs import cluster as clusters
from ssmbook.runs.jobs import plan_runs
from ssmbook.runs.stores import Store
from tests.ssmbook.toy import NOTEBOOK, Command, documents, fork, ssmbook

pytestmark = pytest.mark.slow  # starts schedulers and workers


class Cluster:
    """A Dask scheduler and workers, processes like those of any other machine."""

    def __init__(self, folder):
        self.folder, self.started, self.pipes = folder, [], []
        scheduler = self.start("scheduler", "--host", "127.0.0.1", "--port", "0")
        self.address = self.matched(scheduler, r"tcp://127.0.0.1:\d+")

    def start(self, command, *arguments, folder=None):
        """Start a command of Dask where a library is; the lines of its stderr."""
        pipe = self.folder / f"{len(self.started)}.pipe"
        os.mkfifo(pipe)
        arguments = [*arguments, "--no-dashboard"]
        module, said = f"distributed.cli.dask_{command}", [os.devnull, pipe]
        process = fork(module, folder or self.folder, *arguments, said=said)
        self.started.append(process)
        self.pipes.append(pipe.open(encoding="utf-8"))
        return self.pipes[-1]

    def matched(self, lines, pattern):
        found = (re.search(pattern, line) for line in lines)
        return next(match[0] for match in found if match)

    def worker(self, folder, *options):
        """One that has the library of `folder`, and has joined."""
        command = ["worker", self.address, "--no-nanny", *options]
        self.matched(self.start(*command, folder=folder), "Registered to")


@pytest.fixture
def cluster(tmp_path_factory):
    made = Cluster(tmp_path_factory.mktemp("cluster"))
    yield made
    for process, pipe in zip(reversed(made.started), reversed(made.pipes), strict=True):
        process.kill()
        process.join()
        pipe.close()


def test_a_scheduler_of_ones_own(own, cluster):
    """A worker of two threads."""
    cluster.worker(own, "--nthreads", "2")
    ssmbook(own, "sweep", "1", "--grid", "n=1:5", "--scheduler", cluster.address)
    assert len(documents(own)) == 4


def test_a_scheduler_without_workers_is_waited_for_aloud(own, cluster):
    command = ["sweep", "1", "--grid", "n=1", "--scheduler", cluster.address]
    sweep = Command(own, *command)
    assert "waiting for one" in sweep.line()
    cluster.worker(own)
    sweep.communicate(timeout=600)
    assert sweep.returncode == 0
    assert len(documents(own)) == 1


def test_a_scheduler_that_dies_is_told_in_a_line(own, cluster):
    command = ["sweep", "1", "--grid", "n=1", "--scheduler", cluster.address]
    sweep = Command(own, *command)
    assert "waiting for one" in sweep.line()
    cluster.started[0].kill()
    err = sweep.communicate(timeout=600)[1]
    assert sweep.returncode == 1
    assert err.startswith(f"the scheduler at {cluster.address} is gone")
    assert "Traceback" not in err


def test_a_worker_without_the_library_says_so(own, cluster, tmp_path):
    (tmp_path / "ssmbook").mkdir()
    (tmp_path / "ssmbook" / "__init__.py").write_text(
        "raise ImportError('not here')", encoding="utf-8"
    )
    cluster.worker(tmp_path, "--nthreads", "1")
    command = ["sweep", "1", "--grid", "n=1:3", "--scheduler", cluster.address]
    _, err = ssmbook(own, *command, status=1)
    assert "2 runs: 0 complete (0 kept already), 2 failed" in err
    assert "is unfit: not here" in err


def test_one_unfit_worker_costs_nothing_but_a_line(own, cluster):
    other = own / "other"
    for package in ("ssmlib", "ssmbook", "toylib"):
        shutil.copytree(own / package, other / package)
    for lock in ("requirements.lock", "requirements-torch.lock"):
        shutil.copy(own / lock, other)
    (other / "toylib" / "base.py").write_text("ANOTHER = 1\n", encoding="utf-8")
    for folder in (own, other):
        cluster.worker(folder, "--nthreads", "1")
    command = ["sweep", "1", "--grid", "n=1:6", "--scheduler", cluster.address]
    _, err = ssmbook(own, *command)
    assert "5 runs: 5 complete" in err
    assert err.count("is unfit: the library, the lock") == 1


def test_a_run_that_a_worker_keeps_elsewhere_is_not_complete(own, cluster, tmp_path):
    """The worker of another machine, which has a folder of that name of its own."""
    away = tmp_path / "away"
    script = own / "ssmbook" / "runs" / "jobs.py"
    text = script.read_text(encoding="utf-8")
    lost = "    store = Store(str(store).replace('runs', 'elsewhere'))\n"
    mark = "    run_page.write_mathjax(store)\n"
    assert mark in text
    shutil.copytree(own, away)
    (away / "ssmbook" / "runs" / "jobs.py").write_text(
        text.replace(mark, lost + mark), encoding="utf-8"
    )
    cluster.worker(away, "--nthreads", "1")
    command = ["sweep", "1", "--grid", "n=1", "--scheduler", cluster.address]
    _, err = ssmbook(own, *command, status=1)
    assert "a worker says it is complete, but it is not in" in err


def test_a_listener_that_is_no_scheduler_is_given_up(place, monkeypatch):
    """It accepts the connection and never says a word."""
    monkeypatch.setattr(clusters, "CONNECT", 1)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        jobs = plan_runs(place / NOTEBOOK, [{"n": 1}])
        store = Store(place / "runs")
        with pytest.raises(ValueError, match=r"no Dask scheduler at .*no answer|Timed"):
            clusters.run_all(jobs, store, print, scheduler=address)

"""What goes wrong on the way, and that nothing finished is lost by it."""

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from ssmbook.runs import cluster, execution, sharing, stores
from tests.ssmbook.toy import NOTEBOOK, Command, documents, spawn, ssmbook

pytestmark = pytest.mark.slow  # starts sweeps and kills them

SWEEP = ("sweep", "1", "--grid", "n=1:6", "-p", "wait=true", "--jobs", "2")
# In one process: to start workers takes five times as long as these runs.
ALONE = (*SWEEP[:-1], "1")


def wait_for(condition, seconds=600):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def kernels(place):
    """Kernels that work in a repository's notebooks."""
    found = []
    for process in psutil.process_iter(["cmdline", "cwd"]):
        line = " ".join(process.info["cmdline"] or [])
        folder = str((place / NOTEBOOK).parent)
        if "launch.py" in line and process.info["cwd"] == folder:
            found.append(process)
    return found


def times(place):
    """When each run of a sweep was stored; none may have failed."""
    assert not (failed := documents(place, "failed.json")), failed
    return {p: p.stat().st_mtime_ns for p in (place / "runs").glob("*/*/run.json")}


def leftovers(place):
    return list((place / "runs").rglob("*.part"))


def go(place):
    """Let runs with n > 2, which wait, end."""
    (place / NOTEBOOK).with_name("go").touch()


def resume(place, before):
    """The same sweep again: it ends, and touches nothing that was finished."""
    go(place)
    _, err = ssmbook(place, *ALONE)
    assert f"5 runs: 5 complete ({len(before)} kept already), 0 failed" in err
    after = times(place)
    assert len(after) == 5
    assert all(after[path] == stamp for path, stamp in before.items())
    assert not leftovers(place)


def test_the_sweep_is_killed(own):
    process = Command(own, *SWEEP)
    wait_for(lambda: len(times(own)) >= 2)
    process.kill()
    process.communicate()
    wait_for(lambda: not kernels(own))  # none goes on alone
    before = times(own)
    assert len(before) == 2
    assert all(document["status"] == "complete" for document in documents(own).values())
    resume(own, before)


def test_a_worker_is_killed(own):
    process = Command(own, *SWEEP)
    wait_for(lambda: len(times(own)) >= 2 and kernels(own))
    worker = kernels(own)[0].parent()
    worker.kill()
    go(own)
    _, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    assert "5 runs: 5 complete (0 kept already), 0 failed" in err
    assert len(documents(own)) == 5
    wait_for(lambda: not kernels(own))


def test_ctrl_c(own):
    process = spawn(own, *SWEEP, start_new_session=True)
    wait_for(lambda: len(times(own)) >= 2)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: workers get it too
    _, err = process.communicate(timeout=600)
    assert process.returncode == 130, err
    assert err.splitlines()[-1].endswith("the same command goes on from there")
    wait_for(lambda: not kernels(own))
    before = times(own)
    assert len(before) == 2
    assert not leftovers(own)
    ssmbook(own, "results", "1")
    resume(own, before)


class Interrupting:
    """A Dask client without workers, at whose question Ctrl-C hits a finalizer."""

    scheduler = type("Scheduler", (), {"address": "nowhere"})

    def __init__(self):
        self.asked = 0

    def nthreads(self):
        class Dropped:
            def __del__(self):
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(0.1)

        self.asked += 1
        assert self.asked < 3, "the sweep goes on"
        Dropped()
        return {}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_ctrl_c_that_falls_into_a_finalizer(monkeypatch):
    """Python drops its exception there; the sweep ends at its next look."""

    def nothing_ended(*_):
        raise TimeoutError

    monkeypatch.setattr("distributed.wait", nothing_ended)
    queue = cluster._Queue(Interrupting(), {}, None)
    queue.submitted = {None: None}
    monkeypatch.setattr(queue, "_submit", lambda fit: None)
    with pytest.raises(KeyboardInterrupt), execution.interrupts(queue.interrupted):
        queue.work_off([])


def test_a_kernel_dies_and_a_cell_never_ends(own):
    arguments = ["--grid", "mode=die,hang,fine", "--timeout", "3", "--jobs", "2"]
    _, err = ssmbook(own, "sweep", "1", *arguments, status=1)
    assert "3 runs: 1 complete (0 kept already), 2 failed" in err
    errors = {
        document["parameters"]["mode"]: document["error"]
        for document in documents(own, "failed.json").values()
    }
    assert errors.keys() == {"die", "hang"}
    assert "DeadKernelError" in errors["die"]
    assert "CellTimeoutError" in errors["hang"]
    assert len(documents(own)) == 1
    wait_for(lambda: not kernels(own))


@pytest.mark.parametrize("command", ["run", "sweep"])
def test_the_disk_is_full(own, command):
    ssmbook(own, "run", "1")
    before = times(own)

    def small_files():
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    new = ["-p", "n=7"] if command == "run" else ["--grid", "n=7"]
    process = spawn(own, command, "1", *new, preexec_fn=small_files)
    _, err = process.communicate(timeout=900)
    assert process.returncode == 1
    places = (f"{own}/runs/toy/", f"{own}/runs/mathjax/", "a temporary file")
    assert any(place in err for place in places)
    assert "cannot be written" in err
    assert "File too large" in err
    assert "Traceback" not in err
    assert times(own) == before
    assert not leftovers(own)
    assert '"reused": true' in ssmbook(own, "run", "1", "--json")[0]
    ssmbook(own, command, "1", *new)  # nothing that was cut short stays in the way


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "1", "--runs", "file/below"),
        ("sweep", "1", "--grid", "n=1", "--runs", "file/below"),
        ("results", "1", "-o", "file/below"),
        ("build", "-o", "file/below"),
    ],
)
def test_the_output_cannot_be_written(place, arguments):
    ssmbook(place, "run", "1")
    (place / "file").touch()
    _, err = ssmbook(place, *arguments, status=1)
    assert "file" in err
    assert any(w in err for w in ("Not a directory", "File exists", "not a folder"))
    assert "Traceback" not in err


def test_two_sweeps_on_one_folder(own):
    first = Command(own, *ALONE)
    wait_for(lambda: kernels(own))
    second = Command(own, *ALONE)
    said = second.line()
    assert f"waiting for process {first.pid} (ssmbook sweep 1 " in said
    go(own)
    _, err = first.communicate(timeout=600)
    assert first.returncode == 0, err
    _, err = second.communicate(timeout=600)
    assert second.returncode == 0, err
    assert "5 runs: 5 complete (5 kept already), 0 failed" in err
    assert len(documents(own)) == 5
    resume(own, times(own))


def test_files_are_whole_or_not_there(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    stores.replace(path, b"old")

    def full(self, target):
        raise OSError("no space left")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="no space left"):
        stores.replace(path, b"new and longer")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def write_file(folder):
    stores.replace(folder / "name", b"more than ten bytes")


def write_lock(folder):
    with sharing.lock(folder):
        pytest.fail("the lock was written")


@pytest.mark.parametrize(
    ("write", "name"), [(write_file, "name"), (write_lock, sharing.LOCK)]
)
def test_a_write_that_fails_names_its_file(tmp_path, write, name):
    """`write` itself raises an error without a path."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))
    try:
        with pytest.raises(OSError, match="File too large") as raised:
            write(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert raised.value.filename == str(tmp_path / name)


def test_a_killed_process_leaves_no_part_for_long(tmp_path):
    """Kills hit the moment in which a part is there; the next write removes it."""
    code = (
        "import sys, pathlib; from ssmbook.runs.stores import replace\n"
        "while True: replace(pathlib.Path(sys.argv[1]) / 'a', bytes(20_000_000))"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    for _ in range(20):
        process = subprocess.Popen(command)
        wait_for(lambda: list(tmp_path.glob(".a.*.part")))
        process.kill()
        process.wait()
        if list(tmp_path.glob(".a.*.part")):
            break
    else:
        pytest.fail("no kill left a part")
    stores.replace(tmp_path / "b", b"content")
    assert {path.name for path in tmp_path.iterdir()} <= {"a", "b"}

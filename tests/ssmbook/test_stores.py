"""Runs in folders and in buckets: S3 by moto's server, another in memory."""

import fcntl
import re
import shutil
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from ssmbook.runs import execution, results, sharing
from ssmbook.runs.jobs import plan_runs, run_job
from ssmbook.runs.reading import stored_runs
from ssmbook.runs.stores import Store, replace, sha256
from tests.ssmbook.toy import CODE, NOTEBOOK, notebook


# One a process: a bucket's file system is kept, with its address, by fsspec, and this
# file's tests may come in parts.
@pytest.fixture(scope="session")
def server():
    moto = ThreadedMotoServer(port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    yield f"http://{host}:{port}"
    moto.stop()


@pytest.fixture
def s3(server, monkeypatch):
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
        monkeypatch.setenv(f"AWS_{name}", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    boto3.client("s3").create_bucket(Bucket="bucket")
    return "s3://bucket/place"


@pytest.fixture
def memory():
    return "memory://bucket/place"


@pytest.fixture(params=["s3", "memory", "folder"])
def address(request, tmp_path):
    if request.param == "folder":
        yield str(tmp_path / "runs")
        return
    address = request.getfixturevalue(request.param)
    yield address
    store = Store(address)
    if store.names(""):
        store.files.rm(store.root, recursive=True)


@pytest.fixture(autouse=True)
def _without_toylib(place):
    """Kernels of this process find the packages of its own repository alone."""
    notebook(place / NOTEBOOK, CODE.replace("from toylib import used\n", ""))


def toy_job(place, **values):
    return plan_runs(place / NOTEBOOK, [values])[0]


def test_files_come_back(address):
    store = Store(address)
    assert str(store) == address
    assert store.names("a") == []
    assert store.read("a/b/c.json") is None
    store.write("a/b/c.json", b'"\xce\xbb"\n')
    store.write("a/d.txt", b"text\n")
    assert store.read("a/b/c.json") == b'"\xce\xbb"\n'
    assert store.names("a") == ["b", "d.txt"]
    assert store.names("a/b") == ["c.json"]
    store.remove("a/d.txt")
    store.remove("a/d.txt")
    assert store.read("a/d.txt") is None
    assert store.names("a") == ["b"]


def test_a_file_that_was_cut_is_seen(address):
    store = Store(address)
    store.write("a", b"content")
    assert store.holds("a", sha256(b"content"))
    store.write("a", b"cont")
    assert not store.holds("a", sha256(b"content"))
    assert not store.holds("b", sha256(b""))


@pytest.mark.slow
def test_a_run_is_kept_and_found_again(address, place):
    store, job = Store(address), toy_job(place, n=3, word="é")
    first = run_job(job, store)
    assert first.status == "complete", first.error
    again = run_job(job, Store(address))
    assert again.reused
    assert again.to_json() == first.to_json()
    table = results.table(stored_runs(store, "toy", pytest.fail))
    assert list(table["double"]) == [6]
    assert store.names("mathjax") == ["LICENSE", "tex-svg.js"]
    page = store.read(f"{job.folder}/toy.html")
    store.write(f"{job.folder}/toy.html", page[:100])  # cut short
    assert not run_job(job, store).reused
    assert store.read(f"{job.folder}/toy.html") != page[:100]


@pytest.mark.slow
def test_a_run_that_failed_is_replaced_when_it_succeeds(address, place):
    store, job = Store(address), toy_job(place, mode="raise", n=3)
    assert run_job(job, store).failed
    assert [run.status for run in stored_runs(store, "toy", pytest.fail)] == ["failed"]
    names = {"failed.html", "failed.ipynb", "failed.json"}
    assert {*store.names(job.folder)} - {sharing.LOCK} == names


def test_what_a_bucket_says_is_told_in_a_line(s3):
    with pytest.raises(OSError, match=r"s3://nobody/x: .*bucket does not exist"):
        Store("s3://nobody/x").write("a", b"")


@pytest.mark.parametrize("address", ["http://x", "", "s3://", "ftp://x/y"])
def test_other_addresses_are_refused(address):
    with pytest.raises(ValueError, match="got '"):
        Store(address)


@pytest.mark.parametrize("verb", ["pipe_file", "rm_file"])
def test_a_bucket_that_only_can_be_read_is_seen_before_the_run(
    s3, place, monkeypatch, verb
):
    store, job = Store(s3), toy_job(place, n=4)

    def denied(*_, **__):
        raise PermissionError("Access Denied")

    store.files.mkdirs("bucket/place", exist_ok=True)
    for name in ("LICENSE", "tex-svg.js"):
        store.write(f"mathjax/{name}", b"")  # as a former run left them
    monkeypatch.setattr(store.files, verb, denied)
    monkeypatch.setattr(execution, "execute", lambda *_, **__: pytest.fail("it ran"))
    with pytest.raises(OSError, match=r"s3://bucket/place: PermissionError: Access"):
        run_job(job, store)


def test_the_check_of_a_store_leaves_nothing(address):
    store = Store(address)
    store.check_writable("a/b")
    assert store.names("a/b") == []


def executed(job):
    """What the toy leaves, without a kernel."""
    node = job.node
    for cell in node.cells:
        if cell.cell_type == "code":
            cell.execution_count, cell.outputs = 1, []
    return node


@pytest.mark.parametrize("document", [False, True])
def test_a_run_that_cannot_be_stored_is_not_lost(
    place, tmp_path, monkeypatch, document
):
    """The store is full, or read-only, only after the run, or but for the document."""
    store, (job,) = Store(tmp_path / "runs"), plan_runs(place / NOTEBOOK, [{}])
    monkeypatch.setattr(execution, "execute", lambda *_, **__: executed(job))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    write = Store.write

    def full(self, name, content):
        if self.address == store.address and name.startswith(job.folder):
            if name.endswith("run.json") or not document:
                raise OSError(28, "No space left on device")
        write(self, name, content)

    with monkeypatch.context() as patched:
        patched.setattr(Store, "write", full)
        with pytest.raises(OSError, match="No space left on device") as error:
            run_job(job, store)
    assert not run_job(job, Store(tmp_path / "other")).reused
    rescued = re.search(r"the run is in (\S+) on", str(error.value))[1]
    shutil.rmtree(tmp_path / "runs" / job.folder, ignore_errors=True)
    shutil.copytree(rescued, tmp_path / "runs" / job.folder)
    assert run_job(job, store).reused


def test_a_run_that_can_be_stored_nowhere_is_named(place, tmp_path, monkeypatch):
    store, (job,) = Store(tmp_path / "runs"), plan_runs(place / NOTEBOOK, [{"n": 3}])
    monkeypatch.setattr(execution, "execute", lambda *_, **__: executed(job))

    def full(self, name, content):
        if name.startswith(job.folder):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(Store, "write", full)
    with pytest.raises(OSError, match=r"the run of toy with \{'n': 3.* is lost"):
        run_job(job, store)


def test_parts_of_killed_processes_are_removed_and_not_listed(tmp_path):
    store = Store(tmp_path)
    left = tmp_path / f".a.json.{'0' * 32}.part"
    living = tmp_path / f".b.json.{'1' * 32}.part"
    own = tmp_path / ".x.part"  # of someone else
    for path in (left, living, own):
        path.write_bytes(b"half")
    assert store.names("") == [".x.part"]
    with living.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # as the process that writes it does
        store.write("a.json", b"whole")
        assert sorted(p.name for p in tmp_path.iterdir()) == sorted(
            ["a.json", living.name, own.name]
        )
    store.write("a.json", b"again")
    assert store.read("a.json") == b"again"
    assert sorted(p.name for p in tmp_path.iterdir()) == [own.name, "a.json"]


def test_a_part_is_locked_while_it_is_written(tmp_path, monkeypatch):
    rename = Path.replace

    def renamed(part, target):
        replace(tmp_path / "other", b"of another process")
        rename(part, target)

    with monkeypatch.context() as patched:
        patched.setattr(
            Path, "replace", lambda p, t: (renamed if t.name == "a" else rename)(p, t)
        )
        replace(tmp_path / "a", b"content")
    assert (tmp_path / "a").read_bytes() == b"content"
    assert {p.name for p in tmp_path.iterdir()} == {"a", "other"}


def test_parts_are_ignored_by_git(root):
    assert "*.part" in (root / ".gitignore").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("mode", [0o600, 0o444, 0o644])
def test_a_replaced_file_keeps_its_permissions(tmp_path, mode):
    path = tmp_path / "private"
    path.write_bytes(b"old")
    path.chmod(mode)
    replace(path, b"new")
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == mode

"""Runs in folders and in buckets: S3 by moto's server, another in memory."""

import boto3
import pytest
from moto.server import ThreadedMotoServer

from ssmbook.runs import results
from ssmbook.runs.jobs import plan_runs, run_job
from ssmbook.runs.reading import stored_runs
from ssmbook.runs.stores import Store, sha256
from tests.ssmbook.toy import NOTEBOOK


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
def _toylib(place, monkeypatch):
    """The kernels of this process find the toy's library."""
    monkeypatch.setenv("PYTHONPATH", str(place))


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


def test_a_run_is_kept_and_found_again(address, place):
    store, job = Store(address), toy_job(place, n=3, word="é")
    first = run_job(job, store)
    assert first.status == "complete"
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


def test_a_run_that_failed_is_replaced_when_it_succeeds(address, place):
    store, job = Store(address), toy_job(place, mode="raise", n=3)
    assert run_job(job, store).failed
    assert [run.status for run in stored_runs(store, "toy", pytest.fail)] == ["failed"]
    names = {"failed.html", "failed.ipynb", "failed.json"}
    assert set(store.names(job.folder)) == names


def test_what_a_bucket_says_is_told_in_a_line(s3):
    with pytest.raises(OSError, match=r"s3://nobody/x: .*bucket does not exist"):
        Store("s3://nobody/x").write("a", b"")


@pytest.mark.parametrize("address", ["http://x", "", "s3://", "ftp://x/y"])
def test_other_addresses_are_refused(address):
    with pytest.raises(ValueError, match="got '"):
        Store(address)

"""Runs in buckets, through papermill's handlers: S3 by moto, Google's in memory."""

import boto3
import moto
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from papermill.iorw import GCSHandler, papermill_io

from ssmlib.companion import results, runs, stores


@pytest.fixture
def s3(monkeypatch):
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
        monkeypatch.setenv(f"AWS_{name}", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with moto.mock_aws():
        boto3.client("s3").create_bucket(Bucket="bucket")
        yield "s3://bucket/place"


@pytest.fixture
def gs():
    """papermill's own handler, its file system replaced by fsspec's in memory."""

    class InMemory(MemoryFileSystem):
        protocol = ("gs", "gcs", "memory")
        store, pseudo_dirs = {}, [""]

        def ls(self, path, detail=False, **options):  # gcsfs answers names
            return super().ls(path, detail=detail, **options)

    handler = GCSHandler()
    handler._client = InMemory()
    papermill_io.register("gs://", handler)
    yield "gs://bucket/place"
    papermill_io._handlers.pop(0)


@pytest.fixture(params=["s3", "gs", "folder"])
def address(request, tmp_path):
    if request.param == "folder":
        return str(tmp_path / "runs")
    return request.getfixturevalue(request.param)


def test_files_come_back(address):
    store = stores.store(address)
    assert str(store) == address
    assert store.names("a") == []
    assert store.read("a/b/c.json") is None
    store.write("a/b/c.json", b'"\xce\xbb"\n')
    store.write("a/d.txt", b"text\n")
    assert store.read("a/b/c.json").strip() == b'"\xce\xbb"'
    assert store.names("a") == ["b", "d.txt"]
    assert store.names("a/b") == ["c.json"]
    store.remove("a/d.txt")
    assert not store.read("a/d.txt")


def test_a_run_is_kept_and_found_again(address, place):
    store = stores.store(address)
    job = runs.job(place, place / "notebooks" / "01-toy.ipynb", {"n": 3, "word": "é"})
    first = runs.run(job, store, root=place)
    assert first["status"] == "complete"
    again = runs.run(job, stores.store(address), root=place)
    assert again == first | {"reused": True}
    table = results.table(runs.documents(store, "01-toy"))
    assert list(table["double"]) == [6]
    assert store.names("mathjax") == ["LICENSE", "tex-svg.js"]


def test_a_run_that_failed_once_is_told_complete_later(address, place):
    store = stores.store(address)
    job = runs.job(place, place / "notebooks" / "01-toy.ipynb", {"mode": "hang"})
    assert runs.run(job, store, root=place, timeout=1)["status"] == "failed"
    assert [d["status"] for d in runs.documents(store, "01-toy")] == ["failed"]


def test_what_a_bucket_says_is_told_in_a_line(s3):
    with pytest.raises(OSError, match=r"s3://nobody/x: .*NoSuchBucket"):
        stores.store("s3://nobody/x").names("a")


def test_other_addresses_are_refused():
    with pytest.raises(ValueError, match=r"gs://BUCKET/..., got 'http://x'"):
        stores.store("http://x")

"""The cache of generated sets: whole or not at all, checked when read."""

import json
import multiprocessing
import os
import pwd
import shutil

import numpy as np
import pytest

from ssmlib.tasks import cache

ARGUMENTS = {"n": 3, "seed": 0}


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("SSMLIB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def make():
    return {"x": np.arange(3), "y": np.ones((2, 2))}


def get(generate=make, version=1, **arguments):
    return cache.cached("toy", version, ARGUMENTS | arguments, generate)


def refuse():
    raise AssertionError("made again")


def test_made_once_and_read_back(place):
    first, again = get(), get(refuse)
    for name, value in make().items():
        assert np.array_equal(first[name], value)
        assert np.array_equal(again[name], value)
    (folder,) = place.iterdir()
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["arguments"] == ARGUMENTS
    assert manifest["version"] == 1
    assert len(manifest["sha256"]) == 64


def test_other_arguments_and_versions_are_other_sets(place):
    get()
    get(seed=1)
    get(version=2)
    assert len(list(place.iterdir())) == 3


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"SSMLIB_CACHE": "/a/b"}, "/a/b"),
        ({"SSMLIB_CACHE": "~/b"}, "{home}/b"),
        ({"SSMLIB_CACHE": "b"}, "{here}/b"),
        ({"SSMLIB_CACHE": ""}, "{home}/.cache/ssmlib"),
        ({"SSMLIB_CACHE": "", "XDG_CACHE_HOME": "/x"}, "/x/ssmlib"),
        ({"XDG_CACHE_HOME": "/x"}, "/x/ssmlib"),
        ({"XDG_CACHE_HOME": ""}, "{home}/.cache/ssmlib"),
        ({"XDG_CACHE_HOME": "relative"}, "{home}/.cache/ssmlib"),
        ({}, "{home}/.cache/ssmlib"),
    ],
)
def test_where_it_is(variables, expected, monkeypatch, tmp_path):
    for name in ("SSMLIB_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    folder = str(cache.folder())
    assert folder == expected.format(home=tmp_path / "home", here=tmp_path / "here")


def test_a_user_without_a_home_folder(monkeypatch):
    def unknown(uid):
        raise KeyError(uid)

    for name in ("SSMLIB_CACHE", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    with pytest.raises(OSError, match=r"no home folder .* by the variable SSML"):
        get()


def test_what_killed_processes_left_is_removed_when_old(place):
    get()
    (folder,) = place.iterdir()
    shutil.rmtree(folder)
    old, new = (place / f".{folder.name}-{name}" for name in ("old", "new"))
    for left in (old, new):
        left.mkdir()
        (left / "data.npz").write_bytes(b"half")
    os.utime(old, (0, 0))
    assert np.array_equal(get()["x"], make()["x"])
    assert not old.exists()
    assert new.exists()


def test_a_full_disk_names_the_folder(place, monkeypatch):
    def full(file, **arrays):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match=r"cache cannot be written \(No space left"):
        get()
    assert not list(place.iterdir())


def test_a_truncated_file_is_named_and_kept(place):
    get()
    (folder,) = place.iterdir()
    data = folder / "data.npz"
    data.write_bytes(data.read_bytes()[:-10])
    with pytest.raises(
        ValueError, match=r"data.npz is not what was written: remove it"
    ):
        get(refuse)
    assert data.exists()


@pytest.mark.parametrize("content", ["", "no JSON", "{}", "[]", "1", "\xff"])
def test_a_foreign_folder_is_named_and_kept(place, content):
    get()
    (folder,) = place.iterdir()
    (folder / "manifest.json").write_text(content, encoding="latin-1")
    with pytest.raises(
        ValueError, match=f"{folder.name} (is no data set|was made for)"
    ):
        get(refuse)
    assert (folder / "manifest.json").read_text(encoding="latin-1") == content


def test_a_manifest_of_other_arguments_is_refused(place):
    get()
    (folder,) = place.iterdir()
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    manifest["arguments"]["seed"] = 7
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(ValueError, match="was made for other arguments"):
        get(refuse)


def test_an_interrupted_one_starts_again(place):
    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        get(stop)
    assert not place.exists() or not list(place.iterdir())
    assert np.array_equal(get()["x"], make()["x"])


def test_an_interrupted_write_leaves_nothing_that_is_read(place, monkeypatch):
    def stop(file, **arrays):
        with open(file, "wb") as half:
            half.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez", stop)
    with pytest.raises(KeyboardInterrupt):
        get()
    monkeypatch.undo()
    os.environ["SSMLIB_CACHE"] = str(place)
    assert not list(place.iterdir())
    assert np.array_equal(get()["x"], make()["x"])
    del os.environ["SSMLIB_CACHE"]


def test_a_folder_that_cannot_be_written(place):
    place.write_text("a file in its place", encoding="utf-8")
    with pytest.raises(OSError, match=r"cannot be written .* by the variable SSML"):
        get(refuse)  # found out before the arrays are made


def _one(folder, meeting, results):
    os.environ["SSMLIB_CACHE"] = folder

    def meet():
        meeting.wait()  # both generate before either writes
        return make()

    found = get(meet)
    results.put(found["x"].tolist())


def test_two_at_once_do_no_harm(place):
    context = multiprocessing.get_context("spawn")
    meeting, results = context.Barrier(2), context.Queue()
    both = [
        context.Process(target=_one, args=(str(place), meeting, results))
        for _ in range(2)
    ]
    for process in both:
        process.start()
    assert [results.get(timeout=60) for _ in both] == [[0, 1, 2]] * 2
    for process in both:
        process.join()
        assert process.exitcode == 0
    (folder,) = place.iterdir()
    assert not folder.name.startswith(".")

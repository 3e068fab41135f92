"""Of the system, the home and the caches a run reads what its libraries need alone."""

import os
import sys
import tempfile
import time
from importlib.metadata import distribution
from pathlib import Path

import pytest

from ssmbook.notebook.parameters import check, declared
from ssmbook.runs import coverage, hook
from ssmbook.runs.execution import NotebookFailed, execute
from tests.ssmbook.test_coverage import parametrized

TEMP = tempfile.gettempdir()  # not pytest's, which the tests take for a home
SET = f"listops-{16 * 'a'}"
#: paths, and whether a kernel may read files there
FILES = {
    # the system
    "/proc/cpuinfo": True,
    "/sys/devices/x": True,
    "/lib/x/libx.so": True,
    "/usr/lib/x/libx.so.1": True,
    "/usr/share/zoneinfo/UTC": True,
    "/usr/share/fonts/x.ttf": True,
    "/usr/local/share/fonts/x.ttf": True,
    "/etc/os-release": True,
    "/etc/x.csv": False,
    "/etc/ssl/x.csv": False,
    "/etc/timezone.csv": False,
    "/usr/x.csv": False,
    "/usr/share/x.csv": False,
    "/usr/share/dict/words": False,
    "/usr/src/x.csv": False,
    "/usr/local/x.csv": False,
    "/usr/local/share/x.csv": False,
    "/usr/local/src/x.csv": False,
    "/usr/local/cuda/x.csv": False,
    "/usr/local/cuda/lib64/libcudart.so": True,
    "/var/lib/x.csv": False,
    "/var/cache/x.csv": False,
    "/var/x.csv": False,
    "/snap/x/x.csv": False,
    "/opt/x.csv": False,
    "/data/x.csv": False,
    "{temp}/x.csv": False,
    "{temp}/torchinductor_user/x.py": False,
    # devices
    "/dev/null": True,
    "/dev/urandom": True,
    "/dev/shm/x.npy": False,
    "/dev/sda": False,
    "/dev/ttyUSB0": False,
    "/dev/null.csv": False,
    "/dev/x": False,
    # the home and the caches
    "{home}/x": False,
    "{home}/.x.txt": False,
    "{home}/.keras/datasets/x.npz": False,
    "{home}/.config/x": False,
    "{home}/.local/share/x.csv": False,
    "{home}/.local/share/fonts/x.ttf": True,
    "{home}/.cache/x": False,
    "{home}/.cache/torch/hub/checkpoints/x.pt": False,
    "{home}/.cache/huggingface/x": False,
    "{home}/.cache/matplotlib/x": False,
    "{home}/.cache/matplotlib/fontlist-v1.json": True,
    "{home}/.cache/ssmlib/x.csv": False,
    "{home}/Library/x.csv": False,
    "{home}/book/x": False,
    "{home}/book/.x": False,
    "{home}/book/cache/x": False,
    "{home}/book/cache/other-aaaaaaaaaaaaaaaa/data.npz": False,
    f"{{home}}/book/cache/{SET}/data.npz": True,
    f"{{home}}/book/cache/{SET}/manifest.json": True,
    f"{{home}}/book/cache/{SET}/x.csv": False,
    "{home}/cuda/x.csv": False,
    # Python and the packages
    os.__file__: True,
    pytest.__file__: True,
    sys.executable: True,
    f"{sys.prefix}/x.csv": False,
    f"{sys.prefix}/share/x.csv": False,
    f"{sys.base_prefix}/x.csv": False,
    f"{sys.base_prefix}/lib/libx.so": True,
    str(distribution("pytest").locate_file("pytest/py.typed")): True,
    str(Path(coverage.__file__)): False,
}  # fmt: skip


def reads(folder: Path) -> hook.Reads:
    node = parametrized("import ssmbook")
    known = declared(node, "here")
    found = coverage.readable(node, known, check(known, {}, "here"), folder)
    return hook.Reads(**found, refusals=str(folder / "refusals"))


@pytest.mark.parametrize("file", FILES)
def test_only_the_needed_files_of_the_system_and_the_home(file, tmp_path, monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SSMLIB_CACHE", "cache")  # starts where the kernel works
    monkeypatch.setenv("CUDA_HOME", str(tmp_path / "cuda"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "x"))
    stored = tmp_path / "book" / "cache" / SET
    stored.mkdir(parents=True)
    allowed = reads(tmp_path / "book").allows(file.format(home=tmp_path, temp=TEMP))
    assert allowed is FILES[file]


def test_a_repository_within_the_system_is_no_part_of_it(tmp_path, monkeypatch):
    monkeypatch.setattr(coverage, "_SYSTEM", (f"{tmp_path}/",))
    assert reads(tmp_path / "book").allows(f"{tmp_path}/x")
    assert not reads(tmp_path / "book").allows(f"{tmp_path}/book/x")


SHARED_MEMORY = pytest.param(
    "/dev/shm",
    marks=pytest.mark.skipif(
        not Path("/dev/shm").is_dir(), reason="only Linux has this folder"
    ),
)


@pytest.mark.parametrize(
    "folder", [SHARED_MEMORY, "{home}/.keras", "{home}/.cache/ssmlib"]
)
def test_a_run_that_reads_data_there_fails(folder, tmp_path, monkeypatch):
    """Wherever a notebook may have got its path from."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSMLIB_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    place = Path(folder.format(home=tmp_path))
    place.mkdir(parents=True, exist_ok=True)
    file = place / f"ssmbook-test-{os.getpid()}.txt"
    file.write_text("1", encoding="utf-8")
    time.sleep(0.1)
    try:
        with pytest.raises(NotebookFailed, match=rf"{file.name}, which the key of the"):
            execute(parametrized(f"open({str(file)!r})"), {}, tmp_path)
    finally:
        file.unlink()


@pytest.mark.slow
def test_a_generated_set_is_read_again(tmp_path, monkeypatch):
    """A run that generates it, and one that finds it."""
    monkeypatch.setenv("SSMLIB_CACHE", str(tmp_path / "cache"))
    code = "listops.split(20, seed=0, min_length=5, max_length=50)"
    for _ in range(2):
        execute(parametrized("from ssmlib.tasks import listops", code), {}, tmp_path)


def test_a_list_of_fonts_is_made_where_there_is_none(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    execute(parametrized("import matplotlib.pyplot"), {}, tmp_path)
    assert [*(tmp_path / "caches" / "matplotlib").glob("fontlist-*.json")]

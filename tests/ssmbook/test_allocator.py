"""`start` lets the C library keep freed memory, where it is glibc."""

import ctypes
import os
import platform
import subprocess
import sys
import textwrap

import pytest

from ssmbook.notebook import allocator

FAULTS = """
    import mmap, resource, sys
    from ssmbook.notebook.allocator import reuse_memory

    if sys.argv[1] == "set":
        reuse_memory()
    size = 2**26

    def fill():
        block = bytearray(size)
        block[:: mmap.PAGESIZE] = bytes(len(range(0, size, mmap.PAGESIZE)))

    fill()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        fill()
    after = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    print((after - before) * mmap.PAGESIZE / (5 * size))
"""


def faults(setting, **environment):
    """Return page faults per page of a block of 64 MiB that is made again."""
    environ = {k: v for k, v in os.environ.items() if k not in allocator.VARIABLES}
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(FAULTS), setting],
        env=environ | environment,
        capture_output=True,
        check=True,
        encoding="utf-8",
    )
    assert run.stderr == ""
    return float(run.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
def test_a_large_block_is_used_again():
    assert faults("set") < 0.1 < faults("default")
    assert faults("set", MALLOC_TRIM_THRESHOLD_="131072") > 0.1  # the user's setting


class Empty:
    """A C library without the function."""


class Other:
    """A C library with a mallopt that is not glibc's."""

    def mallopt(self, *_):
        raise AssertionError("called")


def refused(error):
    def load(_):
        raise error("no such library")

    return load


@pytest.mark.parametrize(
    "load",
    [refused(OSError), refused(TypeError), lambda _: Empty(), lambda _: Other()],
    ids=["no library", "Windows", "no mallopt", "no glibc"],
)
def test_nothing_happens_without_glibc(monkeypatch, capfd, load):
    for name in allocator.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(ctypes, "CDLL", load)
    allocator.reuse_memory()
    assert capfd.readouterr() == ("", "")


STARTED = """import ssmbook.notebook.session as session
session.reuse_memory = lambda: print("set")
session.start(device="cpu")
import scipy.stats, threadpoolctl
blas = threadpoolctl.ThreadpoolController().select(internal_api="openblas").info()
print(max((library["num_threads"] for library in blas), default=1))"""


def test_start_sets_it_and_limits_the_threads_of_numpy_and_scipy():
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "2"}
    run = subprocess.run(
        [sys.executable, "-c", STARTED],
        capture_output=True,
        check=True,
        encoding="utf-8",
        env=environment,
    )
    assert run.stdout == "set\n1\n"

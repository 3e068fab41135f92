import gc
import os
import signal
from pathlib import Path

import pytest

import ssmbook
from tests.ssmbook import toy

ROOT = Path(__file__).resolve().parents[1]

#: the files with the longest tests
LONG = (
    "test_rerun_page.py",
    "test_chapters.py",
    "test_features.py",
    "test_uncertainty.py",
)


def pytest_xdist_auto_num_workers() -> int:
    """Start a worker more than there are cores.

    A third of the tests waits for processes and sockets, and another one runs then.
    """
    return len(os.sched_getaffinity(0)) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest tests: at the end, the other cores would wait for them."""
    place = {name: k for k, name in enumerate(LONG)}
    items.sort(key=lambda item: place.get(item.path.name, len(LONG)))


@pytest.fixture(scope="session", autouse=True)
def _git():
    """Repositories that tests make are not those that a variable of git names."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("GIT_")]:
            patch.delenv(name)
        yield


@pytest.fixture(scope="session", autouse=True)
def _interrupts():
    """A shell starts background jobs with SIGINT ignored, which commands inherit."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _threads():
    ssmbook.start(device="cpu")
    # What was imported is no garbage, and is not to be looked through again.
    gc.freeze()


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="module")
def place(root, tmp_path_factory) -> Path:
    """A toy repository, shared by a file's tests: each keeps to runs of its own."""
    return toy.make(root, tmp_path_factory.mktemp("toy"))


@pytest.fixture
def own(root, tmp_path) -> Path:
    """A toy repository of a test's own."""
    return toy.make(root, tmp_path / "toy")

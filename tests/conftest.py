from pathlib import Path

import pytest

from ssmlib.companion import start


@pytest.fixture(scope="session", autouse=True)
def _threads():
    start(seed=0, device="cpu")


@pytest.fixture(scope="session")
def root() -> Path:
    return Path(__file__).resolve().parents[1]

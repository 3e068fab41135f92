import pytest

from ssmlib import uncertainty


@pytest.fixture
def few_draws(monkeypatch):
    """Three draws of a bootstrap: the same code, where no test asks how it covers."""
    monkeypatch.setattr(uncertainty, "_DRAWS", 3)

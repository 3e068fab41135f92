import pytest
import torch

from ssmlib import uncertainty


@pytest.fixture
def few_draws(monkeypatch):
    """Three draws of a bootstrap: the same code, where no test asks how it covers."""
    monkeypatch.setattr(uncertainty, "_DRAWS", 3)


@pytest.fixture(
    params=[
        "cpu",
        pytest.param(
            "cuda",
            marks=[
                pytest.mark.gpu,
                pytest.mark.skipif(
                    not torch.cuda.is_available(), reason="no CUDA device"
                ),
            ],
        ),
    ]
)
def device(request) -> str:
    """The device of a test. The CPU executes the code of the test on every machine."""
    return request.param

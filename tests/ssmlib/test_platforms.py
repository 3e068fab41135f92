"""Which forms need float64, which Apple's GPUs (MPS) do not have.

No such device is at hand, so a dispatch mode refuses each operation that makes a number
of double precision, as PyTorch refuses it on MPS.
"""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from ssmlib._imports import missing
from ssmlib.layers import S4, S4D, S4DReal
from ssmlib.models import Model
from tests.conftest import ROOT

_DOUBLE = (torch.float64, torch.complex128)


class NoDouble(TorchDispatchMode):
    """Refuses double precision."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(out):
            if isinstance(leaf, torch.Tensor) and leaf.dtype in _DOUBLE:
                raise TypeError(f"{func} makes {leaf.dtype}")
        return out


@pytest.fixture
def u():
    return torch.randn(2, 4, 30, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("kind", [S4D, S4, S4DReal])
def test_one_step_of_a_recurrence_needs_no_double_precision(kind, u):
    step = kind(4, 8).recurrence()
    with NoDouble():
        y, state = step(u[..., 0], step.initial_state(2))
    assert y.dtype == state.dtype == torch.float32
    with NoDouble(), pytest.raises(TypeError, match="makes torch"):
        step(u, state)  # a block of steps


@pytest.mark.parametrize("kind", [S4D, S4, S4DReal])
def test_a_layer_needs_double_precision(kind, u):
    layer = kind(4, 8)
    with NoDouble(), pytest.raises(TypeError, match="makes torch"):
        layer(u)
    state = layer.initial_state(2)
    with NoDouble(), pytest.raises(TypeError, match="makes torch"):
        layer.step(u[..., 0], state)


@pytest.mark.parametrize("layer", ["lstm", "gru", "cnn", "transformer"])
def test_the_other_layers_need_none(layer, u):
    model = Model(4, 3, layer=layer, d_model=8)
    with NoDouble():
        model(u).sum().backward()


def test_a_missing_package_is_installed_from_the_clone(monkeypatch, tmp_path):
    assert missing("pandas", "data") == (
        f'pandas is not installed; install it by: pip install -e "{ROOT}[data]"'
    )
    elsewhere = tmp_path / "site-packages" / "ssmlib" / "_imports.py"
    monkeypatch.setattr("ssmlib._imports.__file__", str(elsewhere))
    assert missing("pandas", "data") == (
        "pandas is not installed; install it by: in a clone of the repository, "
        'pip install ".[data]"'
    )

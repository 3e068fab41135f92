"""What TorchScript and ONNX say of a layer, and the way that they point to."""

import io

import pytest
import torch

from ssmlib.layers import S4, S4D
from ssmlib.models import Block, Model

U = torch.randn(2, 4, 9, generator=torch.Generator().manual_seed(0))
MODULES = {
    "S4D": lambda: S4D(4, 8),
    "S4": lambda: S4(4, 8),
    "Block": lambda: Block(4, layer=S4D(4, 8)),
    "Model": lambda: Model(4, 3, d_model=4, d_state=8),
}
each_module = pytest.mark.parametrize("make", MODULES.values(), ids=MODULES)
pytestmark = pytest.mark.filterwarnings("ignore")


@each_module
def test_torchscript_points_to_the_recurrence(make):
    for compiled in (
        lambda: torch.jit.script(make()),
        lambda: torch.jit.trace(make(), U),
        lambda: torch.onnx.export(make(), (U,), io.BytesIO(), dynamo=False),
        lambda: torch.jit.script(torch.nn.Sequential(make())),
    ):
        with pytest.raises(TypeError, match=r"trace its recurrence\(\)"):
            compiled()


@each_module
def test_a_traced_recurrence_is_the_recurrence(make):
    frozen = make().recurrence()
    u_t, state = U[..., 0], frozen.initial_state(2)
    traced = torch.jit.trace(frozen, (u_t, state))
    y_t, after = traced(u_t, state)
    exact, own = frozen(u_t, state)
    # A trace may fuse operations, which rounds values of order 1 differently.
    assert torch.allclose(y_t, exact, rtol=0, atol=1e-5)
    for one, other in zip(after, own, strict=True):
        assert torch.allclose(one, other, rtol=0, atol=1e-5)


def test_script_of_a_recurrence_points_to_trace():
    with pytest.raises(TypeError, match=r"use torch\.jit\.trace"):
        torch.jit.script(S4D(4, 8).recurrence())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "arguments"),
    [
        (MODULES["S4"], lambda m: (U,)),
        (MODULES["S4D"], lambda m: (U, m.initial_state(2))),
        (lambda: S4D(4, 8, discretization="bilinear"), lambda m: (U,)),
    ],
)
def test_onnx_points_to_the_recurrence(make, arguments):
    module = make()
    with pytest.raises(Exception, match=r"export its recurrence\(\)"):
        torch.onnx.export(module, arguments(module), dynamo=True, verbose=False)

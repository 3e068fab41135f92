"""Options that are True or False, inputs of a step, and starts beyond the dtype."""

from functools import partial

import pytest
import torch

from ssmlib.layers import DSS, S4, S4D
from ssmlib.models import Model
from ssmlib.theory.timescale import stationary_energy


@pytest.mark.parametrize("value", ["False", "no", 0, 1, None, torch.tensor(True)])
@pytest.mark.parametrize(
    ("make", "name"),
    [
        *(
            (layer, name)
            for layer in (S4D, S4, partial(DSS, length=8))
            for name in ("bidirectional",)
        ),
        (S4D, "skip"),
        *(
            (Model, name)
            for name in ("linear", "prenorm", "bias", "tied_dropout", "tokens")
        ),
    ],
)
def test_a_switch_is_true_or_false(make, name, value):
    sizes = (1, 1) if make is Model else (2, 4)
    with pytest.raises(TypeError, match=f"{name} must be True or False, got"):
        make(*sizes, **{name: value})


@pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.complex64])
def test_a_step_takes_the_inputs_that_a_sequence_takes(dtype):
    layer = S4D(2, 4)
    u = torch.ones(3, 2, 1).to(dtype)
    with pytest.raises(TypeError, match="u must be real floating point"):
        layer(u)
    with pytest.raises(TypeError, match="u_t must be real floating point"):
        layer.step(u[..., 0], layer.initial_state(3))


def test_a_start_beyond_the_dtype_is_refused():
    A = torch.tensor([-1e39 + 0j, -0.5 + 1j], dtype=torch.complex128)
    B = torch.ones(2, dtype=torch.complex128)
    with pytest.raises(ValueError, match=r"in torch.float32 must be finite"):
        S4D(1, 4, init=(A, B))
    S4D(1, 4, init=(A, B), dtype=torch.float64)


@pytest.mark.parametrize("make", [S4D, Model])
def test_a_seed_is_one_of_a_generator(make):
    with pytest.raises(ValueError, match=f"seed must be at most {2**64 - 1}"):
        make(2, 4, seed=2**64)
    make(2, 4, seed=2**64 - 1)


def test_layer_inputs_refuse_what_a_call_refuses():
    x = torch.ones(1, 1, 5)
    for dtype in (torch.complex64, torch.int64):
        with pytest.raises(TypeError, match="x must be real floating point"):
            Model(1, 1, bias=True).layer_inputs(x.to(dtype))
    with pytest.raises(ValueError, match=r"tokens of x must be in 0 .. 2"):
        Model(3, 1, tokens=True).layer_inputs(torch.full((1, 4), 3))


@pytest.mark.parametrize(
    ("density", "error"),
    [
        (lambda w: torch.ones(3), ValueError),
        (lambda w: torch.ones(2, 2), ValueError),
        (lambda w: w * 1j, TypeError),
        (lambda w: None, TypeError),
    ],
)
def test_a_density_gives_a_real_number_per_eigenvalue(density, error):
    A = torch.tensor([1j, 2j])
    with pytest.raises(error, match="density must"):
        stationary_energy(A, 0.1, 10, density)

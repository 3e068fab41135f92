"""The output measure of a kernel bounds its output, and rescaled layers keep to 1."""

import numpy as np
import pytest
import torch

from ssmlib import inputs
from ssmlib.layers import S4, S4D, S4DReal
from ssmlib.layers.rescaling import rescale_C_
from ssmlib.theory.generalization import output_measure


def sequences(shift: float = 0.7) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    x = inputs.ar1(0.9).sample(500, 32, generator).double()
    return x * torch.linspace(0.5, 2, 32, dtype=torch.float64) + shift


def test_it_is_the_formula_by_loops():
    x = sequences()
    K = torch.randn(3, 32, generator=torch.Generator().manual_seed(1)).double()
    for kernel, found in zip(K.numpy(), output_measure(K, x), strict=True):
        spread = mean = 0.0
        for s in range(32):
            spread += abs(kernel[31 - s]) * np.std(x[:, s].numpy())
            mean += kernel[31 - s] * float(x[:, s].mean())
        assert float(found) == pytest.approx((spread + abs(mean)) ** 2, rel=1e-12)


@pytest.mark.parametrize("make", [S4D, S4, S4DReal])
def test_after_rescaling_the_last_output_is_at_most_1(make):
    x = sequences()
    layer = make(6, 8, skip=False, dtype=torch.float64)
    before = layer(x.unsqueeze(1).expand(-1, 6, -1))[..., -1].square().mean(0)
    tau = rescale_C_(layer, x)
    after = layer(x.unsqueeze(1).expand(-1, 6, -1))[..., -1].square().mean(0)
    assert (before <= tau * (1 + 1e-9)).all()
    assert (after <= 1 + 1e-9).all()
    # Once more changes nothing: the measure is 1.
    torch.testing.assert_close(rescale_C_(layer, x), torch.ones_like(tau))


def test_an_input_that_does_not_change_and_a_kernel_of_one_sign_attain_it():
    x = torch.tensor([[-1.0], [1.0]]).expand(2, 9).double()
    K = torch.rand(9, generator=torch.Generator().manual_seed(2)).double()
    energy = (x @ K.flip(-1)).square().mean()
    torch.testing.assert_close(output_measure(K, x), energy)


def test_both_directions_are_divided_by_the_measure_of_the_forward_one():
    layer = S4D(3, 8, bidirectional=True, dtype=torch.float64)
    C = layer.C.detach().clone()
    tau = rescale_C_(layer, sequences())
    torch.testing.assert_close(layer.C * tau.sqrt().unsqueeze(-1), C)


def test_bad_arguments_are_refused():
    x = sequences()
    with pytest.raises(TypeError, match="layer must be an SSM layer"):
        rescale_C_(torch.nn.Linear(2, 2), x)
    with pytest.raises(ValueError, match="kernel and x"):
        output_measure(torch.ones(5), x)
    with pytest.raises(ValueError, match="kernel and x"):
        output_measure(torch.ones(32), x[:1])
    with pytest.raises(ValueError, match="zero in feature 0"):
        rescale_C_(S4D(2, 4), torch.zeros(3, 8))

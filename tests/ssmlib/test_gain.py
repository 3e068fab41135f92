"""The gain of a feature, by the Hamiltonian matrix, by a transform and by hand."""

import math

import numpy as np
import pytest
import torch
from scipy import signal

from ssmlib.initialization import initialize
from ssmlib.layers import S4D
from ssmlib.theory.gain import frequency_response, narrowest, peak_gain


def random_modes(n: int, seed: int):
    rng = torch.Generator().manual_seed(seed)
    real = -(10 ** (-3 * torch.rand(n, generator=rng, dtype=torch.float64)))
    phase = 2 * math.pi * torch.rand(n, generator=rng, dtype=torch.float64)
    weights = torch.randn(n, 2, generator=rng, dtype=torch.float64)
    return torch.complex(real, phase), torch.view_as_complex(weights)


@pytest.mark.parametrize("seed", range(6))
def test_it_is_the_largest_of_a_fine_grid_of_the_rational_function(seed):
    """As a quotient of polynomials, at 400,000 frequencies."""
    a, w = (np.concatenate([z, z.numpy().conj()]) for z in random_modes(3, seed))
    b, poles = signal.invresz(w, np.exp(a), [])
    grid = np.linspace(0, math.pi, 400_001)
    top = np.abs(signal.freqz(b.real, poles.real, worN=grid)[1]).max()
    found = float(peak_gain(*random_modes(3, seed)))
    # The least damping is 1e-3: a half step of the grid off a peak, 4e-6 / 1e-3, loses
    # 1e-5 of it.
    assert found == pytest.approx(top, rel=2e-5)


def test_the_response_is_the_transform_of_the_kernel():
    layer = S4D(3, 16, dt=(0.05, 0.5), dtype=torch.float64)
    L = 2**13  # the slowest mode falls below 1e-80
    with torch.no_grad():
        a, B_bar, C = layer.modes()
        expected = torch.fft.rfft(layer.kernel(L))
    omega = torch.linspace(0, math.pi, L // 2 + 1, dtype=torch.float64)
    found = frequency_response(a, C * B_bar, omega)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
    top = expected.abs().max(-1).values
    gain = peak_gain(a, C * B_bar)
    assert (gain >= top * (1 - 1e-12)).all()
    # Between two of 4,097 frequencies the response hardly changes.
    torch.testing.assert_close(gain, top, rtol=1e-3, atol=0)


def test_a_sharp_peak_between_two_even_frequencies_is_found():
    """One mode: the gain is 1 / (1 - r) up to the mode of the conjugate."""
    a = torch.tensor([complex(-1e-7, 1.2345678)], dtype=torch.complex128)
    found = float(peak_gain(a, torch.ones_like(a)))
    assert found * -math.expm1(-1e-7) == pytest.approx(1, rel=1e-6)


def test_a_phase_beyond_a_turn_is_the_same_pole():
    a, w = random_modes(4, 7)
    torch.testing.assert_close(peak_gain(a + 2j * math.pi, w), peak_gain(a, w))
    torch.testing.assert_close(peak_gain(a - 2j * math.pi, w), peak_gain(a, w))


def test_the_narrowest_interval_by_all_pairs():
    rng = torch.Generator().manual_seed(3)
    for share in (0.2, 0.5, 0.9, 1.0):
        x = torch.rand(12, generator=rng, dtype=torch.float64)
        weights = torch.rand(12, generator=rng, dtype=torch.float64)
        low, high = narrowest(x, weights, share)
        widths = [
            float(q - p)
            for p in x
            for q in x
            if q >= p
            and weights[(x >= p) & (x <= q)].sum() >= (share - 1e-9) * weights.sum()
        ]
        assert high - low == min(widths)
        inside = (x >= low) & (x <= high)
        assert float(weights[inside].sum() / weights.sum()) >= share - 1e-9


MODE = initialize("lin", 4)[0]
BAD = {
    "an undamped mode": (lambda: peak_gain(1j * MODE.imag, MODE), "real parts below 0"),
    "no mode": (lambda: peak_gain(MODE[:0], MODE[:0]), "n >= 1"),
    "other weights": (lambda: peak_gain(MODE, MODE[:1]), "weights"),
    "no weight": (
        lambda: narrowest(torch.arange(3.0), torch.zeros(3), 0.5),
        "not all 0",
    ),
    "a negative weight": (
        lambda: narrowest(torch.arange(3.0), torch.tensor([1.0, -1, 1]), 0.5),
        "at least 0",
    ),
    "share 0": (lambda: narrowest(torch.arange(3.0), torch.ones(3), 0.0), "share"),
    "shapes": (lambda: narrowest(torch.arange(3.0), torch.ones(2), 0.5), "shape"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_arguments_are_refused(case):
    call, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        call()


def test_real_poles_are_no_modes():
    with pytest.raises(TypeError, match="log_A_bar must be complex"):
        peak_gain(torch.ones(2), MODE)

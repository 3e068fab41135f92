"""Fourier transforms of sequences of any length, which may be a prime."""

import numpy as np
import pytest
import torch
from torch import nn

from ssmlib import _lags, _lanczos, uncertainty
from ssmlib import autocorrelation as ac
from ssmlib.layers import S4D
from ssmlib.layers.convolution import causal, two_sided

PRIMES = (2, 3, 7, 13, 211, 1009)
TRANSFORMS = [(torch.fft, "rfft"), (torch.fft, "irfft"), (np.fft, "rfft")]


def normal(*shape):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def one_by_one(u, K):
    """Padded with zeros, and summed lag by lag: y_l = sum_k K_k u_{l-k}."""
    L = u.shape[-1]
    shifted = [nn.functional.pad(u, (k, 0))[..., :L] for k in range(L)]
    return torch.einsum("kbhl,hk->bhl", torch.stack(shifted), K)


@pytest.mark.parametrize("L", [1, 16, *PRIMES[:-1]])
def test_convolutions_of_any_length_are_sums_over_lags(L):
    u, K = normal(2, 3, L), normal(2, 3, L)
    forward = one_by_one(u, K[0])
    assert torch.allclose(causal(u, K[0]), forward, atol=1e-12)
    later = nn.functional.pad(u[..., 1:].flip(-1), (1, 0))  # backward from the next
    backward = one_by_one(later, K[1]).flip(-1)
    assert torch.allclose(two_sided(u, K), forward + backward, atol=1e-12)


@pytest.mark.parametrize("L", [2**k for k in range(9)])
def test_a_power_of_two_keeps_its_bits(L):
    u, K = normal(2, 3, L).float(), normal(3, L).float()
    product = torch.fft.rfft(u, n=2 * L) * torch.fft.rfft(K, n=2 * L)
    assert torch.equal(causal(u, K), torch.fft.irfft(product, n=2 * L)[..., :L])


CALLS = {
    "causal": lambda L: causal(normal(1, 1, L), normal(1, L)),
    "two_sided": lambda L: two_sided(normal(1, 1, L), normal(2, 1, L)),
    "a layer": lambda L: S4D(2, 4)(normal(1, 2, L).float()),
    "toeplitz_moment": lambda L: ac.toeplitz_moment(normal(3, L)),
    "moment_largest_eigenvalue": lambda L: ac.moment_largest_eigenvalue(
        ac.toeplitz_moment(normal(3, L))
    ),
    "largest_eigenvalue": lambda L: ac.largest_eigenvalue(ac.windows(normal(2 * L), L)),
    "windows some steps apart": lambda L: _lanczos.windows(
        normal(3 * (L - 1) + 300).numpy(), 300, 3
    ),
    "lags": lambda L: _lags.sums(normal(2 * L), L),
    "of_series": lambda L: uncertainty.of_series(normal(4 * L + 1), L),
}


@pytest.mark.usefixtures("few_draws")
@pytest.mark.parametrize("L", PRIMES[-2:])
@pytest.mark.parametrize("name", CALLS)
def test_no_transform_has_a_length_with_a_large_prime_factor(name, L, monkeypatch):
    """A transform of a prime length takes several times as long."""
    lengths = []

    def recorded(transform):
        def call(x, n=None):
            lengths.append(n or x.shape[-1])
            return transform(x, n)

        return call

    for module, transform in TRANSFORMS:
        monkeypatch.setattr(module, transform, recorded(getattr(module, transform)))
    CALLS[name](L)
    assert lengths
    for n in lengths:
        for factor in (2, 3, 5):
            while n % factor == 0:
                n //= factor
        assert n == 1, lengths

"""Sums of products of a long series with itself, at few lags."""

from __future__ import annotations

import torch
from scipy import fft
from torch import Tensor, nn

# Steps per block, and numbers per transform of several blocks: both fit into a cache.
_SHORTEST, _TOGETHER = 512, 2**18


def fast_length(least: int) -> int:
    """Return the lowest length of a Fourier transform with no prime factor above 5.

    A transform of a prime length takes several times as long. A power of two is its own
    fast length.

    Args:
        least: lower limit of the length, at least 1.
    """
    return int(fft.next_fast_len(least, real=True))  # pyright: ignore[reportArgumentType]


def sums(series: Tensor, L: int, n: int | None = None) -> Tensor:
    """Return r_k = sum_t x_t x_{t+k} for k < L, by short transforms of blocks.

    Time O(T log L), memory O(T).

    Args:
        series: x, (T,) float64, T >= L.
        L: number of lags.
        n: how many of the first x_t are the earlier factor of a product; None for all.

    Returns:
        (L,).
    """
    T = len(series)
    n = T if n is None else n
    P = fast_length(max(L, min(_SHORTEST, T)))
    count = -(-n // P)  # blocks of earlier factors; the later ones are in one more
    later = nn.functional.pad(
        series[: (count + 1) * P], (0, max(0, (count + 1) * P - T))
    )
    later = later.view(-1, P)
    earlier = nn.functional.pad(series[:n], (0, count * P - n)).view(-1, P)
    sign = torch.ones(P + 1, dtype=series.dtype, device=series.device)
    sign[1::2] = -1  # a shift by P of 2 P steps
    power, step = sign.new_zeros(P + 1, dtype=torch.complex128), -(-_TOGETHER // P)
    for begin in range(0, count, step):
        wave = torch.fft.rfft(later[begin : begin + step + 1], 2 * P)
        own = wave[:-1]
        if n < T:
            own = torch.fft.rfft(earlier[begin : begin + step], 2 * P)
        power += (own.conj() * (wave[:-1] + sign * wave[1:])).sum(0)
    return torch.fft.irfft(power, 2 * P)[:L]

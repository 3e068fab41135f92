"""Convolutions of an input with a kernel, by the Fourier transform.

Where the input has been 0 so far, so is a causal output, exactly: a Fourier
transform alone leaves some 1e-7 of the sequence's largest value there, which a layer
norm makes of order 1.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class _Silence(torch.autograd.Function):
    """Zeros in y where `silent`; the derivative is y's own, for u may change there."""

    generate_vmap_rule = True

    @staticmethod
    def forward(y: Tensor, silent: Tensor) -> Tensor:
        return y.masked_fill(silent, 0)

    @staticmethod
    def setup_context(ctx, inputs, output):
        pass

    @staticmethod
    def backward(ctx, grad: Tensor):
        return grad, None

    @staticmethod
    def jvp(ctx, tangent: Tensor, _):
        return tangent.clone()


def silent(u: Tensor) -> Tensor:
    """Where u (..., L) has been 0 up to and with a step: (..., L) bool."""
    begin = (u != 0).to(torch.uint8).argmax(-1, keepdim=True)
    return torch.arange(u.shape[-1], device=u.device) < begin


def _silenced(y: Tensor, u: Tensor) -> Tensor:
    """y, exactly 0 where u has been 0 so far."""
    if torch.compiler.is_compiling():  # which knows no own `jvp`
        return y - torch.where(silent(u), y, 0).detach()
    return _Silence.apply(y, silent(u))


def causal(u: Tensor, K: Tensor) -> Tensor:
    """y_l = sum_{k <= l} K_k u_{l-k}: u (B, H, L), K (H, L) -> (B, H, L)."""
    L = u.shape[-1]
    product = torch.fft.rfft(u, n=2 * L) * torch.fft.rfft(K, n=2 * L)
    y = torch.fft.irfft(product, n=2 * L)[..., :L]
    return _silenced(y, u)


def two_sided(u: Tensor, K: Tensor) -> Tensor:
    """The causal map by K[0], and from the next step on, against time, by K[1].

    u (B, H, L), K (2, H, L) -> (B, H, L).
    """
    L = u.shape[-1]
    both = nn.functional.pad(K[0], (0, L)) + nn.functional.pad(K[1].flip(-1), (L, 0))
    product = torch.fft.rfft(u, n=2 * L) * torch.fft.rfft(both, n=2 * L)
    return torch.fft.irfft(product, n=2 * L)[..., :L]

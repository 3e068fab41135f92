"""The states of a diagonal system along a sequence, from inputs to its modes.

A sequence is cut into about sqrt(L) chunks. The states within all chunks are computed
step by step together, and then those between the chunks, so that O(sqrt(L)) operations
of PyTorch suffice, all of them elementwise.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ssmlib.kernels import REAL
from ssmlib.kernels.tables import split, tables
from ssmlib.layers.chunks import scan


def poles(x: Tensor) -> Tensor:
    """Return exp(x), whose derivatives `torch.func` can nest.

    Args:
        x: complex, any shape.
    """
    return torch.polar(x.real.exp(), x.imag)


def states_before(v: Tensor, x: Tensor) -> Tensor:
    """Return the state before each step, s_l = sum_{k < l} exp(x (l - 1 - k)) v_k.

    A compiler or an exporter gets the same by Fourier transforms, which one graph can
    compute for every length.

    Args:
        v: (L, B, n) complex64 or complex128: the inputs to each mode.
        x: (n,) complex128, the logarithms of the poles.

    Returns:
        (L, B, n) in the dtype of v.
    """
    if torch.compiler.is_compiling():
        return _by_fourier(v, x)
    pole = poles(x).unsqueeze(0)
    return scan(v, pole, split(len(v))[1])


def _by_fourier(v: Tensor, x: Tensor) -> Tensor:
    L = v.shape[0]
    powers = tables(x, 1, L, REAL[v.dtype])[1]  # (n, L)
    powers = nn.functional.pad(powers, (1, 0))  # a state lacks the step's own input
    # Time last: a compiler does not know the strides of a transform along another axis.
    v = v.permute(1, 2, 0).contiguous()
    product = torch.fft.fft(v, n=2 * L) * torch.fft.fft(powers, n=2 * L)
    return torch.fft.ifft(product)[..., :L].permute(2, 0, 1).contiguous()

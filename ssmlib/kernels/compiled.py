"""The kernel of a diagonal SSM in real arithmetic, for a compiler.

Inductor generates no code for complex numbers: each complex operation is a call of its
own. Here the real and imaginary parts are separate tensors, so that the tables take a
few loops. The operations are plain, because a compiler differentiates them itself.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ssmlib.kernels.tables import Pair, full_precision

_COLUMNS = 32  # of the second table; fixed, so that one graph serves every length


def _powers(re: Tensor, im: Tensor, steps: Tensor, dtype: torch.dtype) -> Pair:
    """Return the parts of exp(x j) for each j in steps, each (..., n, count)."""
    decay, phase = re.unsqueeze(-1) * steps, im.unsqueeze(-1) * steps
    if dtype == torch.float32:
        # A phase within one turn is exact enough in float32, where sines are faster.
        phase = phase - 2 * math.pi * torch.round(phase.detach() / (2 * math.pi))
    decay, phase = torch.exp(decay.to(dtype)), phase.to(dtype)
    return decay * torch.cos(phase), decay * torch.sin(phase)


def real_product(v: Pair, x: Pair, L: int, dtype: torch.dtype) -> Tensor:
    """Return the kernel of `vandermonde_product` from real and imaginary parts.

    Args:
        v: two real tensors (..., n).
        x: two tensors (..., n), float64.
        L: length of the kernel.
        dtype: of the tables and the result, float32 or float64.

    Returns:
        (..., L).
    """
    M, Q = _COLUMNS, L // _COLUMNS + 2  # and Q never 1, which a graph would specialize
    device = x[0].device
    a, b = _powers(*x, M * torch.arange(Q, device=device), dtype)
    fine = _powers(*x, torch.arange(M, device=device), dtype)
    p, q = ((2 * part).to(dtype).unsqueeze(-1) for part in v)
    # Re(w e) with w = v exp(x q M): the real product of (Re w, -Im w) with e's parts.
    coarse = torch.cat([p * a - q * b, -(p * b + q * a)], -2)
    with full_precision(device):
        K = (coarse.mT @ torch.cat(fine, -2)).flatten(-2)
    # A slice would ask an export to prove L <= Q M.
    return K.index_select(-1, torch.arange(L, device=device))

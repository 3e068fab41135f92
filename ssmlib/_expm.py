"""The matrix exponential by scaling and squaring, differentiated as it is computed.

The derivative of `torch.matrix_exp` is the exponential of a matrix of twice the size,
which costs eight times the value. That of products costs twice the value.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ssmlib import _checks

# The Taylor sum to degree 16, four powers at a time. Its remainder at a norm of 0.8,
# 0.8^17 / 17! = 6e-17 in any norm of a Banach algebra, is below float64's rounding.
_BLOCK, _DEGREE, _RADIUS = 4, 16, 0.8


def _coefficients() -> Tensor:
    """(4, 5): of the powers 0 .. 4 in each block; only the last one has a fourth."""
    table = torch.zeros(_DEGREE // _BLOCK, _BLOCK + 1, dtype=torch.float64)
    for k in range(_DEGREE):
        table[k // _BLOCK, k % _BLOCK] = 1 / math.factorial(k)
    table[-1, -1] = 1 / math.factorial(_DEGREE)
    return table


_TABLE = _coefficients()


def _taylor(W: Tensor) -> Tensor:
    """sum_k W^k / k! to degree 16, by six products: (H, N, N)."""
    one = torch.eye(W.shape[-1], dtype=W.dtype, device=W.device).expand_as(W)
    second = W @ W
    last = second @ second
    powers = torch.stack([one, W, second, second @ W, last], 1)  # (H, 5, N, N)
    blocks = (_TABLE.to(W) @ powers.flatten(-2)).unflatten(-1, W.shape[-2:])
    *lower, found = blocks.unbind(1)
    for block in reversed(lower):
        found = torch.baddbmm(block, last, found)
    return found


def _halvings(A: Tensor) -> Tensor:
    """How often to halve each matrix (H, N, N) for the Taylor sum: (H,)."""
    size = A.detach().abs()
    rows, columns = size.sum(-1).amax(-1), size.sum(-2).amax(-1)
    norm = torch.minimum(rows, columns).minimum(size.square().sum((-2, -1)).sqrt())
    return (norm / _RADIUS).clamp(min=1).log2().ceil()


def hold(A: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Return exp(A) and the integral of exp(A s) b over s from 0 to 1.

    Both are parts of one exponential, of A next to b above a row of zeros. It is
    correct for a singular A too, in value and derivatives.

    Args:
        A: (..., N, N), real or complex.
        b: (..., N) of the same dtype and leading dimensions.

    Returns:
        (..., N, N) and (..., N).
    """
    N = A.shape[-1]
    W = torch.nn.functional.pad(torch.cat([A, b.unsqueeze(-1)], -1), (0, 0, 0, 1))
    whole = None
    # Compilers and transforms of functions cannot read how often to halve.
    readable = not torch.compiler.is_compiling() and A.numel()
    if readable and _checks.readable(A) and _checks.readable(b):
        halvings = _halvings(A.reshape(-1, N, N))
        if bool(halvings.isfinite().all()):
            whole = _exponential(W.reshape(-1, N + 1, N + 1), halvings).view_as(W)
    whole = torch.matrix_exp(W) if whole is None else whole
    return whole[..., :N, :N], whole[..., :N, N]


def _exponential(W: Tensor, halvings: Tensor) -> Tensor:
    """exp(W), (H, N, N), by squaring each matrix as often as it is halved, (H,)."""
    count, order = halvings.sort(descending=True)
    X = _taylor((W * torch.exp2(-halvings).view(-1, 1, 1))[order])
    finished = []  # with the fewest squarings first
    for done in range(int(count[0]) + 1):
        left = int((count > done).sum())
        if left < len(X):
            X, ready = X.tensor_split([left])
            finished.append(ready)
        if left:
            X = X @ X
    return torch.cat(finished[::-1])[order.argsort()]

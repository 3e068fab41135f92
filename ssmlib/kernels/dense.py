"""The kernel of an SSM with a dense state matrix, fast and plain.

With l = q M + r, C A^l B = (C A^(q M)) (A^r B): about sqrt(L) rows and as many
columns, each made by doubling, and one matrix product that puts them together.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ssmlib import _checks
from ssmlib.kernels.diagonal import full_precision


def _split(L: int) -> tuple[int, int]:
    """(Q, M) with Q M >= L, M a power of two near sqrt(L)."""
    if torch.compiler.is_compiling():
        if torch.compiler.is_exporting() and not isinstance(L, int):
            raise NotImplementedError(
                "a dense kernel cannot be exported with L left open: how many products "
                "it takes depends on L; export it for one L"
            )
        return L // 64 + 1, 64
    M = 1 << round(math.log2(L) / 2)
    return -(-L // M), M


def krylov(A: Tensor, x: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """(A^j x for j < count, A^k for the power of two k >= count), by doubling.

    A (..., N, N), x (..., N), leading dimensions broadcasting -> (..., N, count).
    """
    found = x.unsqueeze(-1)
    while found.shape[-1] < count:
        found = torch.cat([found, A @ found], -1)
        A = A @ A
    return found[..., :count], A


def dense_kernel(
    A_bar: Tensor, B_bar: Tensor, C: Tensor, L: int, dtype: torch.dtype | None = None
) -> Tensor:
    """C A_bar^l B_bar for l = 0 .. L-1: (..., L).

    A_bar (..., N, N), B_bar and C (..., N), leading dimensions broadcasting. dtype:
    that of the last product and of the result, A_bar's own if None; the powers are
    formed in A_bar's, so that the error does not grow with L. Time O(N^3 log L + N L)
    as matrix products, memory O(N sqrt(L)) beside the result, autograd through both.
    Raises ValueError for L < 1. Derived in chapter `diagonal-is-enough`.
    """
    _checks.integer("L", L)
    Q, M = _split(L)
    dtype = A_bar.dtype if dtype is None else dtype
    with full_precision(A_bar.device):
        right, A_M = krylov(A_bar, B_bar, M)  # (..., N, M)
        left, _ = krylov(A_M.mT, C, Q)  # (..., N, Q)
        K = left.mT.to(dtype) @ right.to(dtype)  # (..., Q, M)
    return K.flatten(-2)[..., :L]


def dense_final_state(A_bar: Tensor, B_bar: Tensor, u: Tensor, state: Tensor) -> Tensor:
    """Where x_l = A_bar x_{l-1} + B_bar u_l stands after u, from x = state.

    A_bar (H, N, N), B_bar (H, N); u (B, H, L), state (B, H, N) -> (B, H, N).
    """
    L = u.shape[-1]
    Q, M = _split(L)
    with full_precision(u.device):
        columns, A_M = krylov(A_bar, B_bar, M)  # (H, N, M)
        padded = nn.functional.pad(u.to(A_bar.dtype), (Q * M - L, 0))
        blocks = padded.unfold(-1, M, M).flip(-1)  # (B, H, Q, M), newest first
        added = blocks @ columns.mT  # (B, H, Q, N), what each block adds
        # The first block has L - (Q - 1) M steps, which the state goes through too.
        begun, _ = krylov(A_bar, state, M + 1)
        begun = begun.select(-1, L - (Q - 1) * M).unsqueeze(-2)  # (B, H, 1, N)
        added = torch.cat([added[..., :1, :] + begun, added[..., 1:, :]], -2)
        while added.shape[-2] > 1:  # two neighbours become one
            added = nn.functional.pad(added, (0, 0, added.shape[-2] % 2, 0))
            added = added[..., ::2, :] @ A_M.mT + added[..., 1::2, :]
            A_M = A_M @ A_M
    return added.squeeze(-2)


def dense_kernel_reference(A_bar: Tensor, B_bar: Tensor, C: Tensor, L: int) -> Tensor:
    """The same kernel, power after power. Arguments and errors as `dense_kernel`."""
    _checks.integer("L", L)
    x, values = B_bar, []
    for _ in range(L):
        values.append((C * x).sum(-1))
        x = (A_bar @ x.unsqueeze(-1)).squeeze(-1)
    return torch.stack(values, -1)

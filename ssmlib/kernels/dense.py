"""The kernel of an SSM with a dense state matrix, fast and plain.

With l = q M + r, C A^l B = (C A^(q M)) (A^r B): about sqrt(L) rows and as many
columns, each made by doubling, and one matrix product that puts them together.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ssmlib import _checks
from ssmlib.kernels.tables import full_precision


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


_DTYPES = (torch.float32, torch.float64, torch.complex64, torch.complex128)
#: dtypes that a product may have
_RESULTS = (torch.float16, torch.bfloat16, *_DTYPES)


def _check(**parts: Tensor) -> None:
    """One dtype; a matrix (..., N, N) first, then vectors (..., N) that broadcast."""
    if torch.compiler.is_compiling():
        return
    _checks.one_dtype(_DTYPES, **parts)
    shapes = [tuple(part.shape) for part in parts.values()]
    N = shapes[0][-1:]
    if (
        len(shapes[0]) < 2
        or 0 in N
        or any(s[-1:] != N for s in (shapes[0][:-1], *shapes))
    ):
        names = ", ".join(list(parts)[1:])
        raise ValueError(
            f"{next(iter(parts))} must be (..., N, N) and {names} (..., N), got "
            + ", ".join(map(str, shapes))
        )
    leading = {name: part.shape for name, part in parts.items()}
    first = next(iter(parts))
    _checks.broadcast(**leading | {first: parts[first].shape[:-1]})


def krylov(A: Tensor, x: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return A^j x for j < count, and a power of A, by doubling.

    Args:
        A: (..., N, N), float or complex, in single or double precision.
        x: (..., N) of the same dtype, leading dimensions broadcasting.
        count: at least 1.

    Returns:
        The vectors (..., N, count), and A^k (..., N, N) for the lowest power of two
        k >= count.

    Raises:
        TypeError: for other dtypes, or a count that is not an integer.
        ValueError: for other shapes, or count < 1.
    """
    _check(A=A, x=x)
    _checks.integer("count", count)
    return _krylov(A, x, count)


def _krylov(A: Tensor, x: Tensor, count: int) -> tuple[Tensor, Tensor]:
    found = x.unsqueeze(-1)
    while found.shape[-1] < count:
        found = torch.cat([found, A @ found], -1)
        A = A @ A
    return found[..., :count], A


def dense_kernel(
    A_bar: Tensor, B_bar: Tensor, C: Tensor, L: int, dtype: torch.dtype | None = None
) -> Tensor:
    """Return the kernel C A_bar^l B_bar for l = 0 .. L-1.

    The powers are formed in A_bar's dtype, so that the error does not grow with L.
    Time O(N^3 log L + N L) as matrix products, memory O(N sqrt(L)) in addition to the
    result, autograd through both.

    Args:
        A_bar: (..., N, N), float or complex, in single or double precision.
        B_bar: (..., N) of the same dtype, leading dimensions broadcasting.
        C: as B_bar.
        L: length of the kernel.
        dtype: that of the last product and of the result, floating or complex, and
            complex for a complex A_bar; A_bar's own if None.

    Returns:
        (..., L).

    Raises:
        TypeError: for other dtypes, or an L that is not an integer.
        ValueError: for L < 1 or shapes that do not match.

    Source: derived in chapter `diagonal-is-enough`.
    """
    _checks.integer("L", L)
    _check(A_bar=A_bar, B_bar=B_bar, C=C)
    _checks.fits("L", L, L // 2)  # float32 perhaps
    Q, M = _split(L)
    dtype = A_bar.dtype if dtype is None else dtype
    wide = A_bar.is_complex()
    _checks.a_dtype(dtype, [d for d in _RESULTS if d.is_complex or not wide])
    with full_precision(A_bar.device):
        right, A_M = _krylov(A_bar, B_bar, M)  # (..., N, M)
        left, _ = _krylov(A_M.mT, C, Q)  # (..., N, Q)
        K = left.mT.to(dtype) @ right.to(dtype)  # (..., Q, M)
    return K.flatten(-2)[..., :L]


def dense_final_state(A_bar: Tensor, B_bar: Tensor, u: Tensor, state: Tensor) -> Tensor:
    """Return the state after the input u, from x = state.

    The recurrence is x_l = A_bar x_{l-1} + B_bar u_l.

    Args:
        A_bar: (H, N, N), float or complex, in single or double precision.
        B_bar: (H, N) of the same dtype.
        u: (B, H, L), real, L >= 1.
        state: (B, H, N).

    Returns:
        (B, H, N).

    Raises:
        TypeError: for other dtypes.
        ValueError: for shapes that do not match.
    """
    _check(A_bar=A_bar, B_bar=B_bar, state=state)
    if u.is_complex() or u.ndim != 3 or 0 in u.shape[-1:]:
        raise ValueError(f"u must be real, (B, H, L), got {u.dtype} {tuple(u.shape)}")
    L = u.shape[-1]
    Q, M = _split(L)
    with full_precision(u.device):
        columns, A_M = _krylov(A_bar, B_bar, M)  # (H, N, M)
        padded = nn.functional.pad(u.to(A_bar.dtype), (Q * M - L, 0))
        blocks = padded.unfold(-1, M, M).flip(-1)  # (B, H, Q, M), newest first
        added = blocks @ columns.mT  # (B, H, Q, N), what each block adds
        # The first block has L - (Q - 1) M steps, which the state goes through too.
        begun, _ = _krylov(A_bar, state, M + 1)
        begun = begun.select(-1, L - (Q - 1) * M).unsqueeze(-2)  # (B, H, 1, N)
        added = torch.cat([added[..., :1, :] + begun, added[..., 1:, :]], -2)
        while added.shape[-2] > 1:  # two neighbours become one
            added = nn.functional.pad(added, (0, 0, added.shape[-2] % 2, 0))
            added = added[..., ::2, :] @ A_M.mT + added[..., 1::2, :]
            A_M = A_M @ A_M
    return added.squeeze(-2)


def dense_kernel_reference(A_bar: Tensor, B_bar: Tensor, C: Tensor, L: int) -> Tensor:
    """Return the same kernel, one power after another.

    Args:
        A_bar: as `dense_kernel`.
        B_bar: as `dense_kernel`.
        C: as `dense_kernel`.
        L: as `dense_kernel`.

    Raises:
        TypeError: as `dense_kernel`.
        ValueError: as `dense_kernel`.
    """
    _checks.integer("L", L)
    _check(A_bar=A_bar, B_bar=B_bar, C=C)
    x, values = B_bar, []
    for _ in range(L):
        values.append((C * x).sum(-1))
        x = (A_bar @ x.unsqueeze(-1)).squeeze(-1)
    return torch.stack(values, -1)

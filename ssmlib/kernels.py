"""The kernel of a diagonal SSM, fast and plain.

With l = q M + r, exp(x l) = exp(x q M) exp(x r): two tables of about sqrt(L)
columns hold everything, and one real matrix product puts them together. Phases
are formed in float64 and only the finished tables are rounded, so the error does
not grow with L.
"""

from __future__ import annotations

import math
from contextlib import AbstractContextManager

import torch
from torch import Tensor

from ssmlib import _checks

REAL = {torch.complex64: torch.float32, torch.complex128: torch.float64}


def full_precision(device: torch.device) -> AbstractContextManager:
    """Autocast off: phases and Fourier transforms are never in half precision."""
    kind = "cpu" if device.type == "meta" else device.type
    return torch.autocast(kind, enabled=False)


def _split(L: int) -> tuple[int, int]:
    """(Q, M) with Q M >= L and both near sqrt(L)."""
    M = math.isqrt(L - 1) + 1
    return -(-L // M), M


def powers(x: Tensor, count: int, stride: int) -> tuple[Tensor, Tensor]:
    """Real and imaginary parts of exp(x stride j), j < count, in float64."""
    j = stride * torch.arange(count, device=x.device, dtype=torch.float64)
    decay = torch.exp(x.real.double().unsqueeze(-1) * j)  # (..., n, count)
    phase = x.imag.double().unsqueeze(-1) * j
    return decay * torch.cos(phase), decay * torch.sin(phase)


def vandermonde_product(v: Tensor, x: Tensor, L: int, dtype: torch.dtype) -> Tensor:
    """`log_vandermonde` unchecked, its matrix product in real `dtype`."""
    Q, M = _split(L)
    c, s = powers(x, Q, M)  # (..., n, Q)
    v_re, v_im = v.real.double().unsqueeze(-1), v.imag.double().unsqueeze(-1)
    coarse = torch.cat([v_re * c - v_im * s, -(v_re * s + v_im * c)], -2)
    fine = torch.cat(powers(x, M, 1), -2)  # (..., 2n, M)
    with full_precision(x.device):
        K = 2 * coarse.to(dtype).mT @ fine.to(dtype)  # (..., Q, M)
    return K.flatten(-2)[..., :L]


def final_states(u: Tensor, x: Tensor) -> Tensor:
    """sum_l exp(x_n (L-1-l)) u_l: where the recurrence stands after u.

    u (..., L) real; x (..., n) complex, leading dimensions broadcasting; (..., n)
    complex128. The transpose of `log_vandermonde`, by the same two tables.
    """
    L = u.shape[-1]
    Q, M = _split(L)
    reversed_u = torch.nn.functional.pad(u.flip(-1), (0, Q * M - L))
    blocks = reversed_u.unflatten(-1, (Q, M)).mT.double()  # (..., M, Q)
    with full_precision(x.device):
        inner = torch.complex(*(table @ blocks for table in powers(x, M, 1)))
    return (torch.complex(*powers(x, Q, M)) * inner).sum(-1)


def _check(v: Tensor, x: Tensor, L: int) -> None:
    _checks.whole("L", L)
    if v.dtype not in REAL or x.dtype != v.dtype:
        raise TypeError(
            "v and x must share one dtype, complex64 or complex128, got "
            f"{v.dtype} and {x.dtype}"
        )
    if v.ndim == 0 or v.shape[-1:] != x.shape[-1:]:
        raise ValueError(
            f"v and x must have the same last dimension, got {tuple(v.shape)} "
            f"and {tuple(x.shape)}"
        )
    try:
        torch.broadcast_shapes(v.shape, x.shape)
    except RuntimeError as error:
        raise ValueError(
            f"v and x must broadcast, got {tuple(v.shape)} and {tuple(x.shape)}"
        ) from error


def log_vandermonde(v: Tensor, x: Tensor, L: int) -> Tensor:
    """2 Re sum_n v_n exp(x_n l) for l = 0 .. L-1: a kernel from its stored modes.

    v, x (..., n), one dtype, complex64 or complex128, leading dimensions
    broadcasting; the result is (..., L) in the matching real dtype. Time O(n L)
    as a matrix product, memory O(n sqrt(L)) beside the result, autograd through
    both. In float32 the error stays below 2e-6 of the largest K (see the benchmarks).
    Raises ValueError for L < 1 or shapes that do not match, TypeError for dtypes.
    Source: S4D, Section 3; the two-level form is derived in notebook 01.
    """
    _check(v, x, L)
    v, x = torch.broadcast_tensors(v, x)
    return vandermonde_product(v, x, L, REAL[v.dtype])


def log_vandermonde_reference(v: Tensor, x: Tensor, L: int) -> Tensor:
    """The same sum as S4D's listing writes it: O(n L) memory, phases in v's dtype.

    Arguments, result and errors as `log_vandermonde`.
    """
    _check(v, x, L)
    v, x = torch.broadcast_tensors(v, x)
    l = torch.arange(L, device=x.device)
    return 2 * torch.einsum("...n,...nl->...l", v, torch.exp(x[..., None] * l)).real

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


def powers(x: Tensor, count: int, stride: int, dtype: torch.dtype) -> Tensor:
    """exp(x stride j) for j < count: (..., n, count) complex, rounded from float64."""
    j = stride * torch.arange(count, device=x.device, dtype=torch.float64)
    decay = torch.exp(x.real.double().unsqueeze(-1) * j)
    phase = x.imag.double().unsqueeze(-1) * j
    re, im = torch.cos(phase).mul_(decay), torch.sin(phase).mul_(decay)
    return torch.complex(re.to(dtype), im.to(dtype))


def _stacked(z: Tensor, sign: int = 1) -> Tensor:
    """Real and imaginary parts one above the other: (..., n, k) -> (..., 2n, k) real.

    Contiguous: a batched product copies a strided operand matrix by matrix.
    """
    return torch.cat([z.real, sign * z.imag], -2)


class _TwoLevel(torch.autograd.Function):
    """2 Re sum_n v_n exp(x_n (q M + r)) as (..., Q, M), keeping the rounded tables.

    Left to itself, autograd would keep every float64 step of their making.
    """

    @staticmethod
    def forward(ctx, v: Tensor, x: Tensor, Q: int, M: int, dtype: torch.dtype):
        coarse, fine = powers(x, Q, M, dtype), powers(x, M, 1, dtype)
        v_cast = v.to(coarse.dtype).unsqueeze(-1)
        ctx.save_for_backward(v_cast, coarse, fine)
        ctx.dtypes = v.dtype, x.dtype
        with full_precision(x.device):
            return _stacked(v_cast * coarse, -1).mT @ _stacked(fine).mul_(2)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad: Tensor):
        v, coarse, fine = ctx.saved_tensors
        with full_precision(grad.device):
            # Wirtinger: the gradient of Re(a b) in a is conj(b).
            d_weighted = _conjugate_product(fine, 2 * grad.mT)  # (..., n, Q)
            d_fine = _conjugate_product(v * coarse, 2 * grad)  # (..., n, M)
        d_coarse = d_weighted.mul_(coarse.conj())
        d_v = d_coarse.sum(-1)
        Q, M = grad.shape[-2:]
        steps = torch.arange(Q, device=v.device, dtype=grad.dtype) * M
        d_x = (d_coarse * steps).sum(-1) * v.squeeze(-1).conj()
        steps = torch.arange(M, device=v.device, dtype=grad.dtype)
        d_x = d_x + (d_fine.mul_(fine.conj()) * steps).sum(-1)
        v_type, x_type = ctx.dtypes
        return d_v.to(v_type), d_x.to(x_type), None, None, None


def _conjugate_product(a: Tensor, g: Tensor) -> Tensor:
    """conj(a) @ g for complex a (..., n, k) and real g."""
    re, im = (_stacked(a, -1) @ g).chunk(2, -2)
    return torch.complex(re, im)


def vandermonde_product(v: Tensor, x: Tensor, L: int, dtype: torch.dtype) -> Tensor:
    """`log_vandermonde` unchecked, its matrix product in real `dtype`."""
    K = _TwoLevel.apply(v, x, *_split(L), dtype)
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
    x = x.to(torch.complex128).unsqueeze(-1)
    fine = torch.exp(x * torch.arange(M, device=x.device))  # (..., n, M)
    with full_precision(x.device):
        inner = torch.complex(fine.real @ blocks, fine.imag @ blocks)
    coarse = torch.exp(x * (M * torch.arange(Q, device=x.device)))
    return (coarse * inner).sum(-1)


def _check(v: Tensor, x: Tensor, L: int) -> None:
    _checks.integer("L", L)
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
    Source: S4D, Section 3; the two-level form, chapter `state-space-models`.
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

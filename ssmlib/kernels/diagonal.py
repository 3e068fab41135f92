"""The kernel of a diagonal SSM, with a plain reference.

Two tables contain all factors of the powers exp(x l), and one real matrix product
combines them.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ssmlib import _checks
from ssmlib.kernels.compiled import real_product
from ssmlib.kernels.tables import (
    COMPLEX,
    REAL,
    conjugate,
    full_precision,
    one_by_one,
    plain_tables,
    split,
    stacked,
    tables,
)


def _halves(coarse: Tensor, fine: Tensor) -> tuple[Tensor, Tensor]:
    """Return the tables as `_product` needs them: the second one as real numbers."""
    return coarse, stacked(fine)


def _product(v: Tensor, coarse: Tensor, fine: Tensor) -> Tensor:
    """Return the kernel from the tables, (..., Q, M), by differentiable operations."""
    # Conjugates, for Re(a b) is the real product of conj(a)'s parts with b's.
    weights = conjugate(2 * v).to(coarse.dtype).unsqueeze(-1)
    with full_precision(v.device):
        return stacked(weights * coarse).mT @ fine


class _Product(torch.autograd.Function):
    """`_product` as one operation, with its gradient in closed form.

    With G the gradient of K and e = exp(x l), the gradients are 2 sum_l G conj(e) in v,
    and 2 conj(v) sum_l l G conj(e) in x: two sums over the tables that are there
    already. If a gradient or a tangent is to be differentiated again, the tables are
    computed from x once more, by operations that autograd records.
    """

    @staticmethod
    def forward(v: Tensor, x: Tensor, Q: int, M: int, dtype: torch.dtype):
        coarse, fine = _halves(*plain_tables(x, Q, M, dtype))
        return _product(v, coarse, fine), coarse, fine

    @staticmethod
    def setup_context(ctx, inputs, output):
        v, x, *ctx.options = inputs
        ctx.mark_non_differentiable(*output[1:])
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(v, x, *output[1:])
        ctx.save_for_forward(v, x)

    @staticmethod
    def backward(ctx, G: Tensor | None, *_):  # pyright: ignore[reportIncompatibleMethodOverride]
        if G is None:
            return None, None, None, None, None
        v, x, coarse, fine = ctx.saved_tensors
        if torch.is_grad_enabled():
            coarse, fine = _halves(*tables(x, *ctx.options))
        n, Q = coarse.shape[-2:]
        both = torch.cat([G, G * _delays(G)], -2)  # (..., 2Q, M)
        with full_precision(G.device):
            inner = both @ fine.mT
        inner = torch.complex(inner[..., :n], -inner[..., n:])  # (..., 2Q, n)
        outer = 2 * coarse.mT
        of_v, of_x = ((outer * part).sum(-2) for part in inner.split(Q, -2))
        of_x = conjugate(v) * of_x
        return of_v.to(v.dtype), of_x.to(x.dtype), None, None, None

    @staticmethod
    def jvp(ctx, d_v: Tensor | None, d_x: Tensor | None, *_):  # pyright: ignore[reportIncompatibleMethodOverride]
        v, x = ctx.saved_tensors
        halves = _halves(*tables(x, *ctx.options))
        d_v = torch.zeros_like(v) if d_v is None else d_v
        d_K = _product(d_v, *halves)
        if d_x is not None:
            by_x = _product(v * d_x, *halves)
            d_K = d_K + by_x * _delays(by_x)
        return d_K, None, None

    @staticmethod
    def vmap(info, in_dims, v: Tensor, x: Tensor, *options):  # pyright: ignore[reportIncompatibleMethodOverride]
        v, x = (
            t.expand(info.batch_size, *t.shape) if at is None else t.movedim(at, 0)
            for t, at in zip((v, x), in_dims[:2], strict=True)
        )
        return _Product.apply(v, x, *options), (0, 0, 0)


def _delays(K: Tensor) -> Tensor:
    """Return the delays l = q M + r of a kernel (..., Q, M), in its dtype: (Q, M)."""
    Q, M = K.shape[-2:]
    return torch.arange(Q * M, device=K.device, dtype=K.dtype).view(Q, M)


def vandermonde_product(v: Tensor, x: Tensor, L: int, dtype: torch.dtype) -> Tensor:
    """Return `log_vandermonde`, its inputs unchecked, its product in another dtype.

    Args:
        v: (..., n) complex.
        x: (..., n) complex.
        L: length of the kernel.
        dtype: of the matrix product and of the result, float32 or float64.

    Returns:
        (..., L).

    Raises:
        TypeError: for another dtype.
    """
    _checks.a_dtype(dtype, COMPLEX)
    if torch.compiler.is_compiling():
        x = x.to(torch.complex128)
        return real_product((v.real, v.imag), (x.real, x.imag), L, dtype)
    if v.shape == x.shape and not one_by_one():
        K = _Product.apply(v, x, *split(L), dtype)[0]
    else:
        K = _product(v, *_halves(*tables(x, *split(L), dtype)))
    return K.flatten(-2)[..., :L]


def _check_inputs(u: Tensor, x: Tensor) -> None:
    for name, value, kind in (("u", u, "real"), ("x", x, "complex")):
        if _checks.is_tensor(name, value).is_complex() != (kind == "complex"):
            raise TypeError(f"{name} must be {kind}, got {value.dtype}")
    if not u.ndim or not x.ndim or u.shape[-1] == 0:
        raise ValueError(
            f"u must be (..., L) with L >= 1 and x (..., n), got {tuple(u.shape)} "
            f"and {tuple(x.shape)}"
        )
    _checks.broadcast(u=u.shape[:-1], x=x.shape[:-1])


def final_states(u: Tensor, x: Tensor) -> Tensor:
    """Return the state of the recurrence after u: sum_l exp(x_n (L-1-l)) u_l.

    The transpose of `log_vandermonde`, by the same two tables.

    Args:
        u: (..., L) real, L >= 1.
        x: (..., n) complex, leading dimensions broadcasting.

    Returns:
        (..., n) complex128.

    Raises:
        TypeError: if u is not real, or x not complex.
        ValueError: for shapes that do not match.
    """
    if not torch.compiler.is_compiling():
        _check_inputs(u, x)
    L = u.shape[-1]
    Q, M = split(L)
    reversed_u = torch.nn.functional.pad(u.flip(-1), (0, Q * M - L))
    # No reshape, which asks an export to factor the length.
    blocks = reversed_u.unfold(-1, M, M).double()  # (..., Q, M)
    x = x.to(torch.complex128).unsqueeze(-2)  # (..., 1, n)
    steps = torch.arange(M, device=x.device).unsqueeze(-1)
    fine = torch.exp(x * steps)  # (..., M, n)
    with full_precision(x.device):
        inner = torch.complex(blocks @ fine.real, blocks @ fine.imag)  # (..., Q, n)
    steps = M * torch.arange(Q, device=x.device).unsqueeze(-1)
    return (torch.exp(x * steps) * inner).sum(-2)


def _check(v: Tensor, x: Tensor, L: int) -> None:
    _checks.integer("L", L)
    _checks.one_dtype(REAL, v=v, x=x)
    if v.ndim == 0 or v.shape[-1:] != x.shape[-1:]:
        raise ValueError(
            f"v and x must have the same last dimension, got {tuple(v.shape)} "
            f"and {tuple(x.shape)}"
        )
    _checks.broadcast(v=v.shape, x=x.shape)


def log_vandermonde(v: Tensor, x: Tensor, L: int) -> Tensor:
    """Return 2 Re sum_n v_n exp(x_n l) for l < L: a kernel from its stored modes.

    Time O(n L) as a matrix product, memory O(n sqrt(L)) in addition to the result,
    autograd through both. In float32 the error stays below 2e-6 of the largest K (see
    the benchmarks).

    Args:
        v: (..., n), complex64 or complex128.
        x: (..., n) of the same dtype, leading dimensions broadcasting.
        L: length of the kernel.

    Returns:
        (..., L) in the matching real dtype.

    Raises:
        TypeError: for other dtypes, or an L that is not an integer.
        ValueError: for L < 1 or shapes that do not match.

    Source: S4D, Section 3; the two-level form, chapter `state-space-models`.
    """
    _check(v, x, L)
    v, x = torch.broadcast_tensors(v, x)
    _checks.fits("L", L, v.shape[:-1].numel() * L // 2)  # float32 perhaps
    return vandermonde_product(v, x, L, REAL[v.dtype])


def log_vandermonde_reference(v: Tensor, x: Tensor, L: int) -> Tensor:
    """Return the same sum as S4D's listing has it, with phases in v's dtype.

    It takes O(n L) memory.

    Args:
        v: as `log_vandermonde`.
        x: as `log_vandermonde`.
        L: as `log_vandermonde`.

    Raises:
        TypeError: as `log_vandermonde`.
        ValueError: as `log_vandermonde`, or if the terms do not fit into memory.
    """
    _check(v, x, L)
    v, x = torch.broadcast_tensors(v, x)
    _checks.fits("L", L, 2 * v.numel() * L)
    l = torch.arange(L, device=x.device)
    return 2 * torch.einsum("...n,...nl->...l", v, torch.exp(x[..., None] * l)).real

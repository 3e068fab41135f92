"""The kernel of a diagonal SSM, with a plain reference.

With l = q M + r, exp(x l) = exp(x q M) exp(x r). Two tables of about sqrt(L) columns
contain all factors, and one real matrix product combines them. The tables are computed
in float64 and only rounded at the end, so that the error does not grow with L.
"""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from ssmlib import _checks

REAL = {torch.complex64: torch.float32, torch.complex128: torch.float64}
COMPLEX = {real: kind for kind, real in REAL.items()}


def full_precision(device: torch.device) -> AbstractContextManager:
    """Return a context without autocast: phases need full precision.

    Args:
        device: of the tensors.
    """
    kind = "cpu" if device.type == "meta" else device.type
    if not torch.is_autocast_enabled(kind):
        return nullcontext()  # the other costs a fifth of a dense recurrence's step
    return torch.autocast(kind, enabled=False)


def _split(L: int) -> tuple[int, int]:
    """(Q, M) with Q M >= L, both near sqrt(L)."""
    if torch.compiler.is_compiling():
        # A fixed M, and Q never 1: one graph serves every length.
        return L // 64 + 2, 64
    M = math.isqrt(L - 1) + 1
    return -(-L // M), M


def conjugate(z: Tensor) -> Tensor:
    """Return conj(z) as a tensor of its own.

    `torch.func` cannot take the real and imaginary parts of a lazy conjugate.

    Args:
        z: complex, any shape.
    """
    return torch.complex(z.real, -z.imag)


def _exp(x: Tensor) -> Tensor:
    """Return exp(x), complex128, from real functions, which run several at a time."""
    decay = torch.exp(x.real)
    re, im = torch.cos(x.imag) * decay, torch.sin(x.imag) * decay
    return torch.complex(re, im)


def _powers(x: Tensor, stride: int, count: int, dtype: torch.dtype) -> Tensor:
    """Return exp(x stride j) for j < count, rounded from float64.

    The result is complex, (..., n, count). It is computed by products, because sines
    and cosines are the cost of a table. The error is count times the rounding of
    float64, as for a phase of count radians.
    """
    x = stride * x.to(torch.complex128)
    if torch.compiler.is_compiling():  # a compiler makes one loop of the plain form
        j = torch.arange(count, device=x.device, dtype=torch.float64)
        return _exp(x.unsqueeze(-1) * j).to(COMPLEX[dtype])
    table = _exp(x).unsqueeze(-1).repeat(*[1] * x.ndim, count)
    table[..., 0] = 1
    return table.cumprod(-1).to(COMPLEX[dtype])


class _Tables(torch.autograd.Function):
    """The tables conj exp(x M q), q < Q, and exp(x r), r < M, rounded.

    By default autograd would save every float64 intermediate. The output is saved
    instead, so that a second derivative can be computed from it.
    """

    @staticmethod
    def forward(x: Tensor, Q: int, M: int, dtype: torch.dtype):
        return _powers(x.conj(), M, Q, dtype), _powers(x, 1, M, dtype)

    @staticmethod
    def setup_context(ctx, inputs, output):
        x, _, ctx.M, _ = inputs
        ctx.save_for_backward(*output)
        ctx.save_for_forward(*output)
        ctx.dtype = x.dtype

    @staticmethod
    def _exponents(ctx, coarse: Tensor) -> tuple[Tensor, Tensor]:
        Q, like = coarse.shape[-1], coarse.real
        steps = ctx.M * torch.arange(Q, device=like.device, dtype=like.dtype)
        return steps, torch.arange(ctx.M, device=like.device, dtype=like.dtype)

    @staticmethod
    def backward(ctx, d_coarse: Tensor, d_fine: Tensor):  # pyright: ignore[reportIncompatibleMethodOverride]
        coarse, fine = ctx.saved_tensors
        steps, rest = _Tables._exponents(ctx, coarse)
        # Wirtinger: the gradient of Re(a b) in a is conj(b).
        d_x = conjugate((d_coarse * conjugate(coarse) * steps).sum(-1))
        d_x = d_x + (d_fine * conjugate(fine) * rest).sum(-1)
        return d_x.to(ctx.dtype), None, None, None

    @staticmethod
    def jvp(ctx, tangent: Tensor, *_):  # pyright: ignore[reportIncompatibleMethodOverride]
        coarse, fine = ctx.saved_tensors
        steps, rest = _Tables._exponents(ctx, coarse)
        tangent = tangent.to(fine.dtype).unsqueeze(-1)
        return conjugate(tangent) * coarse * steps, tangent * fine * rest

    @staticmethod
    def vmap(info, in_dims, x: Tensor, *rest):  # pyright: ignore[reportIncompatibleMethodOverride]
        return _Tables.apply(x.movedim(in_dims[0], 0), *rest), (0, 0)


def _tables(x: Tensor, L: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Return conj exp(x M q), (..., n, Q), and exp(x r), (..., n, M)."""
    if torch.compiler.is_compiling():
        # The compiler chooses what to keep, and knows no `jvp` of one's own.
        return _Tables.forward(x, *_split(L), dtype)
    return _Tables.apply(x, *_split(L), dtype)


def powers(x: Tensor, count: int, dtype: torch.dtype) -> Tensor:
    """Return exp(x j) for j < count, rounded from float64.

    Args:
        x: (..., n) complex.
        count: at least 1.
        dtype: float32 or float64, that of the result's parts.

    Returns:
        (..., n, count) complex.

    Raises:
        TypeError: for an x that is not complex, or a count that is not an integer.
        ValueError: for count < 1 or another dtype.
    """
    if not _checks.is_tensor("x", x).is_complex():
        raise TypeError(f"x must be complex, got {x.dtype}")
    _checks.integer("count", count)
    _checks.one_of("dtype", dtype, COMPLEX)
    return _Tables.apply(x, 1, count, dtype)[1]


def stacked(z: Tensor) -> Tensor:
    """Return the real parts above the imaginary parts, contiguous.

    A batched product copies a strided operand matrix by matrix.

    Args:
        z: (..., n, k) complex.

    Returns:
        (..., 2n, k) real.
    """
    return torch.cat(torch.view_as_real(z).unbind(-1), -2)


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
        coarse, fine = _halves(*_Tables.forward(x, Q, M, dtype))
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
            coarse, fine = _halves(*_Tables.apply(x, *ctx.options))
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
        tables = _halves(*_Tables.apply(x, *ctx.options))
        d_v = torch.zeros_like(v) if d_v is None else d_v
        d_K = _product(d_v, *tables)
        if d_x is not None:
            by_x = _product(v * d_x, *tables)
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
    if torch.compiler.is_compiling():  # a slice asks an export to prove L <= Q M
        K = _product(v, *_halves(*_tables(x, L, dtype))).flatten(-2)
        return K.index_select(-1, torch.arange(L, device=K.device))
    if v.shape == x.shape:
        K = _Product.apply(v, x, *_split(L), dtype)[0]
    else:
        K = _product(v, *_halves(*_tables(x, L, dtype)))
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
    Q, M = _split(L)
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

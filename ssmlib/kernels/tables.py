"""_Tables of powers exp(x l), of which the kernel of a diagonal SSM is a product.

With l = q M + r, exp(x l) = exp(x q M) exp(x r). Two tables of about sqrt(L) columns
contain all factors. They are computed in float64 and only rounded at the end, so that
the error does not grow with L.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor
from torch._C import _functorch  # pyright: ignore[reportAttributeAccessIssue]

from ssmlib import _checks

REAL = {torch.complex64: torch.float32, torch.complex128: torch.float64}
COMPLEX = {real: kind for kind, real in REAL.items()}
Pair = tuple[Tensor, Tensor]


def full_precision(device: torch.device) -> AbstractContextManager:
    """Return a context without autocast: phases need full precision.

    Args:
        device: of the tensors.
    """
    kind = "cpu" if device.type == "meta" else device.type
    if not torch.is_autocast_enabled(kind):
        return nullcontext()  # the other costs a fifth of a dense recurrence's step
    return torch.autocast(kind, enabled=False)


def one_by_one() -> bool:
    """Return whether to use plain operations in place of an `autograd.Function`.

    A compiler cannot trace the `jvp` of a Function. PyTorch calls this `jvp` with
    forward mode turned off, so that the tangent of its result would silently be 0 in
    nested forward mode, such as `jacfwd(jacfwd(f))`.
    """
    if torch.compiler.is_compiling():
        return True
    levels = _functorch.get_interpreter_stack() or ()
    return sum(level.key() == _functorch.TransformType.Jvp for level in levels) > 1


def plain_autograd(*tensors: Tensor) -> bool:
    """Return whether at most reverse-mode derivatives are asked for, and no tracing.

    Args:
        tensors: those whose values are to be read.
    """
    if torch.compiler.is_compiling():
        return False
    # PyTorch has no public test of whether a forward-mode level is open.
    forward = torch.autograd.forward_ad._current_level >= 0
    stack = _functorch.get_interpreter_stack()
    tracing = torch.jit.is_tracing()  # pyright: ignore[reportPrivateImportUsage]
    return not (forward or stack or tracing) and all(map(_checks.readable, tensors))


def recorded(
    plain: Callable, inputs: Sequence[Tensor], G: Tensor | Sequence[Tensor]
) -> list[Tensor | None]:
    """Return the gradients of a function, by operations that autograd records.

    Args:
        plain: a function of the inputs.
        inputs: its arguments, those that a Function was called with.
        G: the gradients of its results.
    """
    wanted = [x for x in inputs if x.requires_grad]
    with torch.enable_grad():
        results = plain(*inputs)
    found = iter(
        torch.autograd.grad(results, wanted, G, create_graph=True, allow_unused=True)
    )
    return [next(found) if x.requires_grad else None for x in inputs]


def split(L: int) -> tuple[int, int]:
    """Return (Q, M) with Q M >= L, both near sqrt(L).

    Args:
        L: length of the kernel, at least 1.
    """
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
    if one_by_one():  # a compiler makes one loop of the plain form
        j = torch.arange(count, device=x.device, dtype=torch.float64)
        return _exp(x.unsqueeze(-1) * j).to(COMPLEX[dtype])
    table = _exp(x).unsqueeze(-1).repeat(*[1] * x.ndim, count)
    table[..., 0] = 1
    return table.cumprod(-1).to(COMPLEX[dtype])


def plain_tables(x: Tensor, Q: int, M: int, dtype: torch.dtype) -> Pair:
    """Return the results of `tables`, by operations that autograd records one by one.

    Args:
        x: as `tables`.
        Q: as `tables`.
        M: as `tables`.
        dtype: as `tables`.
    """
    return _powers(x.conj(), M, Q, dtype), _powers(x, 1, M, dtype)


class _Tables(torch.autograd.Function):
    """The tables conj exp(x M q), q < Q, and exp(x r), r < M, rounded.

    By default autograd would save every float64 intermediate. The output is saved
    instead, so that a second derivative can be computed from it.
    """

    @staticmethod
    def forward(x: Tensor, Q: int, M: int, dtype: torch.dtype):
        return plain_tables(x, Q, M, dtype)

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


def tables(x: Tensor, Q: int, M: int, dtype: torch.dtype) -> Pair:
    """Return conj exp(x M q) for q < Q, and exp(x r) for r < M, rounded.

    Args:
        x: (..., n) complex.
        Q: number of columns of the first table, at least 1.
        M: number of columns of the second table, at least 1.
        dtype: float32 or float64, that of the tables' parts.

    Returns:
        (..., n, Q) and (..., n, M), complex.
    """
    if one_by_one():  # a compiler chooses what to keep
        return plain_tables(x, Q, M, dtype)
    return _Tables.apply(x, Q, M, dtype)


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
    return tables(x, 1, count, dtype)[1]


def stacked(z: Tensor) -> Tensor:
    """Return the real parts above the imaginary parts, contiguous.

    A batched product copies a strided operand matrix by matrix.

    Args:
        z: (..., n, k) complex.

    Returns:
        (..., 2n, k) real.
    """
    return torch.cat(torch.view_as_real(z).unbind(-1), -2)

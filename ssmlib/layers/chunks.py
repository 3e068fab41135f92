"""The causal convolution in chunks of M steps: matrix products, no Fourier transform.

A chunk is multiplied by a Toeplitz block, and the state connects the chunks, as in
"Transformers are SSMs" (arXiv 2405.21060), but with a state per feature. The output is
exactly 0 where the input has been 0 so far.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from ssmlib.kernels import conjugate, powers
from ssmlib.kernels.tables import one_by_one


class _Scan(torch.autograd.Function):
    """s_0 = 0, s_{k+1} = a s_k + v_k, k < T: v and s (..., T, B, n), a (..., 1, n).

    The state is carried in a's double precision, and stored in v's. reverse: from the
    last k to the first. M: steps per chunk, or 0 for no chunks.
    """

    @staticmethod
    def forward(v: Tensor, a: Tensor, reverse: bool, M: int) -> Tensor:
        return _chunks(v, a, reverse, M) if M else _steps(v, a, reverse)

    @staticmethod
    def setup_context(ctx, inputs, output):
        _, a, *ctx.options = inputs
        ctx.save_for_backward(a, output)
        ctx.save_for_forward(a, output)

    @staticmethod
    def backward(ctx, grad: Tensor):  # pyright: ignore[reportIncompatibleMethodOverride]
        a, states = ctx.saved_tensors
        # The same recurrence, from the other end.
        reverse, M = ctx.options
        d_v = _Scan.apply(grad, conjugate(a), not reverse, M)
        d_a = (conjugate(states) * d_v).sum((-3, -2)).unsqueeze(-2)
        return d_v, d_a.to(a.dtype), None, None

    @staticmethod
    def jvp(ctx, d_v: Tensor, d_a: Tensor, *_):  # pyright: ignore[reportIncompatibleMethodOverride]
        a, states = ctx.saved_tensors
        pushed = (d_a.unsqueeze(-3) * states).to(states.dtype)
        return _Scan.apply(pushed + d_v, a, *ctx.options)

    @staticmethod
    def vmap(info, in_dims, v: Tensor, a: Tensor, *options):  # pyright: ignore[reportIncompatibleMethodOverride]
        v, a = (
            t.expand(info.batch_size, *t.shape) if dim is None else t.movedim(dim, 0)
            for t, dim in zip((v, a), in_dims[:2], strict=True)
        )
        return _Scan.apply(v, a, *options), 0


def _steps(v: Tensor, a: Tensor, reverse: bool) -> Tensor:
    out = torch.zeros_like(v)
    state = torch.zeros_like(v.select(-3, 0), dtype=a.dtype)
    pairs = list(zip(v.unbind(-3), out.unbind(-3), strict=True))
    pairs = pairs[::-1] if reverse else pairs
    for (v_k, _), (_, next_k) in pairwise(pairs):
        if v.dtype == a.dtype:
            state = torch.addcmul(v_k, state, a, out=next_k)
        else:
            state = torch.addcmul(v_k, state, a)
            next_k.copy_(state)
    return out


def _chunks(v: Tensor, a: Tensor, reverse: bool, M: int) -> Tensor:
    """All chunks step by step together, then the states between the chunks."""
    T = v.shape[-3]
    K = -(-T // M)
    v = nn.functional.pad(v, (0, 0, 0, 0, 0, K * M - T)).unflatten(-3, (K, M))
    a = a.unsqueeze(-3)  # (..., 1, 1, n)
    powers = a.repeat_interleave(M + 1, -3)
    powers[..., 0, :, :] = 1
    powers = powers.cumprod(-3)  # (..., M + 1, 1, n)
    near = a.to(v.dtype)
    within = _steps(v, near, reverse)  # (..., K, M, B, n)
    end = 0 if reverse else M - 1
    added = torch.addcmul(v.select(-3, end), within.select(-3, end), near)
    begun = _steps(added, powers[..., M, :, :], reverse)  # (..., K, B, n)
    powers = powers[..., :M, :, :].unsqueeze(-4).to(v.dtype)
    powers = powers.flip(-3) if reverse else powers
    return within.addcmul_(powers, begun.unsqueeze(-3)).flatten(-4, -3)[..., :T, :, :]


def scan(v: Tensor, a: Tensor, M: int = 0) -> Tensor:
    """Return the states s_k of s_0 = 0, s_{k+1} = a s_k + v_k.

    Args:
        v: (..., T, B, n) complex.
        a: (..., 1, n) complex. A state is carried in the dtype of a, and stored in that
            of v.
        M: steps per chunk, or 0 for no chunks. Within a chunk the state is carried in
            the dtype of v.

    Returns:
        The T states before each v_k, shaped like v.
    """
    if not one_by_one():
        return _Scan.apply(v, a, False, M)
    states = [torch.zeros_like(v.select(-3, 0), dtype=a.dtype)]
    for v_k in v.unbind(-3)[:-1]:
        states.append(torch.addcmul(v_k, states[-1], a))
    return torch.stack(states, -3).to(v.dtype)


def toeplitz(K: Tensor) -> Tensor:
    """Return the matrix whose row j is K shifted by j, with zeros before it.

    Args:
        K: (..., M), real.

    Returns:
        (..., M, M).
    """
    M = K.shape[-1]
    rows = nn.functional.pad(K, (0, M)).unsqueeze(-2).expand(*K.shape, 2 * M)
    rows = rows.flatten(-2)[..., : M * (2 * M - 1)]
    return rows.unflatten(-1, (M, 2 * M - 1))[..., :M]


def chunk_length(u: Tensor, N: int) -> int:
    """Return the number of steps per chunk, or 0 where the Fourier transform is faster.

    The limits were measured on a CPU by `make bench`. A compiler or an export always
    gets 0, so that one form serves all lengths.

    Args:
        u: (B, H, L), the input.
        N: real state size.
    """
    B, _, L = u.shape
    if torch.compiler.is_compiling() or u.device.type != "cpu" or L < 4096 or N > 64:
        return 0
    return 64 if B * L < 2**15 else 128


def chunked(u: Tensor, v: Tensor, x: Tensor, D: Tensor | None, M: int) -> Tensor:
    """Return the convolution with a diagonal layer's kernel, computed in chunks.

    It is y_l = D u_l + sum_{k <= l} K_k u_{l-k}, with K_k = 2 Re sum_n v_n exp(x_n k).

    Args:
        u: (B, H, L), real.
        v: (H, n) complex128.
        x: (H, n) complex128.
        D: (H,), the skip term, or None.
        M: steps per chunk.

    Returns:
        (B, H, L) in the dtype of u.
    """
    B, H, L = u.shape
    T = -(-L // M)
    padded = u if T * M == L else nn.functional.pad(u, (0, T * M - L))
    U = padded.unflatten(-1, (T, M))
    U = U.permute(1, 2, 0, 3).reshape(H, T * B, M)
    E = powers(x, M + 1, u.dtype)  # (H, n, M + 1)
    W = (2 * v).to(E.dtype).unsqueeze(-1) * E
    into = torch.view_as_real(E[..., :M].flip(-1).mT).flatten(-2)  # (H, M, 2n)
    outof = torch.view_as_real(conjugate(W[..., 1:])).transpose(-1, -2).flatten(-3, -2)
    K = W[..., :M].real.sum(-2)  # (H, M)
    if D is not None:
        K = K + nn.functional.pad(D.unsqueeze(-1), (0, M - 1))
    added = torch.view_as_complex((U @ into).unflatten(-1, (-1, 2)))  # (H, T B, n)
    turn = torch.exp(x * M).unsqueeze(-2)
    states = scan(added.unflatten(1, (T, B)), turn)  # (H, T, B, n)
    states = torch.view_as_real(states).flatten(-2).flatten(1, 2)  # (H, T B, 2n)
    y = torch.baddbmm(U @ toeplitz(K), states, outof)  # (H, T B, M)
    y = y.view(H, T, B, M).permute(2, 0, 1, 3).flatten(-2)
    return y if T * M == L else y[..., :L]

"""The kernel of dense systems whose matrices are squared from blocks and a low rank.

The matrix of feature h for one step is X^(2^k), where X has one 2 x 2 block per mode
and a part of low rank. The squarings are the only products of N x N matrices in the
forward pass. The gradient takes two products for each of them, in the precision of the
kernel.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ssmlib.kernels.dense import dense_kernel
from ssmlib.kernels.tables import full_precision, recorded

_STEPS = 32  # products of a row with a matrix that take as long as one squaring or two


class Factors(NamedTuple):
    """The parts of X and its input weights, for H features of N/2 modes each.

    Args:
        blocks: (H, N/2) complex128, z for a block [[Re z, -Im z], [Im z, Re z]]; the
            real parts of the modes come first, then the imaginary parts.
        V: (H, m, N) float64.
        W: (H, m, N) float64; X is the matrix of the blocks plus V^T W.
        b: (H, N) float64, the input weights of one step by X.
    """

    blocks: Tensor
    V: Tensor
    W: Tensor
    b: Tensor


def squared_kernel_reference(
    factors: Factors, C: Tensor, counts: Sequence[int], L: int, dtype: torch.dtype
) -> Tensor:
    """Return the result of `squared_kernel`, by plain differentiable operations.

    Args:
        factors: as `squared_kernel`.
        C: as `squared_kernel`.
        counts: as `squared_kernel`.
        L: as `squared_kernel`.
        dtype: as `squared_kernel`.
    """
    z, V, W, b = factors
    re, im = torch.diag_embed(z.real), torch.diag_embed(z.imag)
    blocks = torch.cat([torch.cat([re, -im], -1), torch.cat([im, re], -1)], -2)
    X = blocks + V.mT @ W
    for n in counts:
        half = X[:n]
        whole = b[:n] + (half @ b[:n].unsqueeze(-1)).squeeze(-1)
        b, X = torch.cat([whole, b[n:]]), torch.cat([half @ half, X[n:]])
    return dense_kernel(X, b, C, L, dtype)


def squared_kernel(
    factors: Factors, C: Tensor, counts: Sequence[int], L: int, dtype: torch.dtype
) -> Tensor:
    """Return the kernel of the steps that are made by doubling those of X.

    A step of twice the length has the matrix X^2 and the input weights b + X b.

    Args:
        factors: of the shortest step of each feature.
        C: (..., H, N) float64.
        counts: the number of features that are doubled at least once, at least twice,
            and so on. These features come first.
        L: length of the kernel, at least 1.
        dtype: of the result and of the gradient's products, float32 or float64.

    Returns:
        (..., H, L).
    """
    with full_precision(C.device):
        keep = torch.is_grad_enabled()
        return _Kernel.apply(*factors, C, tuple(counts), L, dtype, keep)


def _diagonals(X: Tensor) -> tuple[Tensor, ...]:
    """Return views of the parts of X that are Re z twice, -Im z and Im z: (H, N/2)."""
    n = X.shape[-1] // 2
    corners = ((0, 0), (n, n), (0, n), (n, 0))
    return tuple(X[:, i : i + n, j : j + n].diagonal(0, -2, -1) for i, j in corners)


def _matrix(z: Tensor, V: Tensor, W: Tensor) -> Tensor:
    X = torch.bmm(V.mT, W)
    parts = z.real, z.real, -z.imag, z.imag
    for diagonal, part in zip(_diagonals(X), parts, strict=True):
        diagonal += part
    return X


def _before(X: Tensor, G: Tensor, start: Tensor) -> Tensor:
    """Add the gradient of X to start, from G of X X; gradients are transposed."""
    return start.baddbmm_(G, X).baddbmm_(X, G)


class _Kernel(torch.autograd.Function):
    """`squared_kernel` with its gradient in closed form.

    Vectors are rows, because the product of a row and a matrix is several times faster
    than that of a matrix and a column. With M a power of two, the row j < M of `right`
    is b^T (X^T)^j, and the row q of `left` is C X^(q M). The kernel is their product.
    """

    @staticmethod
    def forward(ctx, z, V, W, b, C, counts, L, dtype, keep):  # pyright: ignore[reportIncompatibleMethodOverride]
        X, right = _matrix(z, V, W), b.unsqueeze(1).clone()
        squared, inputs, finished = [], [], []

        def save(X: Tensor) -> None:
            if keep:
                squared.append(X.to(dtype, copy=True))

        for n in counts:
            (X, done), begun = X.tensor_split([n]), right[:n]
            finished.append(done)
            save(X)
            inputs.append(begun.to(dtype, copy=True))
            right[:n] = torch.baddbmm(begun, begun, X.mT)
            X = torch.bmm(X, X)
        X = torch.cat([X, *reversed(finished)])
        M = 1 << max(0, round(math.log2(L) / 2) - 1)
        while right.shape[1] < M:
            save(X)
            right = torch.cat([right, right @ X.mT], 1)
            X = torch.bmm(X, X)
        left = C.reshape(-1, *C.shape[-2:]).transpose(0, 1)  # (H, k, N)
        k, doubled = left.shape[1], 0
        total = -(-L // M) * k
        while _STEPS * left.shape[1] < total:
            save(X)
            left, doubled = torch.cat([left, left @ X], 1), doubled + 1
            X = torch.bmm(X, X)
        rows = [left]
        while len(rows) * left.shape[1] < total:
            rows.append(rows[-1] @ X)
        save(X)
        left, right = torch.cat(rows, 1).to(dtype), right.to(dtype)
        ctx.options = counts, L, dtype, doubled, len(rows)
        ctx.save_for_backward(z, V, W, b, C, left, right, *inputs, *squared)
        K = (left @ right.mT).unflatten(1, (-1, k)).transpose(1, 2)  # (H, k, Q, M)
        K = K.flatten(-2)[..., :L].transpose(0, 1)
        return K.reshape(*C.shape[:-1], L)

    @staticmethod
    def backward(ctx, G):  # pyright: ignore[reportIncompatibleMethodOverride]
        counts, L, dtype, *_ = ctx.options
        z, V, W, b, C, *_ = ctx.saved_tensors
        if torch.is_grad_enabled():

            def plain(z, V, W, b, C):
                factors = Factors(z, V, W, b)
                return squared_kernel_reference(factors, C, counts, L, dtype)

            found = recorded(plain, (z, V, W, b, C), G)
        else:
            found = _gradient(ctx, G)
        return *found, None, None, None, None


def _gradient(ctx, G: Tensor) -> tuple[Tensor, ...]:
    """Return the gradients of z, V, W, b and C."""
    counts, L, _, doubled, steps = ctx.options
    _, V, W, _, C, left, right, *rest = ctx.saved_tensors
    inputs, squared = rest[: len(counts)], rest[len(counts) :]
    H, total, _ = left.shape
    k, M = C.shape[:-2].numel(), right.shape[1]
    G = G.reshape(k, H, L).transpose(0, 1)
    G = nn.functional.pad(G, (0, total // k * M - L)).unflatten(-1, (-1, M))
    G = G.transpose(1, 2).reshape(H, total, M)
    d_left, d_right = G @ right, G.mT @ left
    X, r = squared.pop(), total // steps
    parts = list(d_left.split(r, 1))
    for t in range(steps - 1, 0, -1):
        parts[t - 1] = torch.baddbmm(parts[t - 1], parts[t], X.mT)
    d_left, *later = parts
    # The gradient of the last square, transposed.
    G = torch.cat(later, 1).mT @ left[:, :-r] if later else torch.zeros_like(X)
    for _ in range(doubled):
        X, r = squared.pop(), r // 2
        near, far = d_left.split(r, 1)
        G = _before(X, G, far.mT @ left[:, :r])
        d_left = torch.baddbmm(near, far, X.mT)
    while d_right.shape[1] > 1:
        X, r = squared.pop(), d_right.shape[1] // 2
        near, far = d_right.split(r, 1)
        G = _before(X, G, right[:, :r].mT @ far)
        d_right = torch.baddbmm(near, far, X)
    for n in reversed(counts):
        X, begun, grown = squared.pop(), inputs.pop(), d_right[:n]
        G[:n] = _before(X, G[:n], begun.mT * grown)
        d_right[:n] = torch.baddbmm(grown, grown, X)
    re, again, upper, lower = _diagonals(G)  # transposed: Im z is above
    d_z = torch.complex((re + again).double(), (upper - lower).double())
    d_V, d_W = W.to(G) @ G, V.to(G) @ G.mT
    d_C = d_left.transpose(0, 1).reshape(C.shape)
    d_b = d_right.squeeze(1)
    return d_z, d_V.to(V), d_W.to(W), d_b.to(V), d_C.to(C)

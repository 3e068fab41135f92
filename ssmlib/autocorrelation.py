"""From data: the second moment, its largest eigenvalue, the timescale it asks for.

Everything here is about the raw second moment E[x x^T], not the covariance: a
mean that is not zero counts, and chapter `real-sequences` shows how much.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.sparse.linalg import LinearOperator, eigsh
from torch import Tensor

from ssmlib import _checks

# Up to these sizes a dense eigensolver costs little. Data may be white, and Lanczos
# is slow in a cluster of eigenvalues; a stationary moment has no such cluster.
_DENSE, _DENSE_TOEPLITZ = 1024, 256


def windows(series: Tensor, L: int, stride: int = 1) -> Tensor:
    """Windows of length L of one series (T,), every `stride` steps: (n, L), a view.

    Raises ValueError where L is longer than the series or a value is not finite.
    """
    if series.ndim != 1:
        raise ValueError(f"series must have shape (T,), got {tuple(series.shape)}")
    _checks.integer("L", L)
    _checks.integer("stride", stride)
    if L > series.numel():
        raise ValueError(
            f"L must be at most the length of the series, {series.numel()}, got {L}"
        )
    return _checks.sequences("series", series[None])[0].unfold(0, L, stride)


def standardize(x: Tensor) -> Tensor:
    """Each sequence of (n, L) to mean 0 and mean square 1.

    Raises ValueError for a constant sequence, which has no such scale.
    """
    _checks.sequences("x", x)
    centred = x - x.mean(-1, keepdim=True)
    scale = centred.square().mean(-1, keepdim=True).sqrt()
    if bool((scale <= 1e-12 * x.abs().amax(-1, keepdim=True)).any()):
        raise ValueError("x must hold no constant sequence to be standardized")
    return centred / scale


def second_moment(x: Tensor) -> Tensor:
    """(1/n) sum_i x_i x_i^T of sequences x (n, L): (L, L), symmetric, x's dtype.

    Raises TypeError unless x is real floating point, ValueError for NaN.
    """
    _checks.sequences("x", x)
    return x.mT @ x / x.shape[0]


def toeplitz_moment(x: Tensor) -> Tensor:
    """Stationary estimate of the second moment's first row, (L,), from x (n, L).

    r_k = (1/(nL)) sum_i sum_l x_il x_i,l+k: biased, hence positive semidefinite.
    Raises as `second_moment`.
    """
    _checks.sequences("x", x)
    n, L = x.shape
    power = torch.fft.rfft(x, n=2 * L).abs().square().sum(0)
    return torch.fft.irfft(power, n=2 * L)[:L] / (n * L)


def _largest(size: int, matvec, device, dtype) -> float:
    """Lanczos on a symmetric positive semidefinite operator; fixed start vector.

    The residual bounds the eigenvalue's error, in a cluster of eigenvalues (white
    data) too; a tolerance at rounding level would never be met there.
    """
    operator = LinearOperator(
        (size, size),
        matvec=lambda v: (
            matvec(torch.as_tensor(v.ravel(), dtype=dtype, device=device)).cpu().numpy()
        ),
        dtype=np.float64,
    )
    start = np.random.default_rng(0).standard_normal(size)
    top = eigsh(
        operator, 1, which="LA", v0=start, ncv=40, tol=1e-8, return_eigenvectors=False
    )
    return float(top[0])


def _windows_gram(series: Tensor, n: int, L: int) -> Tensor:
    """x^T x of the n windows, a step apart, of a series (n + L - 1,): (L, L).

    Down a diagonal, a product enters and one leaves: O(L^2 + n log n), where a
    product of matrices takes O(n L^2).
    """
    head, size = torch.fft.rfft(series[:n], 2 * len(series)), 2 * len(series)
    row = torch.fft.irfft(head.conj() * torch.fft.rfft(series, size), size)[:L]
    left, entered = series[: L - 1], series[n:]  # (L-1,) each
    diagonals = row.expand(L, L).clone()  # of row i, from its own place on
    for sign, own in ((-1, left), (1, entered)):
        shifted = torch.cat([own, own.new_zeros(L)]).unfold(0, L, 1)[: L - 1]
        diagonals[1:] += (sign * own[:, None] * shifted).cumsum(0)
    gram = series.new_zeros(L, 2 * L)
    gram.as_strided((L, L), (2 * L + 1, 1)).copy_(diagonals)
    return gram[:, :L].triu() + gram[:, :L].triu(1).mT


def largest_eigenvalue(x: Tensor) -> float:
    """lambda_max of the second moment of x (n, L), without forming it.

    Lanczos with two products by x an iteration: O(nL) memory, in float64 on x's
    device. Many `windows` a step apart take hardly longer than one.
    Raises as `second_moment`.
    """
    x = _checks.sequences("x", x)
    n, L = x.shape
    if L <= min(n, _DENSE) and x.stride() == (1, 1):
        series = x.as_strided((n + L - 1,), (1,)).double()
        gram = _windows_gram(series, n, L) / n
        if L > _DENSE_TOEPLITZ:  # nearly Toeplitz
            return _largest(L, lambda v: gram @ v, x.device, gram.dtype)
        return float(torch.linalg.eigvalsh(gram)[-1])
    x = x.double()
    if min(n, L) <= _DENSE:
        gram = (x @ x.mT if n < L else x.mT @ x) / n
        return float(torch.linalg.eigvalsh(gram)[-1])
    return _largest(L, lambda v: x.mT @ (x @ v) / n, x.device, x.dtype)


def moment_largest_eigenvalue(R: Tensor) -> float:
    """lambda_max of a second moment: R (L, L), or its first row (L,) if Toeplitz.

    Products with a long first row go through the FFT. Raises ValueError for other
    shapes, an R that is not symmetric, or values that are not finite.
    """
    R = _checks.finite("R", R).double()
    if R.ndim == 2 and R.shape[0] == R.shape[1]:
        if not torch.allclose(R, R.mT, rtol=1e-9, atol=1e-12 * float(R.abs().max())):
            raise ValueError("R must be symmetric, as a second moment is")
        return float(torch.linalg.eigvalsh(R)[-1])
    if R.ndim != 1 or R.numel() == 0:
        raise ValueError(f"R must have shape (L, L) or (L,), got {tuple(R.shape)}")
    L = R.numel()
    if L <= _DENSE_TOEPLITZ:
        lag = torch.arange(L, device=R.device)
        return float(torch.linalg.eigvalsh(R[(lag[:, None] - lag).abs()])[-1])
    circle = torch.cat([R, R.new_zeros(1), R[1:].flip(0)])  # (2L,)
    transfer = torch.fft.rfft(circle).real

    def product(v: Tensor) -> Tensor:
        return torch.fft.irfft(transfer * torch.fft.rfft(v, n=2 * L), n=2 * L)[:L]

    return _largest(L, product, R.device, R.dtype)


def timescale(x: Tensor, constant: float = 1.0) -> float:
    """The dt that "Autocorrelation Matters" asks for: constant / sqrt(L lambda_max).

    x (n, L), in the scale it is fed in; dt is per step. `constant` sets how large
    the output may be: ``E|y_L|^2 <= (m/2) constant^2`` for m modes and complex
    normal C. Raises ValueError for constant <= 0 or data that is zero throughout.
    Source: arXiv 2411.19455, Theorem 4.1 in our reading; chapter `timescale`.
    """
    _checks.positive("constant", constant)
    top = largest_eigenvalue(x)
    if top <= 0:
        raise ValueError("x must not be zero throughout: it asks for no timescale")
    return constant / math.sqrt(x.shape[1] * top)

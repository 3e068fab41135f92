"""The largest eigenvalue of a symmetric positive semidefinite operator, by Lanczos."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy import fft
from scipy.sparse.linalg import LinearOperator, eigsh
from torch import Tensor

from ssmlib import _lags

# From this length on, most of the time of 40 vectors is their orthogonalization.
_LONG = 2**12
_SHARPNESS = 8  # power of the spectrum that a start vector for a long row has


def largest(size: int, matvec: Callable[[Tensor], Tensor], like: Tensor) -> float:
    """Return lambda_max of an operator; the start vector is the same in each call.

    Args:
        size: dimension of the operator.
        matvec: its product with a vector (size,) of like's dtype and device.
        like: a tensor with the dtype and the device.
    """

    def product(v: np.ndarray) -> np.ndarray:
        moved = torch.as_tensor(v, dtype=like.dtype, device=like.device)
        return matvec(moved).cpu().numpy()

    return _largest(size, product)


def _largest(
    size: int,
    matvec: Callable[[np.ndarray], np.ndarray],
    *,
    start: np.ndarray | None = None,
    vectors: int = 40,
    tol: float = 1e-8,
) -> float:
    """Return lambda_max of an operator on arrays (size,).

    The residual bounds the eigenvalue's error, in a cluster of eigenvalues (white
    data) too; a tolerance at rounding level would never be met there.

    Args:
        size: dimension of the operator.
        matvec: its product with a vector.
        start: start vector (size,), else a random one.
        vectors: how many the iteration has before it starts again.
        tol: size of the residual, relative to the eigenvalue.
    """
    # Calling the class makes a subclass of it, which scipy's code does not type.
    make: Any = LinearOperator
    operator = make((size, size), matvec=lambda v: matvec(v.ravel()), dtype=np.float64)
    top = eigsh(
        operator,
        1,
        which="LA",
        v0=_random(size) if start is None else start,
        ncv=min(vectors, size),
        tol=tol,  # pyright: ignore[reportArgumentType]  # int, by the default 0
        return_eigenvectors=False,
    )
    return float(top[0])


def _random(size: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(size)


def toeplitz(
    row: np.ndarray, *borders: tuple[int, np.ndarray], rough: bool = False
) -> float:
    """Return lambda_max of a symmetric Toeplitz matrix; products go through the FFT.

    Args:
        row: its first row (L,), float64.
        borders: matrices to add: a pair (c, v), v (L - 1,), stands for c V V^T, with V
            the lower triangular Toeplitz matrix of first column (0, v).
        rough: accept a relative error of 1e-6 if the row is long, for a third of the
            time.
    """
    L = len(row)
    # A transform of numpy keeps its tables from one call to the next; torch's does not.
    size = _lags.fast_length(2 * L)
    circle = np.concatenate([row, np.zeros(size - 2 * L + 1), row[:0:-1]])
    transfer = fft.rfft(circle).real
    waves = [(c, fft.rfft(np.append(0.0, v), size)) for c, v in borders]

    def back(wave: np.ndarray) -> np.ndarray:
        return fft.irfft(wave, size)[:L]

    def product(v: np.ndarray) -> np.ndarray:
        wave = fft.rfft(v, size)
        found = transfer * wave
        for c, border in waves:  # V^T first, which looks ahead
            found += c * border * fft.rfft(back(border.conj() * wave), size)
        return back(found)

    highest = float(transfer.max())
    if L <= _LONG or highest <= 0:
        return _largest(L, product)
    # Noise at the frequencies where the spectrum is high, as the eigenvector is: few
    # vectors suffice then.
    sharp = (transfer / highest).clip(min=0) ** _SHARPNESS
    start = back(sharp * fft.rfft(_random(L), size))
    return _largest(L, product, start=start, vectors=8, tol=1e-5 if rough else 1e-8)


def windows(series: np.ndarray, L: int, k: int) -> float:
    """Return lambda_max of X^T X, where row i of X is series[k i : k i + L].

    Products take O(T log T) time and O(T) memory.

    Args:
        series: (T,) float64, which ends with the last window.
        L: length of a window, at most T.
        k: steps from one window to the next.
    """
    n, q = (len(series) - L) // k + 1, -(-L // k)
    # Entry j = k a + b of a window is entry a of a window of the series' b-th phase.
    phases = np.zeros((n + q - 1) * k)
    phases[: len(series)] = series
    size = _lags.fast_length(n + q - 1)
    waves = fft.rfft(phases.reshape(-1, k).T, size)  # (k, size / 2 + 1)

    def product(v: np.ndarray) -> np.ndarray:
        spread = np.append(v, np.zeros(k * q - L)).reshape(q, k).T
        wave = (waves * fft.rfft(spread, size).conj()).sum(0)
        wave = fft.rfft(fft.irfft(wave, size)[:n], size)
        return fft.irfft(waves * wave.conj(), size)[:, :q].T.ravel()[:L]

    return _largest(L, product)

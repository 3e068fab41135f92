"""The largest eigenvalue of a symmetric positive semidefinite operator, by Lanczos."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from scipy.sparse.linalg import LinearOperator, eigsh
from torch import Tensor

# From this length on, most of the time of 40 vectors is their orthogonalization.
_LONG = 2**12
_SHARPNESS = 8  # power of the spectrum that a start vector for a long row has


def largest(
    size: int,
    matvec: Callable[[Tensor], Tensor],
    like: Tensor,
    *,
    start: np.ndarray | None = None,
    vectors: int = 40,
    tol: float = 1e-8,
) -> float:
    """Return lambda_max of an operator; the start vector is the same in each call.

    The residual bounds the eigenvalue's error, in a cluster of eigenvalues (white
    data) too; a tolerance at rounding level would never be met there.

    Args:
        size: dimension of the operator.
        matvec: its product with a vector (size,) of like's dtype and device.
        like: a tensor with the dtype and the device.
        start: start vector (size,), else a random one.
        vectors: how many the iteration has before it starts again.
        tol: size of the residual, relative to the eigenvalue.
    """
    # Calling the class makes a subclass of it, which scipy's code does not type.
    make: Any = LinearOperator
    operator = make(
        (size, size),
        matvec=lambda v: (
            matvec(torch.as_tensor(v.ravel(), dtype=like.dtype, device=like.device))
            .cpu()
            .numpy()
        ),
        dtype=np.float64,
    )
    top = eigsh(
        operator,
        1,
        which="LA",
        v0=_random(size) if start is None else start,
        ncv=vectors,
        tol=tol,  # pyright: ignore[reportArgumentType]  # int, by the default 0
        return_eigenvectors=False,
    )
    return float(top[0])


def _random(size: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(size)


def toeplitz(row: Tensor, *, rough: bool = False) -> float:
    """Return lambda_max of a symmetric Toeplitz matrix; products go through the FFT.

    Args:
        row: its first row (L,), float64.
        rough: accept a relative error of 1e-6 if the row is long, for a third of the
            time.
    """
    L = row.numel()
    circle = torch.cat([row, row.new_zeros(1), row[1:].flip(0)])  # (2L,)
    transfer = torch.fft.rfft(circle).real

    def filtered(v: Tensor, by: Tensor) -> Tensor:
        return torch.fft.irfft(by * torch.fft.rfft(v, n=2 * L), n=2 * L)[:L]

    def product(v: Tensor) -> Tensor:
        return filtered(v, transfer)

    highest = float(transfer.max())
    if L <= _LONG or highest <= 0:
        return largest(L, product, row)
    # Noise at the frequencies where the spectrum is high, as the eigenvector is: few
    # vectors suffice then.
    sharp = (transfer / highest).clamp(min=0) ** _SHARPNESS
    noise = torch.as_tensor(_random(L), dtype=row.dtype, device=row.device)
    start = filtered(noise, sharp).cpu().numpy()
    return largest(L, product, row, start=start, vectors=8, tol=1e-5 if rough else 1e-8)

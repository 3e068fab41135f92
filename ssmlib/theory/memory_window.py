"""The memory of a state that started at zero, and of correlated input.

Eigenvalues are as in `memory`. These functions accept ``|lambda| = 1`` too.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy.linalg import qr, toeplitz
from scipy.signal import lfilter
from torch import Tensor

from ssmlib import _checks, _scale
from ssmlib.theory import _poles


def _orthonormal(poles: _poles.Complex, T: int) -> _poles.Complex:
    """Rows that span those of the Vandermonde matrix lambda_k^tau, tau < T: (k, T).

    Rational Arnoldi: each row is the last one, filtered by the next pole, made
    orthogonal to all before, twice: once would leave 1e-8.
    """
    if len(poles) >= T:
        return np.eye(T, dtype=complex)
    rows = np.zeros((len(poles), T), complex)
    last = _poles.impulse(T, complex)
    for k, pole in enumerate(poles):
        # A step late but for the first, so that a pole near 0 adds a direction too.
        last = lfilter([0, 1] if k else [1], [1, -pole], last)
        for _ in range(2):
            last = last - (rows[:k].conj() @ last) @ rows[:k]
            last = last / np.linalg.norm(last)
        rows[k] = last
    return rows


def window_basis(eigenvalues: Tensor, T: int) -> Tensor:
    """Return orthonormal rows that span the sequences lambda^tau, tau < T.

    A state that started at zero T steps ago can represent the part of a target (T,), by
    delay, that lies in their span.

    Args:
        eigenvalues: complex (n,), ``|lambda| <= 1``, m of them distinct.
        T: number of delays.

    Returns:
        (min(m, T), T) complex128.

    Raises:
        TypeError: as `memory.memory_function`.
        ValueError: for ``|lambda| > 1``, and else as `memory.memory_function`.
    """
    poles = _poles.distinct_poles(eigenvalues, closed_disc=True)
    T = _checks.integer("T", T)
    rows = _orthonormal(poles, _poles.delays(T, min(len(poles), T)))
    return torch.from_numpy(rows).to(eigenvalues.device)


def finite_memory_function(eigenvalues: Tensor, T: int) -> Tensor:
    """Return MF(tau) for tau < T of a state that started at zero T steps ago.

    The values are the leverage scores of the columns lambda^tau; their sum is min(n,
    T). They may rise with tau, because no older inputs compete with the oldest ones of
    a window. If an SVD can distinguish the modes, `theory.learning.recovery` of their
    kernels gives the same values.

    Args:
        eigenvalues: complex (n,), ``|lambda| <= 1``.
        T: number of delays.

    Returns:
        (T,) float64.

    Raises:
        TypeError: as `window_basis`.
        ValueError: as `window_basis`.
    """
    return window_basis(eigenvalues, T).abs().square().sum(0)


def _scales(diagonal: np.ndarray) -> np.ndarray:
    """Powers of two near the roots of mean squares (T,) that differ by 1e6 or more."""
    if not 0 < diagonal.min() < 1e-6 * diagonal.max():
        return np.ones(len(diagonal))
    return 2.0 ** np.round(np.log2(diagonal) / 2)


def _scaled_span(rows: _poles.Complex, scale: np.ndarray) -> _poles.Complex:
    """Orthonormal rows that span those of (k, T) times factors of the columns (T,).

    With the largest factors first and pivots, QR is accurate for each factor.
    """
    order = np.argsort(-scale, kind="stable")
    scaled = (rows * (scale / scale.max()))[:, order]
    found = np.zeros_like(rows)
    factors: Any = qr(scaled.conj().T, mode="economic", pivoting=True)
    found[:, order] = factors[0].conj().T
    return found


def coloured_memory_function(eigenvalues: Tensor, R: Tensor) -> Tensor:
    """Return MF(tau) of a window of T steps for input with second moment R.

    For R the identity it is `finite_memory_function`.

    Args:
        eigenvalues: complex (n,), ``|lambda| <= 1``.
        R: (T, T), or its first row (T,) if Toeplitz, positive semidefinite, R[i, j]
            between inputs i and j steps back.

    Returns:
        (T,) float64.

    Raises:
        TypeError: if eigenvalues are not complex, or R is not real.
        ValueError: for ``|lambda| > 1``, values that are not finite, other shapes, an R
            that is not symmetric, positive semidefinite and of positive diagonal, or
            one that does not fit into memory.
    """
    moment = _checks.moment("R", R).detach()
    _checks.fits("R's length", len(moment), 4 * len(moment) ** 2)
    found = _checks.as_numpy(_scale.shifted(moment, _scale.shift(moment)))
    matrix = toeplitz(found) if found.ndim == 1 else found
    scale = _scales(np.diag(matrix))
    matrix = matrix / scale / scale[:, None]
    values, vectors = np.linalg.eigh(matrix)
    if values[0] < -1e-10 * values[-1] or not (np.diag(matrix) > 0).all():
        raise ValueError(
            "R must be positive semidefinite with a positive diagonal, got a least "
            f"eigenvalue of {values[0]:.3g}"
        )
    root = vectors * np.sqrt(values.clip(min=0))  # root @ root.T = R
    rows = _orthonormal(
        _poles.distinct_poles(eigenvalues, closed_disc=True), len(matrix)
    )
    if (scale != 1).any():
        rows = _scaled_span(rows, scale)
    _, sizes, basis = np.linalg.svd(rows @ root, full_matrices=False)
    basis = basis[sizes > sizes[0] * len(matrix) * np.finfo(float).eps]
    share = (np.abs(basis @ root.T) ** 2).sum(0) / np.diag(matrix)
    return torch.from_numpy(share).to(eigenvalues.device)

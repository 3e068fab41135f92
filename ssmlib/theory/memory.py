"""The memory function: the share of an earlier input that a linear state represents.

The state is x_t = A x_{t-1} + b u_t with independent inputs of variance 1. MF(tau) is
the share of the variance of u_{t-tau} that a linear readout of x_t explains. It depends
only on the eigenvalues. With the all-pass filter of the same poles,
``prod_k (z - conj(lambda_k)) / (1 - lambda_k z) = sum_j b_j z^j``, it is
``MF(tau) = 1 - sum_{j <= tau} |b_j|^2``. It follows from rational orthonormal bases
(Kautz 1954; Heuberger, de Hoog, Van den Hof and Wahlberg 2003).

Eigenvalues are those of the discrete map, `exp(dt * spectrum(A))`, a complex (n,). Each
one has a complex weight, so that a real readout of stored modes is the conjugate-closed
set. The work is done on the CPU in float64, and the result is returned to the device of
the eigenvalues. It has no gradient.

The past is infinite here. `memory_window` has a state that started at zero and input
that is correlated, and `memory_noise` a readout or a state with noise. Their functions
can be called from this module too.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.signal import lfilter, sosfilt
from torch import Tensor

from ssmlib import _checks
from ssmlib.theory import _poles
from ssmlib.theory.memory_noise import effective_capacity, fisher_memory
from ssmlib.theory.memory_window import (
    coloured_memory_function,
    finite_memory_function,
    window_basis,
)

__all__ = [
    "coloured_memory_function",
    "distinct",
    "effective_capacity",
    "finite_memory_function",
    "fisher_memory",
    "group_delay",
    "mean_delay",
    "memory_capacity",
    "memory_function",
    "memory_quantile",
    "whitened_kernels",
    "window_basis",
]


def distinct(eigenvalues: Tensor, tol: float = _poles.TOL) -> Tensor:
    """Return the eigenvalues without repetition.

    A repeated eigenvalue of a diagonal map adds no state.

    Args:
        eigenvalues: complex (n,), ``|lambda| <= 1``.
        tol: distance from a chosen eigenvalue up to which others are left out.

    Returns:
        Complex (m,), m <= n, in the order they came.

    Raises:
        TypeError: if eigenvalues are not complex, or tol is not a number.
        ValueError: for tol < 0, ``|lambda| > 1``, values that are not finite, or
            another shape.
    """
    tol = _checks.not_negative("tol", tol)
    kept = _poles.first_of_each(_poles.spectrum(eigenvalues, closed_disc=True), tol)
    return eigenvalues[torch.from_numpy(kept).to(eigenvalues.device)]


def _sections(poles: _poles.Complex) -> np.ndarray:
    """All-pass sections (s, 6) for `sosfilt`, real where the poles are closed."""
    upper = poles[poles.imag > 0]
    real = poles[poles.imag == 0].real
    lower = np.sort_complex(poles[poles.imag < 0].conj())
    if np.array_equal(np.sort_complex(upper), lower):
        square, twice = np.abs(upper) ** 2, 2 * upper.real
        one, none = np.ones_like(square), np.zeros_like(real)
        pairs = np.stack([square, -twice, one, one, -twice, square], 1)
        single = np.stack([-real, none + 1, none, none + 1, -real, none], 1)
        return np.concatenate([pairs, single])
    one, none = np.ones_like(poles), np.zeros_like(poles)
    return np.stack([-poles.conj(), one, none, one, -poles, none], 1)


def memory_function(eigenvalues: Tensor, T: int) -> Tensor:
    """Return MF(tau) for tau < T and an infinite past.

    Cumulative sums of all-pass sections' output, in O(n T).

    Args:
        eigenvalues: complex (n,), ``|lambda| < 1``; those nearer than 1e-10 count once
            (`distinct`).
        T: number of delays.

    Returns:
        (T,) float64.

    Raises:
        TypeError: if eigenvalues are not complex, or T is not an integer.
        ValueError: for ``|lambda| >= 1``, T < 1, values that are not finite, another
            shape, or a result that does not fit into memory.
    """
    found = _memory(_poles.distinct_poles(eigenvalues), _poles.delays(T, 1))
    return torch.from_numpy(found).to(eigenvalues.device)


def _memory(poles: _poles.Complex, T: int) -> np.ndarray:
    sections = _sections(poles)
    b = sosfilt(sections, _poles.impulse(T, sections.dtype))
    return 1 - np.cumsum(np.abs(b) ** 2)


def whitened_kernels(eigenvalues: Tensor, T: int) -> Tensor:
    """Return alpha_tau for tau < T, the kernels of a state of covariance 1.

    The state x_t = sum_tau alpha_tau u_{t - tau} has the span of the m distinct modes,
    so that ``|alpha_tau|^2`` is MF(tau). Any other such state is a unitary matrix
    times this one, the Takenaka-Malmquist basis.

    Args:
        eigenvalues: as `memory_function`.
        T: number of delays.

    Returns:
        (m, T) complex128.

    Raises:
        TypeError: as `memory_function`.
        ValueError: as `memory_function`.
    """
    poles = _poles.distinct_poles(eigenvalues)
    last = _poles.impulse(_poles.delays(T, len(poles)), complex)
    rows = np.empty((len(poles), T), complex)
    for k, pole in enumerate(poles):
        resonance = lfilter([1], [1, -pole], last)
        rows[k] = np.sqrt(1 - abs(pole) ** 2) * resonance
        last = lfilter([-pole.conj(), 1], [1, -pole], last)
    return torch.from_numpy(rows).to(eigenvalues.device)


def memory_capacity(eigenvalues: Tensor, T: int | None = None) -> float:
    """Return the sum of MF: the number of distinct eigenvalues.

    Args:
        eigenvalues: as `memory_function`.
        T: sums over tau < T, if given.

    Raises:
        TypeError: as `memory_function`.
        ValueError: as `memory_function`.
    """
    poles = _poles.distinct_poles(eigenvalues)
    if T is None:
        return float(len(poles))
    power = np.linalg.matrix_power(_state_matrix(poles), _checks.integer("T", T))
    return len(poles) - _size(power)


def _state_matrix(poles: np.ndarray) -> np.ndarray:
    """F of the state of `whitened_kernels`, alpha_tau = F^tau alpha_0: (m, m).

    Since F F^H + alpha_0 alpha_0^H = 1, MF sums to m - |F^T|^2 over tau < T.
    """
    size = np.sqrt(_poles.short(poles))
    F = np.diag(poles)
    for i in range(len(poles) - 1):
        between = np.cumprod(np.append(1, -poles[i + 1 : -1].conj()))
        F[i + 1 :, i] = size[i] * between * size[i + 1 :]
    return F


def _size(F: np.ndarray) -> float:
    return float((np.abs(F) ** 2).sum())


def group_delay(eigenvalues: Tensor, omega: Tensor) -> Tensor:
    """Return the steps by which the all-pass filter delays each frequency.

    ``sum_k (1 - |lambda_k|^2) / |1 - lambda_k exp(-i omega)|^2``. Its mean over
    frequencies is the number of distinct eigenvalues.

    Args:
        eigenvalues: as `memory_function`.
        omega: (k,) real, radians per step.

    Returns:
        (k,) float64.

    Raises:
        TypeError: if eigenvalues are not complex, or omega not real.
        ValueError: for ``|lambda| >= 1``, values that are not finite, or other shapes.
    """
    found = _poles.distinct_poles(eigenvalues)
    omega = _checks.real("omega", omega)
    if omega.ndim != 1:
        raise ValueError(f"omega must have shape (k,), got {tuple(omega.shape)}")
    _checks.finite("omega", omega)
    poles, short = (
        torch.from_numpy(v).to(omega.device) for v in (found, _poles.short(found))
    )
    turn = torch.exp(-1j * omega)[:, None]
    return (short / (1 - poles * turn).abs() ** 2).sum(1)


def mean_delay(eigenvalues: Tensor) -> float:
    """Return the mean of tau, weighted by MF: (mean of group_delay^2 / n - 1) / 2.

    At least (n - 1) / 2, which the shift register has: a long memory is an uneven
    group delay.

    Args:
        eigenvalues: as `memory_function`.

    Raises:
        TypeError: as `memory_function`.
        ValueError: as `memory_function`.
    """
    poles = _poles.distinct_poles(eigenvalues)
    products = poles[:, None] * poles.conj()
    left = 1 - products
    np.fill_diagonal(left, _poles.short(poles))
    square = ((1 + products) / left).real.sum()
    return float((square / len(poles) - 1) / 2)


def memory_quantile(eigenvalues: Tensor, share: float) -> int:
    """Return the delay by which a given share of the total memory is reached.

    The time grows like the logarithm of the delay. Its relative error is about
    ``1e-16 / (1 - |lambda|)`` of the eigenvalue nearest to the circle.

    Args:
        eigenvalues: complex (n,), ``1 - |lambda| >= 1e-12``.
        share: in (0, 1).

    Returns:
        The smallest tau, in steps, such that MF up to and including tau sums to at
        least the share of its whole sum.

    Raises:
        TypeError: if eigenvalues are not complex, or share is not a number.
        ValueError: for an eigenvalue nearer to the circle or outside it, a share
            outside its range, values that are not finite, or another shape.
    """
    share = _checks.inside("share", share, 0, 1)
    poles = _poles.distinct_poles(eigenvalues)
    gap = _poles.short(poles).min() / 2
    if gap < 1e-12:
        raise ValueError(
            "eigenvalues must have 1 - |lambda| >= 1e-12, since float64 does not "
            f"resolve the delay of nearer ones, got {gap:.3g}"
        )
    rest = (1 - share) * len(poles)  # what MF may still sum to
    powers = [_state_matrix(poles)]
    while _size(powers[-1]) > rest:
        powers.append(powers[-1] @ powers[-1])
    reached, delay = np.eye(len(poles)), 0
    for k in range(len(powers) - 2, -1, -1):
        further = reached @ powers[k]
        if _size(further) > rest:
            reached, delay = further, delay + 2**k
    return delay

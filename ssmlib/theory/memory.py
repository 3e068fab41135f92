"""The memory function: how much of an input tau steps back a linear state holds.

State x_t = A x_{t-1} + b u_t with independent inputs of variance 1. MF(tau) is the
share of u_{t-tau}'s variance that a linear readout of x_t explains. It depends on the
eigenvalues alone, and with the all-pass filter of the same poles,
``prod_k (z - conj(lambda_k)) / (1 - lambda_k z) = sum_j b_j z^j``, it is
``MF(tau) = 1 - sum_{j <= tau} |b_j|^2``. It follows from rational orthonormal
bases (Kautz 1954; Heuberger, de Hoog, Van den Hof and Wahlberg 2003).

Eigenvalues are those of the discrete map, `exp(dt * spectrum(A))`, a complex (n,);
each counts a complex weight, so that a real readout of stored modes is the
conjugate-closed set. Whatever their device, the work is done on the CPU, in float64,
and the result returns to it; no gradient is kept.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.linalg import solve_discrete_lyapunov, toeplitz
from scipy.signal import lfilter, sosfilt
from torch import Tensor

from ssmlib import _checks

_TOL = 1e-10


def _spectrum(eigenvalues: Tensor, *, closed_disc: bool = False) -> np.ndarray:
    """Checked eigenvalues, complex128."""
    if not isinstance(eigenvalues, Tensor) or not eigenvalues.is_complex():
        kind = getattr(eigenvalues, "dtype", type(eigenvalues).__name__)
        raise TypeError(f"eigenvalues must be a complex tensor, got {kind}")
    if eigenvalues.ndim != 1 or not eigenvalues.numel():
        raise ValueError(
            f"eigenvalues must have shape (n,), n >= 1, got {tuple(eigenvalues.shape)}"
        )
    _checks.finite("eigenvalues", eigenvalues)
    found = eigenvalues.detach().to("cpu", torch.complex128).numpy()
    largest = np.abs(found).max()
    if closed_disc and largest > 1 + 4 * np.finfo(float).eps:  # exp(i t), rounded
        raise ValueError(f"eigenvalues must have |lambda| <= 1, got {largest:.17g}")
    if not closed_disc and largest >= 1:
        raise ValueError(
            f"eigenvalues must have |lambda| < 1, got {largest:.17g}: the past is "
            "infinite here; finite_memory_function takes |lambda| = 1"
        )
    return found


def _first_of_each(found: np.ndarray, tol: float) -> np.ndarray:
    """Indices of one of each cluster, in order; a closed set stays closed."""
    order = np.lexsort((found.imag < 0, found.real, np.abs(found.imag)))
    kept: list[int] = []
    for k in order:
        if not kept or np.abs(found[kept] - found[k]).min() > tol:
            kept.append(k)
    return np.sort(np.array(kept))


def distinct(eigenvalues: Tensor, tol: float = _TOL) -> Tensor:
    """Eigenvalues without repetition: those within tol of one kept before go.

    Complex (n,) -> (m,), m <= n, in the order they came. A repeated eigenvalue of a
    diagonal map adds no state. Raises ValueError for tol < 0, ``|lambda| > 1``.
    """
    if not 0 <= tol < np.inf:
        raise ValueError(f"tol must be finite and >= 0, got {tol}")
    kept = _first_of_each(_spectrum(eigenvalues, closed_disc=True), tol)
    return eigenvalues[torch.from_numpy(kept).to(eigenvalues.device)]


def _poles(eigenvalues: Tensor, *, closed_disc: bool = False) -> np.ndarray:
    found = _spectrum(eigenvalues, closed_disc=closed_disc)
    return found[_first_of_each(found, _TOL)]


def _sections(poles: np.ndarray) -> np.ndarray:
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


def _impulse(T: int, dtype=np.float64) -> np.ndarray:
    found = np.zeros(T, dtype)
    found[0] = 1
    return found


def memory_function(eigenvalues: Tensor, T: int) -> Tensor:
    """MF(tau) for tau < T and an infinite past: (T,) float64.

    Cumulative sums of all-pass sections' output, in O(n T); eigenvalues nearer than
    1e-10 count once (`distinct`). Raises ValueError for ``|lambda| >= 1``, T < 1.
    """
    sections = _sections(_poles(eigenvalues))
    b = sosfilt(sections, _impulse(_checks.integer("T", T), sections.dtype))
    found = 1 - np.cumsum(np.abs(b) ** 2)
    return torch.from_numpy(found).to(eigenvalues.device)


def whitened_kernels(eigenvalues: Tensor, T: int) -> Tensor:
    """alpha_tau for tau < T, the kernels of a state of covariance 1: (m, T) complex.

    The state x_t = sum_tau alpha_tau u_{t - tau} spans what the m distinct modes span,
    so that ``|alpha_tau|^2`` is MF(tau). Any other such state is a unitary matrix
    times this one, the Takenaka-Malmquist basis. Raises ValueError for
    ``|lambda| >= 1``, T < 1.
    """
    poles = _poles(eigenvalues)
    last = _impulse(_checks.integer("T", T), complex)
    rows = np.empty((len(poles), T), complex)
    for k, pole in enumerate(poles):
        resonance = lfilter([1], [1, -pole], last)
        rows[k] = np.sqrt(1 - abs(pole) ** 2) * resonance
        last = lfilter([-pole.conj(), 1], [1, -pole], last)
    return torch.from_numpy(rows).to(eigenvalues.device)


def _orthonormal(poles: np.ndarray, T: int) -> np.ndarray:
    """Rows that span those of the Vandermonde matrix lambda_k^tau, tau < T: (k, T).

    Rational Arnoldi: each row is the last one, filtered by the next pole, made
    orthogonal to all before, twice: once would leave 1e-8.
    """
    if len(poles) >= T:
        return np.eye(T, dtype=complex)
    rows = np.zeros((len(poles), T), complex)
    last = _impulse(T, complex)
    for k, pole in enumerate(poles):
        # A step late but for the first, so that a pole near 0 adds a direction too.
        last = lfilter([0, 1] if k else [1], [1, -pole], last)
        for _ in range(2):
            last = last - (rows[:k].conj() @ last) @ rows[:k]
            last = last / np.linalg.norm(last)
        rows[k] = last
    return rows


def window_basis(eigenvalues: Tensor, T: int) -> Tensor:
    """Orthonormal rows that span those of lambda^tau, tau < T: (min(m, T), T) complex.

    For m distinct eigenvalues. What a target (T,) by delay has along them is what a
    state holds of it that began at zero T steps ago. Raises ValueError for
    ``|lambda| > 1``, T < 1.
    """
    poles = _poles(eigenvalues, closed_disc=True)
    rows = _orthonormal(poles, _checks.integer("T", T))
    return torch.from_numpy(rows).to(eigenvalues.device)


def finite_memory_function(eigenvalues: Tensor, T: int) -> Tensor:
    """MF(tau) for tau < T, the state having begun at zero T steps ago: (T,) float64.

    The leverage scores of the columns lambda^tau; their sum is min(n, T).
    ``|lambda| = 1`` is allowed. It need not fall with tau: a window's oldest inputs
    have no older ones beside them. Where an SVD can tell the modes apart,
    `theory.learning.recovery` of their kernels is the same. Raises ValueError for
    ``|lambda| > 1``, T < 1.
    """
    return window_basis(eigenvalues, T).abs().square().sum(0)


def memory_capacity(eigenvalues: Tensor, T: int | None = None) -> float:
    """The sum of MF: the number of distinct eigenvalues; over tau < T if T is given."""
    if T is None:
        return float(len(_poles(eigenvalues)))
    return float(memory_function(eigenvalues, T).sum())


def group_delay(eigenvalues: Tensor, omega: Tensor) -> Tensor:
    """Steps by which the all-pass filter delays a frequency: omega (k,) -> (k,).

    ``sum_k (1 - |lambda_k|^2) / |1 - lambda_k exp(-i omega)|^2``, omega in radians a
    step. Its mean over frequencies is the number of distinct eigenvalues.
    """
    poles = torch.from_numpy(_poles(eigenvalues)).to(omega.device)
    turn = torch.exp(-1j * omega.double())[:, None]
    return ((1 - poles.abs() ** 2) / (1 - poles * turn).abs() ** 2).sum(1)


def mean_delay(eigenvalues: Tensor) -> float:
    """The mean of tau, weighted by MF: (mean of group_delay^2 / n - 1) / 2.

    At least (n - 1) / 2, which the shift register has: a long memory is an uneven
    group delay.
    """
    poles = _poles(eigenvalues)
    products = poles[:, None] * poles.conj()
    square = ((1 + products) / (1 - products)).real.sum()
    return float((square / len(poles) - 1) / 2)


def memory_quantile(eigenvalues: Tensor, share: float) -> int:
    """The least tau up to which MF sums to `share`, in (0, 1), of its whole sum."""
    if not 0 < share < 1:
        raise ValueError(f"share must be in (0, 1), got {share}")
    wanted, T = share * len(_poles(eigenvalues)), 1024
    while True:
        sums = memory_function(eigenvalues, T).cumsum(0)
        if float(sums[-1]) >= wanted:
            return int((sums < wanted).sum())
        T *= 2


def coloured_memory_function(eigenvalues: Tensor, R: Tensor) -> Tensor:
    """MF(tau) of a window of T steps for input with second moment R: (T,) float64.

    R (T, T), or its first row (T,) if Toeplitz, positive semidefinite, R[i, j] between
    inputs i and j steps back. For R the identity, `finite_memory_function`.
    """
    R = _moment(R)
    values, vectors = np.linalg.eigh(R)
    if values[0] < -1e-10 * values[-1] or not (np.diag(R) > 0).all():
        raise ValueError(
            "R must be positive semidefinite with a positive diagonal, got a least "
            f"eigenvalue of {values[0]:.3g}"
        )
    root = vectors * np.sqrt(values.clip(min=0))  # root @ root.T = R
    rows = _orthonormal(_poles(eigenvalues, closed_disc=True), len(R))
    _, sizes, basis = np.linalg.svd(rows @ root, full_matrices=False)
    basis = basis[sizes > sizes[0] * len(R) * np.finfo(float).eps]
    found = (np.abs(basis @ root.T) ** 2).sum(0) / np.diag(R)
    return torch.from_numpy(found).to(eigenvalues.device)


def _moment(R: Tensor) -> np.ndarray:
    found = _checks.moment("R", R).detach().cpu().numpy()
    if found.ndim == 1:
        return toeplitz(found)
    if not np.allclose(found, found.T, rtol=1e-9, atol=1e-12 * np.abs(found).max()):
        raise ValueError("R must be symmetric, as a second moment is")
    return found


def _pair(A_bar: Tensor, B_bar: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """A stable system as arrays: (N, N) and (N,), complex128."""
    A, B = (
        _checks.finite(name, value).detach().to("cpu", torch.complex128).numpy()
        for name, value in (("A_bar", A_bar), ("B_bar", B_bar))
    )
    if B.ndim != 1 or not B.size or A.shape not in (B.shape, 2 * B.shape):
        raise ValueError(
            "A_bar must have shape (N,) or (N, N) and B_bar (N,), got "
            f"{A.shape} and {B.shape}"
        )
    A = np.diag(A) if A.ndim == 1 else A
    largest = np.abs(np.linalg.eigvals(A)).max()
    if largest >= 1:
        raise ValueError(f"A_bar must be stable, got |eigenvalue| {largest:.6g}")
    return A, B


def effective_capacity(A_bar: Tensor, B_bar: Tensor, noise: float) -> float:
    """What a readout that meets noise, or a ridge, can use: tr S (S + noise)^-1.

    S is the covariance of the state's components, each brought to variance 1, under
    white input. A_bar (N,) or dense (N, N), stable; noise > 0. The memory capacity as
    noise -> 0, and unlike it not the same in every basis. A component that the input
    never reaches counts nothing.
    """
    _checks.positive("noise", noise)
    A, B = _pair(A_bar, B_bar)
    S = solve_discrete_lyapunov(A, np.outer(B, B.conj()))
    size = np.sqrt(np.diag(S).real)
    S = S[size > 0][:, size > 0] / np.outer(size[size > 0], size[size > 0])
    values = np.linalg.eigvalsh(S).clip(min=0)
    return float((values / (values + noise)).sum())


def fisher_memory(A_bar: Tensor, B_bar: Tensor, T: int) -> Tensor:
    """J(tau), tau < T: the Fisher information on an input tau steps back: (T,).

    White noise of variance 1 enters every component of the state at every step, and
    B_bar is scaled to unit norm. Over all tau J sums to 1 where A_bar is normal, so for
    every diagonal one, and to at most N elsewhere. A_bar (N,) or dense (N, N), stable.
    Source: Ganguli, Huh and Sompolinsky (2008), doi 10.1073/pnas.0804451105.
    """
    _checks.integer("T", T)
    A, B = _pair(A_bar, B_bar)
    noise = solve_discrete_lyapunov(A, np.eye(len(A)))
    response = np.empty((len(B), T), complex)  # A^tau B
    response[:, 0] = B / np.linalg.norm(B)
    for tau in range(1, T):
        response[:, tau] = A @ response[:, tau - 1]
    found = (response.conj() * np.linalg.solve(noise, response)).sum(0).real
    return torch.from_numpy(found).to(A_bar.device)

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

from fractions import Fraction

import numpy as np
import numpy.typing as npt
import torch
from scipy.linalg import solve_discrete_lyapunov, toeplitz
from scipy.signal import lfilter, sosfilt
from torch import Tensor

from ssmlib import _checks, _scale

Complex = npt.NDArray[np.complexfloating]

_TOL = 1e-10


def _spectrum(eigenvalues: Tensor, *, closed_disc: bool = False) -> Complex:
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


def _first_of_each(found: Complex, tol: float) -> np.ndarray:
    """Indices of one of each cluster, in order; a closed set stays closed."""
    order = np.lexsort((found.imag < 0, found.real, np.abs(found.imag)))
    kept: list[int] = []
    for k in order:
        if not kept or np.abs(found[kept] - found[k]).min() > tol:
            kept.append(k)
    return np.sort(np.array(kept))


def distinct(eigenvalues: Tensor, tol: float = _TOL) -> Tensor:
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
    kept = _first_of_each(_spectrum(eigenvalues, closed_disc=True), tol)
    return eigenvalues[torch.from_numpy(kept).to(eigenvalues.device)]


def _poles(eigenvalues: Tensor, *, closed_disc: bool = False) -> Complex:
    found = _spectrum(eigenvalues, closed_disc=closed_disc)
    return found[_first_of_each(found, _TOL)]


def _sections(poles: Complex) -> np.ndarray:
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


def _impulse(T: int, dtype: npt.DTypeLike = np.float64) -> np.ndarray:
    found = np.zeros(T, dtype)
    found[0] = 1
    return found


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
    found = _memory(_poles(eigenvalues), _delays(T, 1))
    return torch.from_numpy(found).to(eigenvalues.device)


def _delays(T: int, rows: int) -> int:
    """A checked number of delays, of which the work takes some complex rows."""
    return _checks.fits("T", _checks.integer("T", T), 4 * T * rows)


def _memory(poles: np.ndarray, T: int) -> np.ndarray:
    sections = _sections(poles)
    b = sosfilt(sections, _impulse(T, sections.dtype))
    return 1 - np.cumsum(np.abs(b) ** 2)


def whitened_kernels(eigenvalues: Tensor, T: int) -> Tensor:
    """Return alpha_tau for tau < T, the kernels of a state of covariance 1.

    The state x_t = sum_tau alpha_tau u_{t - tau} spans what the m distinct modes span,
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
    poles = _poles(eigenvalues)
    last = _impulse(_delays(T, len(poles)), complex)
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
    """Return orthonormal rows that span those of lambda^tau, tau < T.

    The part of a target (T,) by delay along them is the part that a state holds which
    began at zero T steps ago.

    Args:
        eigenvalues: complex (n,), ``|lambda| <= 1``, m of them distinct.
        T: number of delays.

    Returns:
        (min(m, T), T) complex128.

    Raises:
        TypeError: as `memory_function`.
        ValueError: for ``|lambda| > 1``, and else as `memory_function`.
    """
    poles = _poles(eigenvalues, closed_disc=True)
    T = _checks.integer("T", T)
    rows = _orthonormal(poles, _delays(T, min(len(poles), T)))
    return torch.from_numpy(rows).to(eigenvalues.device)


def finite_memory_function(eigenvalues: Tensor, T: int) -> Tensor:
    """Return MF(tau) for tau < T of a state that began at zero T steps ago.

    The leverage scores of the columns lambda^tau; their sum is min(n, T). They need
    not fall with tau: a window's oldest inputs have no older ones beside them. Where
    an SVD can tell the modes apart, `theory.learning.recovery` of their kernels is the
    same.

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


def memory_capacity(eigenvalues: Tensor, T: int | None = None) -> float:
    """Return the sum of MF: the number of distinct eigenvalues.

    Args:
        eigenvalues: as `memory_function`.
        T: sums over tau < T, if given.

    Raises:
        TypeError: as `memory_function`.
        ValueError: as `memory_function`.
    """
    poles = _poles(eigenvalues)
    if T is None:
        return float(len(poles))
    power = np.linalg.matrix_power(_state_matrix(poles), _checks.integer("T", T))
    return len(poles) - _size(power)


def _short(poles: np.ndarray) -> np.ndarray:
    """1 - |lambda|^2, with all its digits: the squares of float64 are exact in it."""
    parts = [(Fraction(float(z.real)), Fraction(float(z.imag))) for z in poles]
    return np.array([float(1 - re * re - im * im) for re, im in parts])


def _state_matrix(poles: np.ndarray) -> np.ndarray:
    """F of the state of `whitened_kernels`, alpha_tau = F^tau alpha_0: (m, m).

    Since F F^H + alpha_0 alpha_0^H = 1, MF sums to m - |F^T|^2 over tau < T.
    """
    size = np.sqrt(_short(poles))
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
    found = _poles(eigenvalues)
    omega = _checks.real("omega", omega)
    if omega.ndim != 1:
        raise ValueError(f"omega must have shape (k,), got {tuple(omega.shape)}")
    _checks.finite("omega", omega)
    poles, short = (
        torch.from_numpy(v).to(omega.device) for v in (found, _short(found))
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
    poles = _poles(eigenvalues)
    products = poles[:, None] * poles.conj()
    left = 1 - products
    np.fill_diagonal(left, _short(poles))
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
    poles = _poles(eigenvalues)
    gap = _short(poles).min() / 2
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
    full = _scale.shifted(moment, _scale.shift(moment)).cpu().numpy()
    full = toeplitz(full) if full.ndim == 1 else full
    values, vectors = np.linalg.eigh(full)
    if values[0] < -1e-10 * values[-1] or not (np.diag(full) > 0).all():
        raise ValueError(
            "R must be positive semidefinite with a positive diagonal, got a least "
            f"eigenvalue of {values[0]:.3g}"
        )
    root = vectors * np.sqrt(values.clip(min=0))  # root @ root.T = R
    rows = _orthonormal(_poles(eigenvalues, closed_disc=True), len(full))
    _, sizes, basis = np.linalg.svd(rows @ root, full_matrices=False)
    basis = basis[sizes > sizes[0] * len(full) * np.finfo(float).eps]
    found = (np.abs(basis @ root.T) ** 2).sum(0) / np.diag(full)
    return torch.from_numpy(found).to(eigenvalues.device)


def _pair(A_bar: Tensor, B_bar: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """A stable system as arrays: (N, N) and (N,), complex128."""
    parts = []
    for name, value in (("A_bar", A_bar), ("B_bar", B_bar)):
        _checks.finite(name, _checks.is_tensor(name, value))
        parts.append(value.detach().to("cpu", torch.complex128).numpy())
    A, B = parts
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


def _power(z: Complex) -> np.ndarray:
    """The power of two near |z|, which a quotient by it does not round."""
    size = np.maximum(np.abs(z.real), np.abs(z.imag))
    return np.ldexp(1.0, np.frexp(size)[1].clip(-1021, 1023))


def effective_capacity(A_bar: Tensor, B_bar: Tensor, noise: float) -> float:
    """Return the capacity of a readout with noise, or a ridge: tr S (S + noise)^-1.

    S is the covariance of the state's components, each brought to variance 1, under
    white input. It is the memory capacity as noise -> 0, and unlike it not the same in
    every basis. A component that the input never reaches counts nothing.

    Args:
        A_bar: (N,) or dense (N, N), stable.
        B_bar: (N,).
        noise: positive.

    Raises:
        TypeError: if A_bar or B_bar is not a tensor, or noise not a number.
        ValueError: for noise <= 0, an A_bar that is not stable, values that are not
            finite, or other shapes.
    """
    noise = _checks.positive("noise", _checks.number("noise", noise))
    A, B = _pair(A_bar, B_bar)
    if A_bar.ndim == 1:  # the size of an input weight is no matter there
        B = np.where(B == 0, 0, B / np.where(B == 0, 1, _power(B)))
    else:
        B = B / _power(B[np.abs(B).argmax()])
    S = solve_discrete_lyapunov(A, np.outer(B, B.conj()))
    size = np.sqrt(np.diag(S).real)
    S = S[size > 0][:, size > 0] / np.outer(size[size > 0], size[size > 0])
    values = np.linalg.eigvalsh(S).clip(min=0)
    return float((values / (values + noise)).sum())


def fisher_memory(A_bar: Tensor, B_bar: Tensor, T: int) -> Tensor:
    """Return J(tau), tau < T: the Fisher information on an input tau steps back.

    White noise of variance 1 enters every component of the state at every step, and
    B_bar is scaled to unit norm. Over all tau J sums to 1 where A_bar is normal, so for
    every diagonal one, and to at most N elsewhere.

    Args:
        A_bar: (N,) or dense (N, N), stable.
        B_bar: (N,), not zero.
        T: number of delays.

    Returns:
        (T,) float64.

    Raises:
        TypeError: if A_bar or B_bar is not a tensor, or T is not an integer.
        ValueError: for T < 1, an A_bar that is not stable, a B_bar that is zero, values
            that are not finite, other shapes, or a result too large for memory.

    Source: Ganguli, Huh and Sompolinsky (2008), doi 10.1073/pnas.0804451105.
    """
    A, B = _pair(A_bar, B_bar)
    if not B.any():
        raise ValueError("B_bar must not be zero throughout")
    B = B / _power(B[np.abs(B).argmax()])
    _delays(T, 2 * len(B))
    noise = solve_discrete_lyapunov(A, np.eye(len(A)))
    response = np.empty((len(B), T), complex)  # A^tau B
    response[:, 0] = B / np.linalg.norm(B)
    for tau in range(1, T):
        response[:, tau] = A @ response[:, tau - 1]
    found = (response.conj() * np.linalg.solve(noise, response)).sum(0).real
    return torch.from_numpy(found).to(A_bar.device)

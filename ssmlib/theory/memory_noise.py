"""The memory of a linear state with noise: in its readout, or in the state itself."""

from __future__ import annotations

import numpy as np
import torch
from scipy.linalg import solve_discrete_lyapunov
from torch import Tensor

from ssmlib import _checks
from ssmlib.theory import _poles


def _pair(A_bar: Tensor, B_bar: Tensor) -> tuple[_poles.Complex, _poles.Complex]:
    """A stable system as arrays: (N, N) and (N,), complex128."""
    parts = []
    for name, value in (("A_bar", A_bar), ("B_bar", B_bar)):
        _checks.finite(name, _checks.is_tensor(name, value))
        parts.append(_checks.as_numpy(value.to(torch.complex128)))
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


def _power(z: _poles.Complex) -> np.ndarray:
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
    _poles.delays(T, 2 * len(B))
    noise = solve_discrete_lyapunov(A, np.eye(len(A)))
    response = np.empty((len(B), T), complex)  # A^tau B
    response[:, 0] = B / np.linalg.norm(B)
    for tau in range(1, T):
        response[:, tau] = A @ response[:, tau - 1]
    found = (response.conj() * np.linalg.solve(noise, response)).sum(0).real
    return torch.from_numpy(found).to(A_bar.device)

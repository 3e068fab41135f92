"""HiPPO matrices, from which the first state space models took their state matrix.

All results are float64, and the letters are those of the S4 papers.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.optimize import brentq
from torch import Tensor

from ssmlib import _checks

#: the largest state size: a matrix of it takes 2 GB, its frequencies a minute
MOST = 2**14


#: largest frequency whose square is within float64's range, by a margin
_LARGEST_FREQUENCY = 1e150


def _even(N: int, why: str) -> int:
    _checks.integer("N", N, least=2, most=MOST)
    if N % 2:
        raise ValueError(f"N must be even {why}, got {N}")
    return N


def legs(N: int) -> tuple[Tensor, Tensor]:
    """Return HiPPO-LegS: A (N, N) and B (N,), float64.

    A[n, k] = -sqrt((2n+1)(2k+1)) below the diagonal, -(n+1) on it, 0 above;
    B[n] = sqrt(2n+1). The eigenvalues of A are -1, ..., -N.

    Args:
        N: state size, in 1 .. `MOST`.

    Raises:
        TypeError: if N is not an integer.
        ValueError: if N is outside its range.

    Source: HiPPO (arXiv 2008.07669), S4.
    """
    N = _checks.integer("N", N, most=MOST)
    n = torch.arange(N, dtype=torch.float64, device="cpu")
    B = torch.sqrt(2 * n + 1)
    A = -torch.tril(torch.outer(B, B), -1) - torch.diag(n + 1)
    return A, B


def legs_nplr(N: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return LegS as normal plus low rank: A = V diag(Lambda) V* - P P^T.

    V is unitary and P = B / sqrt(2). The normal part is -1/2 plus a skew matrix S, so
    that -iS is Hermitian and `eigh` gives an exactly unitary V; A itself has no usable
    eigenbasis.

    Args:
        N: state size, even: an odd N would leave a mode without its conjugate. At most
            `MOST`.

    Returns:
        Lambda (N,), complex128, by imaginary part, ascending; P (N,) and B (N,),
        float64; V (N, N), complex128.

    Raises:
        TypeError: if N is not an integer.
        ValueError: if N is odd or outside its range.

    Source: S4 (arXiv 2111.00396), S4D (arXiv 2206.11893).
    """
    _even(N, "for LegS modes in conjugate pairs")
    A, B = legs(N)
    P = B / math.sqrt(2)
    S = A + torch.outer(P, P) + 0.5 * torch.eye(N, dtype=A.dtype, device=A.device)
    omega, V = torch.linalg.eigh(-1j * S.to(torch.complex128))
    return torch.complex(torch.full_like(omega, -0.5), omega), P, B, V


def legs_frequencies(N: int) -> Tensor:
    """Return the N/2 positive imaginary parts of the normal part of LegS, descending.

    Solves theta(omega) = (N/2 - m - 1/2) pi for m = 0 .. N/2-1, where
    theta(y) = sum_k atan(2y / (2k+1)), k < N: one monotone equation per mode, no
    eigensolver. The largest is N^2/pi - pi/6 + O(1/N^2).

    Args:
        N: state size, even, at most `MOST`.

    Returns:
        (N/2,) float64.

    Raises:
        TypeError: if N is not an integer.
        ValueError: if N is odd or outside its range.

    Source: derived in chapter `initialization-schemes`.
    """
    _even(N, "for LegS modes in conjugate pairs")
    odd = 2 * np.arange(N) + 1.0
    roots = [
        brentq(
            lambda y, m=m: np.arctan2(2 * y, odd).sum() - (N / 2 - m - 0.5) * math.pi,
            0.0,
            float(N) ** 2,
            xtol=1e-14,
            rtol=4 * np.finfo(float).eps,
        )
        for m in range(N // 2)
    ]
    return torch.tensor(roots, dtype=torch.float64, device="cpu")


def legs_input_weights(omega: Tensor) -> Tensor:
    """Return the sizes b of the LegS modes' input weights: sqrt(2 / theta'(omega)).

    Both signs of frequency together, their squares add up to N^2.

    Args:
        omega: (N/2,) real, as `legs_frequencies` returns it.

    Returns:
        (N/2,) float64.

    Raises:
        TypeError: if omega is not a real tensor.
        ValueError: for another shape, or a value that is not positive and finite or
            is larger than 1e150.

    Source: derived in chapter `initialization-schemes`.
    """
    omega = _checks.real("omega", omega)
    if omega.ndim != 1 or not len(omega):
        raise ValueError(f"omega must have shape (N/2,), got {tuple(omega.shape)}")
    _checks.positive("omega", omega)
    if bool((omega > _LARGEST_FREQUENCY).any()):
        raise ValueError(
            f"omega must be at most {_LARGEST_FREQUENCY:g}, got {float(omega.max()):g}"
        )
    k = torch.arange(2 * omega.numel(), dtype=torch.float64, device=omega.device)
    k = k + 0.5  # (N,)
    slope = (k / (k**2 + omega[:, None] ** 2)).sum(-1)
    return torch.sqrt(2 / slope)


def fout(N: int) -> tuple[Tensor, Tensor]:
    """Return HiPPO-FouT, a sliding window in the Fourier basis: A (N, N), B (N,).

    A = K - B B^T, where K rotates each pair of states at pi n, n < N/2: the
    frequencies of S4D-Lin. float64.

    Args:
        N: state size, even, at most `MOST`.

    Raises:
        TypeError: if N is not an integer.
        ValueError: if N is odd or outside its range.

    Source: S4-FouT (How to Train Your HiPPO, arXiv 2206.12037).
    """
    _even(N, "for FouT: sine and cosine pairs")
    K = torch.zeros(N, N, dtype=torch.float64, device="cpu")
    n = torch.arange(N // 2, device="cpu")
    frequency = math.pi * n.to(torch.float64)
    K[2 * n, 2 * n + 1] = -frequency
    K[2 * n + 1, 2 * n] = frequency
    B = torch.zeros(N, dtype=K.dtype, device=K.device)
    B[0::2] = math.sqrt(2)
    B[0] = 1.0
    return K - torch.outer(B, B), B


def unhippo(N: int, steps: int, noise: float | Tensor) -> tuple[Tensor, Tensor]:
    """Return UnHiPPO, HiPPO-LegS as the posterior of a state seen through noise.

    The coefficients c of the history follow c_k = A_k c_{k-1} + B_k u_k. The state
    without input keeps the history's polynomial while the interval grows. A Kalman
    filter with process noise 1 takes in the samples, whose noise has the given
    variance.

    Args:
        N: state size, in 1 .. `MOST`.
        steps: number of steps, at least 1.
        noise: variance of the noise of a sample, positive; or several, (m,), which
            takes much less time than a call for each.

    Returns:
        A (steps, N, N) and B (steps, N), float64; (m, steps, N, N) and (m, steps, N)
        for several variances.

    Raises:
        TypeError: if N or steps is not an integer, or noise not a number.
        ValueError: if N or steps is outside its range, noise is not positive, or the
            result does not fit into memory.

    Source: UnHiPPO (arXiv 2506.05065) and its authors' code.
    """
    _checks.integer("N", N, most=MOST)
    _checks.integer("steps", steps)
    noise = _checks.numbers("noise", noise, torch.device("cpu"))
    _checks.positive("noise", noise)
    size = N**2 * steps * noise.numel()
    _checks.fits("N^2 times steps", N**2 * steps, size)
    drift, B = _growing(N), legs(N)[1]
    one = torch.eye(N, dtype=torch.float64, device="cpu")
    P, A_k, B_k = one, [], []
    for k in range(steps):
        A = torch.matrix_exp(log_step(k) * drift)
        P = A @ P @ A.mT + one
        PB = P @ B
        K = PB / (PB @ B + noise)[..., None]
        left = one - K[..., None] * B
        # Joseph's form, which keeps P symmetric and positive
        P = left @ P @ left.mT + noise[..., None, None] * K[..., None] * K[..., None, :]
        A_k.append(left @ A)
        B_k.append(K)
    return torch.stack(A_k, -3), torch.stack(B_k, -2)


def log_step(k: int) -> float:
    """Return the growth log((k+1) / k) of the history's interval by sample k.

    The interval of no samples has no length, so that k = 0 stands for 1.

    Args:
        k: number of earlier samples.

    Raises:
        TypeError: if k is not an integer.
        ValueError: for a negative k.
    """
    start = max(_checks.integer("k", k, least=0), 1)
    return math.log((start + 1) / start)


def _growing(N: int) -> Tensor:
    """The dynamics t dc/dt of a fixed polynomial whose interval [0, t] grows.

    Exactly A^T - 1 with A = -legs(N)[0]. Here the derivative at the end of the interval
    is part of a least-squares problem, which keeps it small.
    """
    A, B = legs(N)
    one = torch.eye(N, dtype=torch.float64, device="cpu")
    n = torch.arange(N, dtype=torch.float64, device="cpu")
    slope = B * n * (n + 1) / 2  # the derivative of each polynomial at 1
    left = torch.cat([one, B[None], slope[None]])
    right = torch.cat([-A.T - one, 2 * slope[None], slope[None]])
    Q, R = torch.linalg.qr(left)
    return torch.linalg.solve_triangular(R, Q.T @ right, upper=True)

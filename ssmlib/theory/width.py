"""What the normal part of HiPPO-LegS becomes as its state grows, exactly and in steps.

With P = B / sqrt(2), A + P P^T is normal, and by Sherman and Morrison

    (s - A - P P^T)^-1 B / 2 = (s - A)^-1 B / (1 + eps_N(s)),
    eps_N(s) = prod_{k < N} (s - k) / (s + k + 1).

The states of the normal part with B / 2 tend to HiPPO's wherever eps_N tends to 0.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import torch
from scipy.special import eval_legendre
from torch import Tensor

from ssmlib import _checks, hippo
from ssmlib.discretization import METHODS
from ssmlib.kernels import log_vandermonde


def transfer_gap(N: int, s: Tensor) -> Tensor:
    """eps_N(s), complex128 of s's shape; at i w its size is w / sqrt(N^2 + w^2).

    For Re s > -1/2 it falls like N^-(2 Re s + 1), s held. Raises ValueError for N < 1.
    Derived in chapter `infinite-width`.
    """
    _checks.integer("N", N)
    s = s.to(torch.complex128).unsqueeze(-1)
    k = torch.arange(N, dtype=torch.float64, device=s.device)
    return ((s - k) / (s + k + 1)).prod(-1)


def legs_basis(n: int, t: Tensor) -> Tensor:
    """K_k(t) = sqrt(2k+1) P_k(2 exp(-t) - 1) exp(-t), k < n: (n, len(t)) float64.

    HiPPO-LegS's states answer an impulse so, t (T,) >= 0 later, P_k Legendre's
    polynomials. Raises ValueError for n < 1. Source: S4D (arXiv 2206.11893).
    """
    k = np.arange(_checks.integer("n", n))[:, None]
    decay = np.exp(-t.double().cpu().numpy())
    found = np.sqrt(2 * k + 1) * eval_legendre(k, 2 * decay - 1) * decay
    return torch.from_numpy(found).to(t.device)


def _normal(N: int, n: int) -> tuple[Tensor, Tensor, Tensor]:
    """(Lambda, V's first n rows, V* B), of one of each conjugate pair."""
    if not 1 <= n <= N:
        raise ValueError(f"n must be in 1 .. N, {N}, got {n}")
    Lambda, _, B, V = hippo.legs_nplr(N)
    keep = Lambda.imag > 0
    weights = (V.mH @ B.to(V.dtype))[keep]
    return Lambda[keep], V[:n, keep], weights


def normal_kernels(
    N: int,
    n: int,
    dt: float,
    L: int,
    *,
    discretization: str = "zoh",
    input_scale: float = 0.5,
) -> Tensor:
    """The first n states' kernels of the normal part, over dt: (n, L) float64.

    Each is the response to a sample of height 1 / dt at step 0, so that it may be read
    beside `legs_basis`. input_scale: what B is multiplied by; the limit has 1/2. Raises
    ValueError for odd N, n > N, dt <= 0 and an unknown discretization.
    """
    _checks.positive("dt", dt)
    _checks.one_of("discretization", discretization, METHODS)
    Lambda, rows, weights = _normal(N, n)
    log_A_bar, B_bar = METHODS[discretization](Lambda, input_scale * weights, dt)
    v = rows * B_bar / dt
    return log_vandermonde(v, log_A_bar.expand_as(v), L)


def normal_responses(N: int, n: int, t: Tensor) -> Tensor:
    """The same states' responses to an impulse at t (T,), undiscretized: (n, T)."""
    Lambda, rows, weights = _normal(N, n)
    phases = torch.exp(Lambda.unsqueeze(-1) * t.double())  # (N/2, T)
    return ((rows * weights) @ phases).real  # twice the real part of half of B


def eigenvector_digits(N: int) -> float:
    """log10 of the condition number of HiPPO-LegS's eigenvectors, each of length 1.

    In Frobenius norms and exact integers: with D = diag(B), the eigenvectors of
    D^-1 A D are (-1)^(i-j) binom(i+j, i-j), their inverse is (2j+1)/(i+j+1)
    binom(2i, i-j). So many digits can a change to that basis lose. Raises ValueError
    for N < 1. Derived in chapter `diagonal-is-enough`; the first matrix is S4's.
    """
    _checks.integer("N", N)
    comb, total = math.comb, Fraction(0)
    for j in range(N):
        size = sum((2 * i + 1) * comb(i + j, i - j) ** 2 for i in range(j, N))
        for k in range(j + 1):
            entry = Fraction((2 * k + 1) * comb(2 * j, j - k), j + k + 1)
            total += size * entry**2 / (2 * k + 1)
    squared = N * total  # too large for a float
    return 0.5 * (math.log10(squared.numerator) - math.log10(squared.denominator))

"""The limit of the normal part of HiPPO-LegS as its state grows.

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
    """Return eps_N(s); at i w its size is w / sqrt(N^2 + w^2).

    For Re s > -1/2 and a fixed s it falls like N^-(2 Re s + 1).

    Args:
        N: state size.
        s: complex or real floating point, any shape, no pole -1, ..., -N.

    Returns:
        complex128 of s's shape.

    Raises:
        TypeError: if N is not an integer or s not such a tensor.
        ValueError: for N < 1, values that are not finite, a pole, or factors that do
            not fit into memory.

    Source: derived in chapter `infinite-width`.
    """
    _checks.integer("N", N)
    if not (_checks.is_tensor("s", s).is_complex() or s.is_floating_point()):
        raise TypeError(f"s must be complex or real floating point, got {s.dtype}")
    _checks.fits("N", N, 6 * N * max(1, s.numel()))
    s = _checks.finite("s", s).to(torch.complex128).unsqueeze(-1)
    k = torch.arange(N, dtype=torch.float64, device=s.device)
    if bool((s + k + 1 == 0).any()):
        raise ValueError(f"s must not be a pole, -1, ..., {-N}")
    return ((s - k) / (s + k + 1)).prod(-1)


def legs_basis(n: int, t: Tensor) -> Tensor:
    """Return how HiPPO-LegS's states answer an impulse, t later.

    K_k(t) = sqrt(2k+1) P_k(2 exp(-t) - 1) exp(-t), with Legendre's polynomials P_k.

    Args:
        n: number of states.
        t: times (T,), at least 0, real.

    Returns:
        (n, T) float64.

    Raises:
        TypeError: if n is not an integer or t not a real tensor.
        ValueError: for n < 1, another shape, times that are negative or not finite, or
            values that do not fit into memory.

    Source: S4D (arXiv 2206.11893).
    """
    t = _times(t)
    _checks.fits("n", _checks.integer("n", n), 4 * n * len(t))
    k = np.arange(n)[:, None]
    decay = np.exp(-_checks.as_numpy(t))
    found = np.sqrt(2 * k + 1) * eval_legendre(k, 2 * decay - 1) * decay
    return torch.from_numpy(found).to(t.device)


def _times(t: Tensor) -> Tensor:
    t = _checks.real("t", t)
    if t.ndim != 1 or not len(t):
        raise ValueError(f"t must have shape (T,), got {tuple(t.shape)}")
    _checks.finite("t", t)
    if bool((t < 0).any()):
        raise ValueError(f"t must be at least 0, got {float(t.min()):g}")
    return t


def _normal(N: int, n: int) -> tuple[Tensor, Tensor, Tensor]:
    """(Lambda, V's first n rows, V* B), of one of each conjugate pair."""
    if not _checks.integer("n", n) <= _checks.integer("N", N):
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
    """Return the kernels of the first n states of the normal part, over dt.

    Each is the response to a sample of height 1 / dt at step 0, so that it can be
    compared with `legs_basis`.

    Args:
        N: state size, even.
        n: number of states, at most N.
        dt: time per step, positive.
        L: number of steps.
        discretization: "zoh" or "bilinear".
        input_scale: factor of B; the limit has 1/2.

    Returns:
        (n, L) float64.

    Raises:
        TypeError: if N, n or L is not an integer, or dt or input_scale not a number.
        ValueError: for odd N, n > N, L < 1, dt <= 0, numbers that are not finite, an
            unknown discretization, or kernels that do not fit into memory or are
            outside float64's range.
    """
    dt = _checks.positive("dt", _checks.number("dt", dt))
    input_scale = _checks.number("input_scale", input_scale)
    _checks.fits("L", _checks.integer("L", L), 2 * _checks.integer("n", n) * L)
    _checks.one_of("discretization", discretization, METHODS)
    Lambda, rows, weights = _normal(N, n)
    log_A_bar, B_bar = METHODS[discretization](Lambda, weights, dt)
    v = rows * (B_bar / dt) * input_scale
    found = log_vandermonde(v, log_A_bar.expand_as(v), L)
    if not bool(torch.isfinite(found).all()):
        raise ValueError(
            "dt and input_scale must give kernels within float64's range, got "
            f"{dt:g} and {input_scale:g}"
        )
    return found


def normal_responses(N: int, n: int, t: Tensor) -> Tensor:
    """Return the same states' responses to an impulse, not discretized.

    Args:
        N: state size, even.
        n: number of states, at most N.
        t: times (T,), at least 0, real.

    Returns:
        (n, T) float64.

    Raises:
        TypeError: if N or n is not an integer or t not a real tensor.
        ValueError: for odd N, n > N, another shape, times that are negative or not
            finite, or phases that do not fit into memory.
    """
    t = _times(t)
    _checks.fits("N", _checks.integer("N", N), 2 * N * len(t))
    Lambda, rows, weights = (part.to(t.device) for part in _normal(N, n))
    phases = torch.exp(Lambda.unsqueeze(-1) * t)  # (N/2, T)
    return ((rows * weights) @ phases).real  # twice the real part of half of B


def eigenvector_digits(N: int) -> float:
    """Return log10 of the condition number of HiPPO-LegS's eigenvectors.

    The eigenvectors have length 1, the norms are Frobenius's, the arithmetic is of
    integers: with D = diag(B), the eigenvectors of D^-1 A D are
    (-1)^(i-j) binom(i+j, i-j), their inverse is (2j+1)/(i+j+1) binom(2i, i-j). A
    change to that basis can lose as many digits.

    Args:
        N: state size, in 1 .. 512: the time grows like N^3, to about 20 seconds.

    Raises:
        TypeError: if N is not an integer.
        ValueError: if N is outside its range.

    Source: derived in chapter `diagonal-is-enough`; the first matrix is S4's.
    """
    _checks.integer("N", N, most=512)
    comb, total = math.comb, Fraction(0)
    for j in range(N):
        size = sum((2 * i + 1) * comb(i + j, i - j) ** 2 for i in range(j, N))
        for k in range(j + 1):
            entry = Fraction((2 * k + 1) * comb(2 * j, j - k), j + k + 1)
            total += size * entry**2 / (2 * k + 1)
    squared = N * total  # too large for a float
    return 0.5 * (math.log10(squared.numerator) - math.log10(squared.denominator))

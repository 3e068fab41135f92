"""The Gram matrix of an SSM's kernels: how hard its readout is to learn.

With fixed eigenvalues, y = sum_j c_j phi_j * x is linear in the readout c, and the
loss a quadratic with Hessian G = <phi_j, phi_k>, in the metric of the input's second
moment. Readout "real": phi_j = Re exp(w_j t). "complex": beside it Im exp(w_j t), so
that G is (2m, 2m), real parts first; a zero sine is left out.
Derived in chapter `imaginary-part`.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ssmlib import _checks
from ssmlib.discretization import phi

READOUTS = ("real", "complex")


def _modes(A: Tensor, readout: str) -> Tensor:
    _checks.one_of("readout", readout, READOUTS)
    if not A.is_complex() or A.ndim != 1 or A.numel() == 0:
        raise TypeError(
            f"A must be complex of shape (m,), got {A.dtype} {tuple(A.shape)}"
        )
    return _checks.stable("A", A).to(torch.complex128)


def _parts(direct: Tensor, mixed: Tensor) -> Tensor:
    """<Re Re>, <Re Im>, <Im Im> from <p_j p_k*> and <p_j p_k>: (2m, 2m)."""
    cos_cos, sin_sin = (direct + mixed).real / 2, (direct - mixed).real / 2
    cos_sin = (mixed - direct).imag / 2  # Re p_j Im p_k
    return torch.cat(
        [torch.cat([cos_cos, cos_sin], 1), torch.cat([cos_sin.mT, sin_sin], 1)]
    )


def gram(A: Tensor, *, readout: str = "real") -> Tensor:
    """G in continuous time over an infinite horizon, for white input.

    A (m,) complex eigenvalues with real parts < 0. Returns float64, (m, m) for
    readout "real", up to (2m, 2m) for "complex". For equal real parts -a, the
    real one is a sum of two Lorentzians,
    ``G_jk = a/(4a^2 + (v_j - v_k)^2) + a/(4a^2 + (v_j + v_k)^2)``.
    Raises ValueError for a real part >= 0: the integral has no end.
    Source: Section 4.3 of arXiv 2411.19455 in our reading; chapter `imaginary-part`.
    """
    A = _modes(A, readout)
    if bool((A.real == 0).any()):
        raise ValueError("A must have real parts < 0 for an infinite horizon")
    direct = -1 / (A[:, None] + A.conj())  # integral of exp(w_j t) exp(w_k t)^*
    mixed = -1 / (A[:, None] + A)
    if readout == "real":
        return (direct + mixed).real / 2
    keep = torch.cat([torch.ones_like(A.imag, dtype=torch.bool), A.imag != 0])
    return _parts(direct, mixed)[keep][:, keep]


def features(A: Tensor, dt: float, L: int, *, readout: str = "real") -> Tensor:
    """The kernels in discrete time: F (L, m), or (L, 2m) for readout "complex".

    F[s, j] = Re(beta_j exp(dt w_j s)) with the zero-order hold's beta; "complex"
    adds the imaginary parts, less those that vanish. Then G = F^T R F with the
    input's second moment R by lag, and a finite horizon is allowed: A may have
    real parts 0. Raises ValueError for a real part > 0, dt <= 0, L < 1.
    """
    A = _modes(A, readout)
    _checks.positive("dt", dt)
    s = torch.arange(_checks.integer("L", L), dtype=torch.float64, device=A.device)
    kernels = dt * phi(dt * A) * torch.exp(dt * A * s[:, None])  # (L, m)
    if readout == "real":
        return kernels.real
    return torch.cat([kernels.real, kernels.imag[:, A.imag != 0]], 1)


def condition_number(G: Tensor, *, normalized: bool = False) -> float:
    """lambda_max / lambda_min of a Gram matrix, inf where it is singular.

    Singular means lambda_min at or below the rounding of lambda_max, m * 2.2e-16 of
    it. normalized: of the correlations G_jk / sqrt(G_jj G_kk) instead. Raises
    ValueError unless G is real, square and symmetric.
    """
    square = not G.is_complex() and G.ndim == 2 and G.shape[0] == G.shape[1]
    if not square or not torch.allclose(G, G.mT):
        raise ValueError(f"G must be real and symmetric, got {tuple(G.shape)}")
    G = _checks.finite("G", G).double()
    if normalized:
        scale = G.diagonal().rsqrt()
        G = scale[:, None] * G * scale
    values = torch.linalg.eigvalsh(G)
    least, most = float(values[0]), float(values[-1])
    rounding = len(G) * torch.finfo(torch.float64).eps * most
    return most / least if least > rounding else math.inf


def lattice_condition(delta: float, a: float = 0.5, *, readout: str = "real") -> float:
    """The condition number of frequencies delta, 2 delta, ... as their number grows.

    cosh(2 pi a / delta) for readout "real", an upper bound for any finite number;
    exp(4 pi a / delta) for "complex". Derived in chapter `imaginary-part`.
    """
    _checks.positive("delta", delta)
    _checks.positive("a", a)
    _checks.one_of("readout", readout, READOUTS)
    x = 2 * math.pi * a / delta
    return math.cosh(x) if readout == "real" else math.exp(2 * x)


def separation_bound(delta: float, a: float = 0.5) -> float:
    """A lower bound on lambda_min of `gram` for frequencies delta apart, all >= 0.

    Gershgorin's circles: (1 - 2 pi^2 a^2 / delta^2) / (4a), positive iff
    delta > sqrt(2) pi a, which is 2.22 at a = 1/2. Derived in chapter `imaginary-part`.
    """
    _checks.positive("delta", delta)
    _checks.positive("a", a)
    return (1 - 2 * (math.pi * a / delta) ** 2) / (4 * a)

"""The Gram matrix of the kernels of an SSM: how difficult its readout is to learn.

With fixed eigenvalues, y = sum_j c_j phi_j * x is linear in the readout c, and the loss
is a quadratic with Hessian G = <phi_j, phi_k>, in the metric of the second moment of
the input. Readout "real" has phi_j = Re exp(w_j t). Readout "complex" has Im exp(w_j t)
too, so that G is (2m, 2m), real parts first; a sine that is zero is left out. Chapter
`imaginary-part` has the derivation.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ssmlib import _checks, _scale
from ssmlib.discretization import phi

READOUTS = ("real", "complex")
_LARGEST_EXPONENT = 709.0  # exp of it is within float64's range


def _modes(A: Tensor, readout: str) -> Tensor:
    _checks.one_of("readout", readout, READOUTS)
    return _checks.modes("A", A)


def _parts(direct: Tensor, mixed: Tensor) -> Tensor:
    """<Re Re>, <Re Im>, <Im Im> from <p_j p_k*> and <p_j p_k>: (2m, 2m)."""
    cos_cos, sin_sin = (direct + mixed).real / 2, (direct - mixed).real / 2
    cos_sin = (mixed - direct).imag / 2  # Re p_j Im p_k
    return torch.cat(
        [torch.cat([cos_cos, cos_sin], 1), torch.cat([cos_sin.mT, sin_sin], 1)]
    )


def gram(A: Tensor, *, readout: str = "real") -> Tensor:
    """Return G in continuous time over an infinite horizon, for white input.

    For equal real parts -a, that of readout "real" is a sum of two Lorentzians,
    ``G_jk = a/(4a^2 + (v_j - v_k)^2) + a/(4a^2 + (v_j + v_k)^2)``.

    Args:
        A: (m,) complex eigenvalues with real parts < 0.
        readout: "real" or "complex".

    Returns:
        float64, (m, m) for readout "real", up to (2m, 2m) for "complex".

    Raises:
        TypeError: if A is not complex.
        ValueError: for a real part >= 0, where the integral has no end, values that
            are not finite, another shape or readout, or a G outside float64's range.

    Source: Section 4.3 of arXiv 2411.19455 in our reading; chapter `imaginary-part`.
    """
    A = _modes(A, readout)
    if bool((A.real == 0).any()):
        raise ValueError("A must have real parts < 0 for an infinite horizon")
    direct = -1 / (A[:, None] + A.conj())  # integral of exp(w_j t) exp(w_k t)^*
    mixed = -1 / (A[:, None] + A)
    _checks.finite("G", direct)
    if readout == "real":
        return (direct + mixed).real / 2
    keep = torch.cat([torch.ones_like(A.imag, dtype=torch.bool), A.imag != 0])
    return _parts(direct, mixed)[keep][:, keep]


def features(A: Tensor, dt: float, L: int, *, readout: str = "real") -> Tensor:
    """Return the kernels in discrete time, one per column.

    F[s, j] = Re(beta_j exp(dt w_j s)) with the zero-order hold's beta; "complex"
    adds the imaginary parts, less those that vanish. Then G = F^T R F with the
    input's second moment R by lag.

    Args:
        A: (m,) complex eigenvalues with real parts <= 0: the horizon is finite.
        dt: time per step, positive.
        L: number of steps.
        readout: "real" or "complex".

    Returns:
        F, float64, (L, m), or up to (L, 2m) for readout "complex".

    Raises:
        TypeError: if A is not complex, dt not a real number, or L not an integer.
        ValueError: for a real part > 0, dt <= 0, L < 1, values that are not finite, or
            an F that does not fit into memory or is outside float64's range.
    """
    A = _modes(A, readout)
    dt = _checks.positive("dt", _checks.number("dt", dt))
    _checks.fits("L", _checks.integer("L", L), 4 * L * len(A))
    s = torch.arange(L, dtype=torch.float64, device=A.device)
    kernels = dt * phi(dt * A) * torch.exp(dt * A * s[:, None])  # (L, m)
    if not bool(torch.isfinite(kernels).all()):
        raise ValueError(
            "A and dt must have a product within float64's range, got "
            f"|A| up to {float(A.abs().max()):g} and dt {dt:g}"
        )
    if readout == "real":
        return kernels.real
    return torch.cat([kernels.real, kernels.imag[:, A.imag != 0]], 1)


def condition_number(G: Tensor, *, normalized: bool = False) -> float:
    """Return lambda_max / lambda_min of a Gram matrix, inf if it is singular.

    Singular means lambda_min at or below the rounding of lambda_max, m * 2.2e-16 of
    it.

    Args:
        G: (m, m) real and symmetric.
        normalized: use the correlations G_jk / sqrt(G_jj G_kk) instead.

    Raises:
        TypeError: if G is not a real tensor.
        ValueError: for another shape, a G that is not symmetric, values that are not
            finite, or a diagonal that is not positive if normalized.
    """
    G = _checks.symmetric("G", _checks.real("G", G), rtol=1e-5, atol=1e-8).detach()
    if normalized:
        scale = _checks.positive("the diagonal of G", G.diagonal()).rsqrt()
        G = scale[:, None] * G * scale
    else:
        G = _scale.shifted(G, _scale.shift(G))
    values = torch.linalg.eigvalsh(G)
    least, most = float(values[0]), float(values[-1])
    rounding = len(G) * torch.finfo(torch.float64).eps * most
    return most / least if least > rounding else math.inf


def lattice_condition(delta: float, a: float = 0.5, *, readout: str = "real") -> float:
    """Return the condition number of frequencies delta, 2 delta, ... in the limit.

    As their number grows, it tends to cosh(2 pi a / delta) for readout "real", an
    upper bound for any finite number, and to exp(4 pi a / delta) for "complex".

    Args:
        delta: spacing of the frequencies, positive.
        a: damping, positive: the real parts are -a.
        readout: "real" or "complex".

    Raises:
        TypeError: if delta or a is not a real number.
        ValueError: if one is not positive and finite, for another readout, or if the
            result is outside float64's range.

    Source: derived in chapter `imaginary-part`.
    """
    delta = _checks.positive("delta", _checks.number("delta", delta))
    a = _checks.positive("a", _checks.number("a", a))
    _checks.one_of("readout", readout, READOUTS)
    x = 2 * math.pi * a / delta
    if x > _LARGEST_EXPONENT / (1 if readout == "real" else 2):
        raise ValueError(
            f"delta must be at least about a / 100 for a result below 1e308, got "
            f"delta {delta:g} and a {a:g}"
        )
    return math.cosh(x) if readout == "real" else math.exp(2 * x)


def separation_bound(delta: float, a: float = 0.5) -> float:
    """Return a lower bound on lambda_min of `gram` for frequencies delta apart.

    Gershgorin's circles: (1 - 2 pi^2 a^2 / delta^2) / (4a), positive iff
    delta > sqrt(2) pi a, which is 2.22 at a = 1/2.

    Args:
        delta: smallest distance of the frequencies, all >= 0; positive.
        a: damping, positive: the real parts are -a.

    Raises:
        TypeError: if delta or a is not a real number.
        ValueError: if one is not positive and finite, or the bound is outside
            float64's range.

    Source: derived in chapter `imaginary-part`.
    """
    delta = _checks.positive("delta", _checks.number("delta", delta))
    a = _checks.positive("a", _checks.number("a", a))
    ratio = math.pi * a / delta
    found = (1 - 2 * ratio * ratio) / (4 * a)
    if not math.isfinite(found):
        raise ValueError(
            "delta and a must give a bound within float64's range, got delta "
            f"{delta:g} and a {a:g}"
        )
    return found

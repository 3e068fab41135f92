"""Gradient descent and least squares on a quadratic loss, in closed form.

``J(c) = |F c - t|^2`` for features F (L, m) and a target t (L,) by lag: the population
loss of a linear readout under white input. The same loss through its Gram matrix is
``c^T G c - 2 c^T g + |t|^2`` with G = F^T F, g = F^T t.

`population` has the loss as a function of a layer's eigenvalues. Its functions can be
called from this module too.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ssmlib import _checks, _scale
from ssmlib.theory.population import loss_gradient, population_loss, readout_kernel

__all__ = [
    "descent_error",
    "descent_excess",
    "least_error",
    "loss_gradient",
    "population_loss",
    "readout_kernel",
    "recovery",
    "recovery_with_noise",
    "two_mode_condition",
    "two_mode_error",
]


def _features(F: Tensor) -> Tensor:
    """Checked features, float64, shifted: no result depends on their size."""
    if _checks.is_tensor("F", F).is_complex() or F.ndim != 2 or not F.numel():
        raise ValueError(f"F must be real, (L, m), got {F.dtype} {tuple(F.shape)}")
    F = _checks.finite("F", F).double()
    return _scale.shifted(F, _scale.shift(F))


def _curvatures(F: Tensor) -> tuple[Tensor, Tensor]:
    """(directions (L, k), curvatures (k,)) of F F^T, k = min(L, m), largest first."""
    U, S, _ = torch.linalg.svd(_features(F), full_matrices=False)
    if not bool(S[0] > 0):
        raise ValueError("F must not be zero throughout")
    return U, S.square()


def _target(name: str, target: Tensor, length: int) -> Tensor:
    """A checked vector (length,), float64, shifted."""
    target = _checks.real(name, target)
    if target.shape != (length,):
        raise ValueError(
            f"{name} must have shape ({length},), got {tuple(target.shape)}"
        )
    _checks.finite(name, target)
    return _scale.shifted(target, _scale.shift(target))


def _shares(F: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """(curvatures (k,), the target's share of |t|^2 along each direction (k,))."""
    U, curvature = _curvatures(F)
    target = _target("target", target, len(U))
    size = target.square().sum()
    if not bool(size > 0):
        raise ValueError("target must not be zero throughout")
    return curvature, (U.mT @ target).square() / size


def _steps(steps, device: torch.device) -> Tensor:
    """Integers >= 0, one or (k,), as float64."""
    found = _checks.numbers("steps", steps, device)
    if bool((found != found.floor()).any()):
        raise TypeError(f"steps must be integers, got {steps!r}")
    if bool((found < 0).any()):
        raise ValueError(f"steps must be at least 0, got {steps!r}")
    return found


def _cut(curvature: Tensor, cut: float) -> Tensor:
    """Which of the curvatures count."""
    if not 0 <= _checks.number("cut", cut) < 1:
        raise ValueError(f"cut must be in [0, 1), got {cut}")
    return curvature > cut**2 * curvature[0]


def descent_error(F: Tensor, target: Tensor, steps) -> Tensor:
    """Return ``J / |t|^2`` after gradient descent from c = 0.

    J / 2 is minimized with step size 1 / lambda_max. Along an eigenvector of F F^T with
    curvature lambda the residual shrinks by 1 - lambda / lambda_max per step.

    Args:
        F: features (L, m), real.
        target: (L,), real.
        steps: numbers of steps, integers, one or (k,).

    Returns:
        () or (k,) float64, 1 after no step.

    Raises:
        TypeError: if F or target is not a real tensor, or steps are not integers.
        ValueError: for other shapes, values that are not finite, negative steps, or an
            F or target that is zero throughout.
    """
    curvature, share = _shares(F, target)
    steps = _steps(steps, share.device)
    left = (1 - curvature / curvature[0]).clamp(min=0) ** (2 * steps[..., None])
    return 1 - (share * (1 - left)).sum(-1)


def least_error(F: Tensor, target: Tensor, cut: float = 1e-9) -> float:
    """Return the lowest ``J / |t|^2`` over c.

    Args:
        F: features (L, m), real.
        target: (L,), real.
        cut: singular values at or below this share of the largest count as 0.

    Raises:
        TypeError: if F or target is not a real tensor, or cut not a number.
        ValueError: as `descent_error`, or for a cut outside [0, 1).
    """
    curvature, share = _shares(F, target)
    return float(1 - share.detach()[_cut(curvature, cut)].sum())


def recovery(F: Tensor, cut: float = 1e-9) -> Tensor:
    """Return the share of x_{L-s} that the state represents, by lag s.

    It is the share of the variance of white noise s steps back that a linear readout of
    the state explains, F_s^T G^+ F_s. Its sum is the rank of F. It is computed by an
    SVD with a cut; `theory.memory.finite_memory_function` computes it from the
    eigenvalues, without a cut. It jumps where a singular value crosses the cut;
    `recovery_with_noise` is continuous in F.

    Args:
        F: features (L, m), real.
        cut: singular values at or below this share of the largest count as 0.

    Returns:
        (L,) float64, each between 0 and 1.

    Raises:
        TypeError: if F is not a real tensor, or cut not a number.
        ValueError: for other shapes, values that are not finite, an F that is zero
            throughout, or a cut outside [0, 1).
    """
    U, curvature = _curvatures(F)
    return U[:, _cut(curvature, cut)].square().sum(1)


def recovery_with_noise(F: Tensor, noise: float) -> Tensor:
    """Return the share of x_{L-s} that a state with noise represents, by lag s.

    White noise of variance v = noise * tr(G) / m is added to each of the m components
    of the state, whose mean variance is tr(G) / m under white input. The share is that
    of the best linear readout, F_s^T (G + v I)^-1 F_s, which is a ridge regression with
    penalty v. It tends to `recovery` without a cut as noise -> 0.

    Args:
        F: features (L, m), real.
        noise: variance of the noise over the mean variance of the components, positive.

    Returns:
        (L,) float64, each between 0 and 1.

    Raises:
        TypeError: if F is not a real tensor, or noise not a number.
        ValueError: for other shapes, values that are not finite, an F that is zero
            throughout, or noise <= 0.
    """
    noise = _checks.positive("noise", _checks.number("noise", noise))
    U, curvature = _curvatures(F)
    share = curvature / curvature.sum()  # the penalty itself may overflow
    return (U.square() * (share / (share + noise / F.shape[1]))).sum(1)


def descent_excess(G: Tensor, best: Tensor, steps) -> Tensor:
    """Return J(c_T) - J(best) after T steps of gradient descent from c = 0.

    J(c) - J(best) = (c - best)^T G (c - best), and the step size for J / 2 is
    1 / lambda_max(G).

    Args:
        G: (m, m) real, symmetric, positive semidefinite.
        best: the minimizer (m,), real.
        steps: numbers of steps T, integers, one or (k,).

    Returns:
        () or (k,) float64.

    Raises:
        TypeError: if G or best is not a real tensor, or steps are not integers.
        ValueError: for other shapes, values that are not finite, negative steps, a G
            that is not symmetric or positive semidefinite, or an excess outside
            float64's range.
    """
    G = _checks.symmetric("G", _checks.real("G", G), rtol=1e-5, atol=1e-8)
    by = _scale.shift(G)
    values, Q = torch.linalg.eigh(_scale.shifted(G, by))
    if not bool(values[-1] > 0) or bool(values[0] < -1e-8 * values[-1]):
        raise ValueError("G must be positive semidefinite, and not zero throughout")
    steps = _steps(steps, G.device)
    of_best = _scale.shift(_checks.real("best", best))
    along = Q.mT @ _target("best", best, len(G))
    left = (1 - values / values[-1]).clamp(min=0) ** (2 * steps[..., None])
    found = (values * left * along.square()).sum(-1)
    if by == of_best == 0:  # an excess may vanish
        return found
    if not bool((found != 0).any()) and bool(((left > 0) & (along != 0)).any()):
        raise ValueError(
            "the excess of G and best must be within float64's range, and is smaller "
            "than 2.23e-308: scale the input"
        )
    return _scale.restored("the excess of G and best", found, by, of_best, of_best)


def two_mode_condition(d: float) -> float:
    """Return the condition number of two damped cosines d apart, far from 0.

    It is 1 + 2 / d^2 for real parts -1/2 and a real readout.

    Args:
        d: distance of the frequencies, positive.

    Raises:
        TypeError: if d is not a real number.
        ValueError: if d is not positive and finite, or below 1.1e-154, where the
            result is outside float64's range.

    Source: derived in chapter `approximation-estimation`.
    """
    d = _checks.positive("d", _checks.number("d", d))
    if d < 1.1e-154:
        raise ValueError(f"d must be at least 1.1e-154, got {d}")
    return 1 + 2 / d / d


def two_mode_error(d: float, e: float, sign: int) -> float:
    """Return the lowest relative error of two frequencies for a target with two.

    The model's are f -+ d/2 and the target's f -+ e/2, far from 0. The target is
    exp(-t/2)(cos((f - e/2) t) + sign cos((f + e/2) t)). The readout is real.

    Args:
        d: distance of the model's frequencies, in 1e-60 .. 1e60.
        e: distance of the target's frequencies, in 1e-60 .. 1e60.
        sign: 1 or -1.

    Raises:
        TypeError: if d or e is not a real number, or sign not an integer.
        ValueError: if one is outside its range.

    Source: derived in chapter `approximation-estimation`.
    """
    d = _checks.positive("d", _checks.number("d", d))
    e = _checks.positive("e", _checks.number("e", e))
    for name, value in (("d", d), ("e", e)):
        if not 1e-60 <= value <= 1e60:
            raise ValueError(f"{name} must be in 1e-60 .. 1e60, got {value}")
    if _checks.integer("sign", sign, least=-1) not in (1, -1):
        raise ValueError(f"sign must be 1 or -1, got {sign}")
    # Overlaps are 1 / (2 (1 + x^2)). One minus the squared cosine, with a = (d - e) / 2
    # and b = (d + e) / 2, has the factor a^2 b^2 in closed form; no term is negative.
    a, b = ((d - e) / 2) ** 2, ((d + e) / 2) ** 2
    both, s = (1 + a) * (1 + b), a + b
    apart = a / (1 + a) * (b / (1 + b))
    if sign == -1:
        return apart * ((6 + 2 * s + a * b) / both)
    d, e = d**2, e**2
    rest = (s + 5) / both * ((s + 2) / (2 + d)) * ((s + 2) / (2 + e))
    return apart * (rest + d / (2 + d) * (e / (2 + e)))

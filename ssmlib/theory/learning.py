"""Gradient descent and least squares on a quadratic loss, in closed form.

``J(c) = |F c - t|^2`` for features F (L, m) and a target t (L,) by lag: the population
loss of a linear readout under white input. The same loss through its Gram matrix is
``c^T G c - 2 c^T g + |t|^2`` with G = F^T F, g = F^T t.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ssmlib import _checks, _scale
from ssmlib.theory import memory


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

    Steps have size 1 / lambda_max on J / 2. Along an eigenvector of F F^T with
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
    """Return the share of x_{L-s} that the state holds, by lag s.

    The share of the variance of white noise s steps back that a linear readout of
    the state explains, F_s^T G^+ F_s; its sum is the rank of F. By an SVD with a cut;
    `theory.memory.finite_memory_function` has it from the eigenvalues, without one.

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


def descent_excess(G: Tensor, best: Tensor, steps) -> Tensor:
    """Return J(c_T) - J(best) after T steps of gradient descent from c = 0.

    Steps have size 1 / lambda_max on J / 2.

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


def _layer(eigenvalues: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Checked eigenvalues and weights, complex128 (..., n)."""
    for name, value in (("eigenvalues", eigenvalues), ("weights", weights)):
        _checks.is_tensor(name, value)
        if not value.is_complex() or not value.ndim or not value.numel():
            raise ValueError(
                f"{name} must be complex, (..., n), got {value.dtype} "
                f"{tuple(value.shape)}"
            )
        _checks.finite(name, value)
    if eigenvalues.shape[-1] != weights.shape[-1]:
        raise ValueError(
            "eigenvalues and weights must be as many, got "
            f"{tuple(eigenvalues.shape)} and {tuple(weights.shape)}"
        )
    _checks.broadcast(eigenvalues=eigenvalues.shape, weights=weights.shape)
    largest = float(eigenvalues.detach().abs().max())
    if largest >= 1:
        raise ValueError(f"eigenvalues must have |lambda| < 1, got {largest:.17g}")
    return eigenvalues.to(torch.complex128), weights.to(torch.complex128)


def _teacher(teacher: Tensor) -> Tensor:
    _checks.is_tensor("teacher", teacher)
    if teacher.is_complex() or teacher.ndim != 1 or not len(teacher):
        raise ValueError(
            f"teacher must be real, (K,) with K >= 1, got {teacher.dtype} "
            f"{tuple(teacher.shape)}"
        )
    return _checks.finite("teacher", teacher).double()


def _powers(x: Tensor, lags: Tensor) -> Tensor:
    """x^lag (..., n, k) by squaring: without a logarithm, so that x may be 0."""
    found, square = torch.ones_like(x)[..., None], x[..., None]
    while bool((lags > 0).any()):
        found = torch.where(lags % 2 == 1, found * square, found)
        square, lags = square * square, lags // 2
    return found.expand(*x.shape, len(lags))


def population_loss(eigenvalues: Tensor, weights: Tensor, teacher: Tensor) -> Tensor:
    """Return ``sum_tau (gamma_tau - beta_tau)^2``, the mean squared error of a layer.

    Its kernel ``gamma_tau = Re sum_k w_k lambda_k^tau`` against a linear teacher beta,
    under white input of variance 1 and an infinite past, by the modes' Gram matrix.
    Differentiable twice in weights and eigenvalues.

    Args:
        eigenvalues: those of the discrete map, complex (..., n), ``|lambda| < 1``.
        weights: C B_bar, doubled for stored modes, complex (..., n).
        teacher: real (K,), and 0 from K on.

    Returns:
        (...) float64.

    Raises:
        TypeError: if one is not a tensor, or the teacher not real.
        ValueError: for ``|lambda| >= 1``, values that are not finite or not complex,
            or other shapes.
    """
    x, w = _layer(eigenvalues, weights)
    beta = _teacher(teacher)
    twice = w[..., :, None] * w[..., None, :] / (1 - x[..., :, None] * x[..., None, :])
    y, v = x.conj(), w.conj()
    once = w[..., :, None] * v[..., None, :] / (1 - x[..., :, None] * y[..., None, :])
    energy = (twice + once).real.sum((-2, -1)) / 2
    lags = beta.nonzero().squeeze(-1)  # a delay has one, whatever K is
    met = (w * (_powers(x, lags) @ beta[lags].to(x.dtype))).real.sum(-1)
    return energy - 2 * met + beta.square().sum()


def loss_gradient(
    eigenvalues: Tensor, weights: Tensor, teacher: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the gradient of `population_loss` to weights and eigenvalues.

    As torch gives it, d/dRe + i d/dIm, which is twice the derivative to the conjugate:
    with e = gamma - beta, ``2 sum_tau e_tau conj(lambda_k^tau)`` and
    ``2 sum_tau e_tau conj(w_k tau lambda_k^(tau - 1))``.

    Args:
        eigenvalues: as `population_loss`.
        weights: as `population_loss`.
        teacher: as `population_loss`.

    Returns:
        complex128, (..., n) each.

    Raises:
        TypeError: as `population_loss`.
        ValueError: as `population_loss`.
    """
    for name, value in (("eigenvalues", eigenvalues), ("weights", weights)):
        _checks.is_tensor(name, value)
    x, w = _layer(eigenvalues.detach(), weights.detach())
    beta = _teacher(teacher)
    y, v = x.conj(), w.conj()
    straight = 1 / (1 - y[..., :, None] * x[..., None, :])  # (..., n, n)
    turned = 1 / (1 - y[..., :, None] * y[..., None, :])
    met = (straight @ w[..., None] + turned @ v[..., None]).squeeze(-1)
    slope = straight**2 @ (w * x)[..., None] + turned**2 @ (v * y)[..., None]
    lags = torch.arange(len(beta), device=beta.device)
    powers = _powers(y, lags)  # (..., n, K)
    wanted = powers @ beta.to(y.dtype)
    later = powers[..., :-1] @ (lags * beta)[1:].to(y.dtype)
    return met - 2 * wanted, v * (slope.squeeze(-1) - 2 * later)


def readout_kernel(eigenvalues: Tensor, T: int, *, whitened: bool = False) -> Tensor:
    """Return the matrix K of gradient flow on the readout, by lags < T.

    The flow is gamma' = -2 K (gamma - beta). In the weights of `population_loss`, K is
    ``Re sum_k lambda_k^tau conj(lambda_k)^sigma``; in those of a whitened state, the
    projector on what the modes and their conjugates span, with MF on its diagonal. The
    squared gradient is ``4 e^T K e`` in either, e = gamma - beta.

    Args:
        eigenvalues: complex (n,), ``|lambda| < 1``.
        T: number of lags.
        whitened: whether the state is whitened.

    Returns:
        (T, T) float64.

    Raises:
        TypeError: if eigenvalues are not complex, or T not an integer.
        ValueError: for ``|lambda| >= 1``, T < 1, values that are not finite, or a K
            that does not fit into memory.
    """
    _checks.fits("T", _checks.integer("T", T), 2 * T**2)
    _checks.is_complex("eigenvalues", eigenvalues)
    if eigenvalues.ndim != 1:
        raise ValueError(
            f"eigenvalues must have shape (n,), got {tuple(eigenvalues.shape)}"
        )
    if whitened:
        closed = torch.cat([eigenvalues, eigenvalues.conj()])
        rows = memory.whitened_kernels(closed, T)
    else:
        x, _ = _layer(eigenvalues, eigenvalues)
        lags = torch.arange(T, device=x.device)
        rows = _powers(x, lags)
    return (rows.mH @ rows).real

"""Gradient descent and least squares on a quadratic loss, in closed form.

``J(c) = |F c - t|^2`` for features F (L, m) and a target t (L,) by lag: the population
loss of a linear readout under white input. The same loss through its Gram matrix is
``c^T G c - 2 c^T g + |t|^2`` with G = F^T F, g = F^T t.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ssmlib import _checks
from ssmlib.theory import memory


def _curvatures(F: Tensor) -> tuple[Tensor, Tensor]:
    """(directions (L, k), curvatures (k,)) of F F^T, k = min(L, m), largest first."""
    if F.is_complex() or F.ndim != 2:
        raise ValueError(f"F must be real, (L, m), got {F.dtype} {tuple(F.shape)}")
    U, S, _ = torch.linalg.svd(_checks.finite("F", F).double(), full_matrices=False)
    return U, S.square()


def descent_error(F: Tensor, target: Tensor, steps) -> Tensor:
    """``J / |t|^2`` after gradient descent from c = 0, relative to c = 0: (k,) or ().

    steps: integers, one or (k,), of size 1 / lambda_max on J / 2. Along an
    eigenvector of F F^T with curvature lambda the residual shrinks by
    1 - lambda / lambda_max a step. F (L, m), target (L,).
    """
    U, curvature = _curvatures(F)
    share = (U.mT @ target.double()).square() / target.double().square().sum()
    steps = torch.as_tensor(steps, dtype=torch.float64, device=F.device)
    left = (1 - curvature / curvature[0]).clamp(min=0) ** (2 * steps[..., None])
    return 1 - (share * (1 - left)).sum(-1)


def least_error(F: Tensor, target: Tensor, cut: float = 1e-9) -> float:
    """The least ``J / |t|^2`` over c.

    Singular values below cut times the largest count as 0.
    """
    U, curvature = _curvatures(F)
    kept = U[:, curvature > cut**2 * curvature[0]]
    share = (kept.mT @ target.double()).square().sum() / target.double().square().sum()
    return float(1 - share)


def recovery(F: Tensor, cut: float = 1e-9) -> Tensor:
    """How much of x_{L-s} the state holds, by lag s: (L,), each between 0 and 1.

    The share of the variance of white noise s steps back that a linear readout of
    the state explains, F_s^T G^+ F_s; its sum is the rank of F. By an SVD with a cut;
    `theory.memory.finite_memory_function` has it from the eigenvalues, without one.
    """
    U, curvature = _curvatures(F)
    return U[:, curvature > cut**2 * curvature[0]].square().sum(1)


def descent_excess(G: Tensor, best: Tensor, steps) -> Tensor:
    """J(c_T) - J(best) from c = 0, T steps of size 1 / lambda_max on J / 2.

    G (m, m), best (m,) the minimizer; steps one or (k,).
    """
    values, Q = torch.linalg.eigh(G)
    steps = torch.as_tensor(steps, dtype=torch.float64, device=G.device)
    left = (1 - values / values[-1]).clamp(min=0) ** (2 * steps[..., None])
    return (values * left * (Q.mT @ best).square()).sum(-1)


def _overlap(x):
    return 1 / (2 * (1 + x**2))


def two_mode_condition(d: float) -> float:
    """Condition number of two damped cosines d apart, far from 0: 1 + 2 / d^2.

    Real parts -1/2, real readout. Derived in chapter `approximation-estimation`.
    """
    _checks.positive("d", d)
    return 1 + 2 / d**2


def two_mode_error(d: float, e: float, sign: int) -> float:
    """The least relative error of frequencies f -+ d/2 for a target at f -+ e/2.

    Target exp(-t/2)(cos((f - e/2) t) + sign cos((f + e/2) t)), f far from 0, real
    readout. Derived in chapter `approximation-estimation`.
    """
    _checks.positive("d", d)
    _checks.positive("e", e)
    if sign not in (1, -1):
        raise ValueError(f"sign must be 1 or -1, got {sign}")
    met = _overlap((d - e) / 2) + sign * _overlap((d + e) / 2)
    norm = (_overlap(0) + sign * _overlap(d)) * (_overlap(0) + sign * _overlap(e))
    return 1 - met**2 / norm


def _layer(eigenvalues: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Checked eigenvalues and weights, complex128 (..., n)."""
    for name, value in (("eigenvalues", eigenvalues), ("weights", weights)):
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
    largest = float(eigenvalues.detach().abs().max())
    if largest >= 1:
        raise ValueError(f"eigenvalues must have |lambda| < 1, got {largest:.17g}")
    return eigenvalues.to(torch.complex128), weights.to(torch.complex128)


def _teacher(teacher: Tensor) -> Tensor:
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
    """``sum_tau (gamma_tau - beta_tau)^2``, the mean squared error of a layer: (...).

    Its kernel ``gamma_tau = Re sum_k w_k lambda_k^tau`` against a linear teacher beta,
    under white input of variance 1 and an infinite past, by the modes' Gram matrix.
    eigenvalues, those of the discrete map, and weights (C B_bar, doubled for stored
    modes) are complex (..., n); teacher is real (K,), and 0 from K on. Float64,
    differentiable twice in weights and eigenvalues. Raises ValueError for
    ``|lambda| >= 1`` and for what is not of this kind.
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
    """The gradient of `population_loss` to weights and eigenvalues: (..., n) each.

    As torch gives it, d/dRe + i d/dIm, which is twice the derivative to the conjugate:
    with e = gamma - beta, ``2 sum_tau e_tau conj(lambda_k^tau)`` and
    ``2 sum_tau e_tau conj(w_k tau lambda_k^(tau - 1))``.
    """
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
    """K by lags < T: gradient flow on the readout is gamma' = -2 K (gamma - beta).

    Float64 (T, T); eigenvalues complex (n,). In the weights of `population_loss`,
    ``Re sum_k lambda_k^tau conj(lambda_k)^sigma``; in those of a whitened state, the
    projector on what the modes and their conjugates span, with MF on its diagonal. The
    squared gradient is ``4 e^T K e`` in either, e = gamma - beta.
    """
    if whitened:
        closed = torch.cat([eigenvalues, eigenvalues.conj()])
        rows = memory.whitened_kernels(closed, T)
    else:
        x, _ = _layer(eigenvalues, eigenvalues)
        lags = torch.arange(_checks.integer("T", T), device=x.device)
        rows = _powers(x, lags)
    return (rows.mH @ rows).real

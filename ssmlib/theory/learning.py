"""Gradient descent and least squares on a quadratic loss, in closed form.

``J(c) = |F c - t|^2`` for features F (L, m) and a target t (L,) by lag: the population
loss of a linear readout under white input. The same loss through its Gram matrix is
``c^T G c - 2 c^T g + |t|^2`` with G = F^T F, g = F^T t.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ssmlib import _checks


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

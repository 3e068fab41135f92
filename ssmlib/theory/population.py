"""The loss of a linear layer under white input, its gradient, and how it moves.

The layer has the kernel ``gamma_tau = Re sum_k w_k lambda_k^tau`` and the teacher is
linear too, so that the loss over an infinite past is a closed form in both.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ssmlib import _checks, _scale
from ssmlib.theory import memory


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
            other shapes, or a loss outside float64's range.
    """
    x, w = _layer(eigenvalues, weights)
    beta = _teacher(teacher)
    twice = w[..., :, None] * w[..., None, :] / (1 - x[..., :, None] * x[..., None, :])
    y, v = x.conj(), w.conj()
    once = w[..., :, None] * v[..., None, :] / (1 - x[..., :, None] * y[..., None, :])
    energy = (twice + once).real.sum((-2, -1)) / 2
    lags = beta.nonzero().squeeze(-1)  # a delay has one, whatever K is
    met = (w * (_powers(x, lags) @ beta[lags].to(x.dtype))).real.sum(-1)
    _check_size(_scale.largest(w), _scale.largest(beta))
    return _scale.restored("the loss", energy - 2 * met + beta.square().sum())


def _check_size(weights: float, teacher: float) -> None:
    """Refuse weights and a teacher whose squares all underflow to zero."""
    size = max(weights, teacher)
    if size > 0 and size * size < torch.finfo(torch.float64).tiny:
        raise ValueError(
            "weights and teacher must be large enough for a loss within float64's "
            f"range, 2.23e-308 and more, got absolute values of at most {size:.3g}: "
            "scale both"
        )


def loss_gradient(
    eigenvalues: Tensor, weights: Tensor, teacher: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the gradient of `population_loss` to weights and eigenvalues.

    The convention is PyTorch's, d/dRe + i d/dIm, which is twice the derivative with
    respect to the conjugate. With e = gamma - beta the gradients are
    ``2 sum_tau e_tau conj(lambda_k^tau)`` and
    ``2 sum_tau e_tau conj(w_k tau lambda_k^(tau - 1))``.

    Args:
        eigenvalues: as `population_loss`.
        weights: as `population_loss`.
        teacher: as `population_loss`.

    Returns:
        complex128, (..., n) each.

    Raises:
        TypeError: as `population_loss`.
        ValueError: as `population_loss`, with the gradient for the loss.
    """
    for name, value in (("eigenvalues", eigenvalues), ("weights", weights)):
        _checks.is_tensor(name, value)
    x, w = _layer(eigenvalues.detach(), weights.detach())
    beta = _teacher(teacher)
    by = _scale.shift(w, beta)
    w, beta = _scale.shifted(w, by), _scale.shifted(beta, by)
    y, v = x.conj(), w.conj()
    straight = 1 / (1 - y[..., :, None] * x[..., None, :])  # (..., n, n)
    turned = 1 / (1 - y[..., :, None] * y[..., None, :])
    met = (straight @ w[..., None] + turned @ v[..., None]).squeeze(-1)
    slope = straight**2 @ (w * x)[..., None] + turned**2 @ (v * y)[..., None]
    lags = torch.arange(len(beta), device=beta.device)
    powers = _powers(y, lags)  # (..., n, K)
    wanted = powers @ beta.to(y.dtype)
    later = powers[..., :-1] @ (lags * beta)[1:].to(y.dtype)
    return (
        _restored("weights", met - 2 * wanted, by),
        _restored("eigenvalues", v * (slope.squeeze(-1) - 2 * later), by, by),
    )


def _restored(name: str, gradient: Tensor, *by: int) -> Tensor:
    """Return a gradient in the units of its arguments, if they can represent it."""
    parts = torch.view_as_real(gradient.resolve_conj())
    parts = _scale.restored(f"the gradient to {name}", parts, *by)
    return torch.view_as_complex(parts)


def readout_kernel(eigenvalues: Tensor, T: int, *, whitened: bool = False) -> Tensor:
    """Return the matrix K of gradient flow on the readout, by lags < T.

    The flow is gamma' = -2 K (gamma - beta). In the weights of `population_loss`, K is
    ``Re sum_k lambda_k^tau conj(lambda_k)^sigma``; in those of a whitened state, the
    projector on the span of the modes and their conjugates, with MF on its diagonal.
    The squared gradient is ``4 e^T K e`` in either, e = gamma - beta.

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

"""A history as the coefficients of polynomials: HiPPO's state, step by step."""

from __future__ import annotations

import torch
from torch import Tensor

from ssmlib import _checks, _scale, hippo


def legs_steps(N: int, steps: int) -> tuple[Tensor, Tensor]:
    """Return HiPPO-LegS step by step: c_k = A_k c_{k-1} + B_k u_k.

    Sample k is held while the interval grows from k to k + 1, as a part of the
    solution of t dc/dt = A c + B u. The result is exact then.

    Args:
        N: number of coefficients, in 1 .. `hippo.MOST`.
        steps: number of steps, at least 1.

    Returns:
        A (steps, N, N) and B (steps, N), float64.

    Raises:
        TypeError: if an argument is not an integer.
        ValueError: for an argument out of range, or a result that does not fit into
            memory.

    Source: HiPPO (arXiv 2008.07669).
    """
    A, B = hippo.legs(N)
    _checks.integer("steps", steps)
    _checks.fits("N^2 times steps", N**2 * steps, N**2 * steps)
    A_k = torch.stack([torch.matrix_exp(hippo.log_step(k) * A) for k in range(steps)])
    held = torch.linalg.solve_triangular(A, B[:, None], upper=False)[:, 0]
    return A_k, A_k @ held - held


def states(A: Tensor, B: Tensor, u: Tensor) -> Tensor:
    """Return the coefficients after the last sample.

    Args:
        A: (..., steps, N, N) real, as `hippo.unhippo` and `legs_steps` return it.
        B: (..., steps, N) real.
        u: samples (n, steps), real.

    Returns:
        (..., n, N) float64.

    Raises:
        TypeError: if an argument is not a real tensor.
        ValueError: for other shapes, values that are not finite, or coefficients
            outside float64's range.
    """
    A, B, u = (
        _checks.finite(name, _checks.dense(name, _checks.real(name, value)))
        for name, value in (("A", A), ("B", B), ("u", u))
    )
    steps = A.shape[-3] if A.ndim > 2 else 0
    if A.shape[:-1] != B.shape or A.shape[-2] != A.shape[-1] or not A.numel():
        raise ValueError(
            "A and B must have shapes (..., steps, N, N) and (..., steps, N), got "
            f"{tuple(A.shape)} and {tuple(B.shape)}"
        )
    if u.ndim != 2 or u.shape[1] != steps or not len(u):
        raise ValueError(f"u must have shape (n, {steps}), got {tuple(u.shape)}")
    of_B, of_u = _scale.shift(B), _scale.shift(u)
    B, u = _scale.shifted(B, of_B), _scale.shifted(u, of_u)
    c = torch.zeros(*A.shape[:-3], len(u), A.shape[-1], dtype=A.dtype, device=A.device)
    for k in range(steps):
        c = c @ A[..., k, :, :].mT + u[:, k, None] * B[..., k, None, :]
    return _scale.restored("the coefficients", c, of_B, of_u)


def reconstruct(c: Tensor, steps: int) -> Tensor:
    """Return the history that coefficients stand for, at each of its samples.

    Args:
        c: coefficients (..., N) of the Legendre polynomials whose squares have the mean
            1 on the interval, real.
        steps: number of samples; the last one is at the end of the interval.

    Returns:
        (..., steps) float64.

    Raises:
        TypeError: if c is not a real tensor, or steps not an integer.
        ValueError: for a c without coefficients, values that are not finite, or
            steps < 1 or too large for memory.
    """
    c = _checks.finite("c", _checks.dense("c", _checks.real("c", c)))
    if not c.ndim or not c.numel():
        raise ValueError(f"c must have shape (..., N), got {tuple(c.shape)}")
    rows = c.numel() // c.shape[-1]
    size = _checks.integer("steps", steps) * (c.shape[-1] + rows)
    _checks.fits("steps", steps, size)
    n = torch.arange(1, steps + 1, dtype=torch.float64, device=c.device)
    x = 2 * n / steps - 1
    P = [torch.ones_like(x), x]
    for k in range(1, c.shape[-1] - 1):  # the recurrence of Legendre's polynomials
        P.append(((2 * k + 1) * x * P[-1] - k * P[-2]) / (k + 1))
    basis = torch.stack(P[: c.shape[-1]])  # (N, steps)
    order = torch.arange(c.shape[-1], dtype=torch.float64, device=c.device)
    by = _scale.shift(c)
    found = (_scale.shifted(c, by) * torch.sqrt(2 * order + 1)) @ basis
    return _scale.restored("the history", found, by)


def relative_error(found: Tensor, true: Tensor) -> Tensor:
    """Return the squared error of a history, relative to the sum of its squares.

    Args:
        found: (..., steps), real.
        true: (..., steps), real, of a shape that broadcasts; not all zeros.

    Returns:
        (...) float64.

    Raises:
        TypeError: if an argument is not a real tensor.
        ValueError: for shapes that do not broadcast, values that are not finite, or a
            history of zeros.
    """
    found, true = (
        _checks.finite(name, _checks.dense(name, _checks.real(name, value)))
        for name, value in (("found", found), ("true", true))
    )
    _checks.broadcast(found=found.shape, true=true.shape)
    by = _scale.shift(found, true)
    found, true = _scale.shifted(found, by), _scale.shifted(true, by)
    size = true.square().sum(-1)
    if bool((size == 0).any()) or not size.numel():
        raise ValueError("true must not be all zeros, or that small beside found")
    return _scale.restored("the error", (found - true).square().sum(-1) / size)

"""From a continuous diagonal SSM to a recurrence with step dt."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ssmlib import _checks, _expm

_SERIES_RADIUS = 0.25
_SERIES_TERMS = 12  # 0.25**12 / 13! is below float64's rounding


def phi(z: Tensor) -> Tensor:
    """Return (exp(z) - 1) / z, value and derivatives exact at z = 0.

    Near zero a power series: the quotient's derivative cancels there long before
    its value does, and `where(z == 0, ...)` alone has a NaN gradient.

    Args:
        z: complex or real floating point, any shape; the result is of its dtype.

    Raises:
        TypeError: if z is not such a tensor.
    """
    if not (_checks.is_tensor("z", z).is_complex() or z.is_floating_point()):
        raise TypeError(f"z must be complex or real floating point, got {z.dtype}")
    near = z.abs() < _SERIES_RADIUS
    small = torch.where(near, z, torch.zeros_like(z))
    # sum_k z^k / (k+1)!, by Horner's rule
    series = small / math.factorial(_SERIES_TERMS + 1)
    for k in range(_SERIES_TERMS, 1, -1):
        series = (series + 1 / math.factorial(k)) * small
    series = series + 1
    large = torch.where(near, torch.ones_like(z), z)
    return torch.where(near, series, (torch.exp(large) - 1) / large)


def real_phi(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Return the parts of `phi(a + b i)`, by operations on real numbers.

    Inductor generates no code for complex numbers.

    Args:
        a: real parts, real floating point.
        b: imaginary parts, of the same shape and dtype.
    """
    near = a.square() + b.square() < _SERIES_RADIUS**2
    p, q = torch.where(near, a, 0.0), torch.where(near, b, 0.0)
    scale = 1 / math.factorial(_SERIES_TERMS + 1)
    re, im = p * scale, q * scale
    for k in range(_SERIES_TERMS, 1, -1):
        re = re + 1 / math.factorial(k)
        re, im = re * p - im * q, re * q + im * p
    a, b = torch.where(near, 1.0, a), torch.where(near, 0.0, b)
    size = torch.exp(a)
    c, d = size * torch.cos(b) - 1, size * torch.sin(b)
    square = a.square() + b.square()
    large = (c * a + d * b) / square, (d * a - c * b) / square
    return torch.where(near, re + 1, large[0]), torch.where(near, im, large[1])


def zoh_parts(A: Tensor, B: Tensor, dt: Tensor | float) -> tuple[Tensor, Tensor]:
    """Return (A dt, B_bar) of zero-order hold, without checks.

    Args:
        A: eigenvalues, complex.
        B: input weights, complex, broadcasting against A.
        dt: time per step, a number or broadcasting against A.

    Returns:
        log A_bar = A dt, and B_bar.
    """
    z = A * dt
    return z, B * dt * phi(z)


def bilinear_parts(A: Tensor, B: Tensor, dt: Tensor | float) -> tuple[Tensor, Tensor]:
    """Return (log A_bar, B_bar) of the bilinear rule, without checks.

    Args:
        A: eigenvalues, complex.
        B: input weights, complex, broadcasting against A.
        dt: time per step, a number or broadcasting against A.
    """
    z = A * dt
    A_bar = (1 + z / 2) / (1 - z / 2)
    # z = -2 maps to A_bar = 0, whose logarithm would turn 0 * log into NaN.
    tiny = torch.finfo(A_bar.real.dtype).tiny
    A_bar = torch.where(A_bar.abs() < tiny, torch.full_like(A_bar, tiny), A_bar)
    return torch.log(A_bar), B * dt / (1 - z / 2)


METHODS = {"zoh": zoh_parts, "bilinear": bilinear_parts}


def dense_parts(
    A: Tensor, B: Tensor, dt: Tensor | float, method: str
) -> tuple[Tensor, Tensor]:
    """Return (A_bar, B_bar) of a dense system, without checks.

    Zero-order hold takes one matrix exponential, the bilinear rule one solve. Both are
    correct for a singular A too.

    Args:
        A: (..., N, N), real.
        B: (..., N), real.
        dt: time per step, (..., 1).
        method: "zoh" or "bilinear".

    Returns:
        A_bar (..., N, N) and B_bar (..., N).
    """
    N = A.shape[-1]
    dt = torch.as_tensor(dt, dtype=B.dtype, device=B.device).unsqueeze(-1)
    z, b = A * dt, (B.unsqueeze(-1) * dt)
    b = b.expand(*z.shape[:-1], 1)
    if method == "bilinear":
        one = torch.eye(N, dtype=z.dtype, device=z.device)
        both = torch.linalg.solve(one - z / 2, torch.cat([one + z / 2, b], -1))
    else:
        return _expm.hold(z, b.squeeze(-1))
    return both[..., :N], both[..., N]


def _far_zoh(A: Tensor, B: Tensor, dt: Tensor) -> tuple[Tensor, Tensor]:
    """(A_bar, B_bar) of the zero-order hold without the product A dt in B_bar."""
    z = A * dt
    # Where the product overflows, exp(z) is 0 for a real part below 0 and else unknown.
    gone = (A.real < 0) & ~(z.real > math.log(torch.finfo(z.real.dtype).tiny))
    A_bar = torch.exp(torch.where(gone, -torch.ones_like(z), z))
    A_bar = torch.where(gone, torch.zeros_like(z), A_bar)
    return A_bar, B * ((A_bar - 1) / A)


def _far_bilinear(A: Tensor, B: Tensor, dt: Tensor) -> tuple[Tensor, Tensor]:
    """(A_bar, B_bar) of the bilinear rule by 2 / (A dt), which is small."""
    half = 2 / A
    u = half / dt
    return (u + 1) / (u - 1), B * (half / (u - 1))


_FAR = {"zoh": _far_zoh, "bilinear": _far_bilinear}
_FAR_RADIUS = 2.0**20  # of A dt, from which on the forms for large ones are used


def _of_any_size(
    method: str, A: Tensor, B: Tensor, dt: Tensor, far: Tensor
) -> tuple[Tensor, Tensor]:
    """(A_bar, B_bar) with gradients, by other forms where A dt is far from 0."""
    A, B, dt, far = torch.broadcast_tensors(A, B, dt, far)
    # Each form sees 1 in place of the other's values, which may overflow in it.
    one, step = torch.ones_like(A), torch.ones_like(dt)
    log_A_bar, B_bar = METHODS[method](
        torch.where(far, -one, A),
        torch.where(far, one, B),
        torch.where(far, step, dt),
    )
    far_A_bar, far_B_bar = _FAR[method](
        torch.where(far, A, -one),
        torch.where(far, B, one),
        torch.where(far, dt, step),
    )
    return (
        torch.where(far, far_A_bar, torch.exp(log_A_bar)),
        torch.where(far, far_B_bar, B_bar),
    )


def _discretize(method: str, A: Tensor, B: Tensor, dt) -> tuple[Tensor, Tensor]:
    _checks.one_dtype((torch.complex64, torch.complex128), A=A, B=B)
    _checks.finite("A", A)
    _checks.finite("B", B)
    _checks.positive("dt", dt)
    step = _step(dt, A)
    _checks.broadcast(A=A.shape, B=B.shape, dt=step.shape)
    far = ~((A * step).abs() <= _FAR_RADIUS)
    if not _checks.readable(far) or bool(far.any()):
        A_bar, B_bar = _of_any_size(method, A, B, step, far)
    else:
        log_A_bar, B_bar = METHODS[method](A, B, dt)
        A_bar = torch.exp(log_A_bar)
    for name, value in (("A_bar", A_bar), ("B_bar", B_bar)):
        if _checks.readable(value) and not bool(torch.isfinite(value).all()):
            kind = str(value.real.dtype).removeprefix("torch.")
            raise ValueError(
                f"A, B and dt must give an {name} within {kind}'s range, got |A| up to "
                f"{float(A.detach().abs().max()):.3g}, |B| up to "
                f"{float(B.detach().abs().max()):.3g} and dt up to "
                f"{float(step.detach().max()):.3g}: scale them"
            )
    return A_bar, B_bar


def _step(dt: Tensor | float, A: Tensor) -> Tensor:
    """Return dt as a tensor, if the precision of A can represent it."""
    if isinstance(dt, Tensor) and dt.ndim:
        return dt
    dtype = A.real.dtype
    step = torch.as_tensor(dt, dtype=dtype, device=A.device)
    if _checks.readable(step) and not 0 < float(step.detach()) < math.inf:
        kind = str(dtype).removeprefix("torch.")
        raise ValueError(f"dt must be within {kind}'s range, as A is, got {dt:g}")
    return step


def zoh(A: Tensor, B: Tensor, dt: Tensor | float) -> tuple[Tensor, Tensor]:
    """Discretize by zero-order hold, exact if the input is constant over each step.

    (A_bar, B_bar) = (exp(A dt), (exp(A dt) - 1) / A * B). Value and gradient are exact
    as A -> 0. For a real part below 0, (A_bar, B_bar) tends to (0, -B / A) as dt grows,
    also where A dt itself is outside the dtype's range.

    Args:
        A: eigenvalues, complex64 or complex128, such as (H, N/2).
        B: input weights of the same dtype, broadcasting against A.
        dt: time per step, positive; a number, or real of a shape that broadcasts, such
            as (H, 1).

    Returns:
        A_bar and B_bar, of the broadcast shape.

    Raises:
        TypeError: if A and B are not of one complex dtype, or dt is not real.
        ValueError: if dt is not positive, a value is not finite, the shapes do not
            broadcast, or a result is outside the dtype's range.

    Source: S4D, Section 2; derived in chapter `state-space-models`.
    """
    return _discretize("zoh", A, B, dt)


def bilinear(A: Tensor, B: Tensor, dt: Tensor | float) -> tuple[Tensor, Tensor]:
    """Discretize by the bilinear (Tustin) rule.

    With z = A dt, A_bar = (1 + z/2) / (1 - z/2) and B_bar = dt B / (1 - z/2). It maps
    the left half plane onto the unit disc, so that no frequency aliases: omega becomes
    2 atan(omega dt / 2) per step. As dt grows, (A_bar, B_bar) tends to (-1, -2 B / A).

    Args:
        A: as `zoh`.
        B: as `zoh`.
        dt: as `zoh`.

    Returns:
        As `zoh`.

    Raises:
        TypeError: as `zoh`.
        ValueError: as `zoh`.

    Source: S4D, Section 2; derived in chapter `state-space-models`.
    """
    return _discretize("bilinear", A, B, dt)

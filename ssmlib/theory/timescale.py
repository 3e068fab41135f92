"""The size of a random diagonal SSM's output, given the second moment of its input.

The model of "Autocorrelation Matters" is h_k = exp(dt w) h_{k-1} + beta x_k with beta =
(exp(dt w) - 1) / w * b, and y_L is the sum over modes of a random readout c. With u_j =
(exp(dt w_j s))_s, the energy of mode j at step L is

    abs(beta_j)^2 u_j^H R u_j,    R = E[x x^T] read backward in time,

and the readout decides how modes add up. Every sum over s is a geometric series, so
that a Toeplitz R costs O(m L). Chapter `timescale` has the derivation. `tails` has the
distribution of the output; its functions can be called from this module too.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from scipy.optimize import brentq
from torch import Tensor

from ssmlib import _checks, _scale
from ssmlib.autocorrelation import moment_largest_eigenvalue
from ssmlib.discretization import phi
from ssmlib.theory import _arguments
from ssmlib.theory._arguments import READOUTS
from ssmlib.theory._energy import decays, near_1, restored, scaled_energy, too_small
from ssmlib.theory.tails import final_state, tail_probability

__all__ = [
    "bound",
    "critical_dt",
    "damped_bound",
    "final_state",
    "output_energy",
    "stationary_energy",
    "tail_probability",
]


def output_energy(
    A: Tensor, dt, R: Tensor, *, B: Tensor | None = None, readout: str = "complex"
) -> Tensor:
    """Return the expectation of ``|y_L|^2``, exact, over the readout and the input.

    Args:
        A: (m,) complex eigenvalues, real parts <= 0.
        dt: time per step, positive; a number or (k,).
        R: the second moment (L, L) in time order, or its first row (L,) if Toeplitz.
        B: input weights (m,), 1 by default.
        readout: "complex" y = Re(c^T h) with c ~ CN(0, 1); "real" c ~ N(0, 1);
            "pairs" y = 2 Re(c^T h), c ~ CN(0, 1), which is the layers' own.

    Returns:
        float64 of dt's shape, in units of the input's square.

    Raises:
        TypeError: if A is not complex, or R or dt not real.
        ValueError: for a real part > 0, dt <= 0, values that are not finite, shapes
            that do not match, an R that is not symmetric, another readout, or a result
            outside float64's range.

    Source: derived in chapter `timescale` for the model of arXiv 2411.19455.
    """
    A, B, dt = _arguments.system(A, dt, B, readout)
    R = _checks.moment("R", R).to(A.device)
    of_R, of_B = _scale.shift(R), _scale.shift(B)
    R, B = _scale.shifted(R, of_R), _scale.shifted(B, of_B)
    over = [scaled_energy(A, step, R, B, readout) for step in dt.reshape(-1)]
    over = torch.stack(over).reshape(dt.shape)
    if not bool((over != 0).any()):
        # It is an exact zero, or it underflows: then it does not for larger weights.
        R, B = near_1(R), near_1(B) * 2.0**500
        if any(scaled_energy(A, step, R, B, readout) != 0 for step in dt.reshape(-1)):
            raise too_small("the output energy")
    return restored("the output energy", over, dt, of_R, of_B)


def bound(
    A: Tensor, dt, R: Tensor, *, B: Tensor | None = None, readout: str = "complex"
) -> Tensor:
    """Return the upper bound ``k dt^2 L lambda_max(R) sum_j |b_j|^2`` on the energy.

    k = 1/2, 1, 2 for readout "complex", "real", "pairs".

    Args:
        A: as `output_energy`.
        dt: as `output_energy`.
        R: as `output_energy`.
        B: as `output_energy`.
        readout: as `output_energy`.

    Returns:
        As `output_energy`.

    Raises:
        TypeError: as `output_energy`.
        ValueError: as `output_energy`.

    Source: our reading of Theorem 4.1.
    """
    A, B, dt = _arguments.system(A, dt, B, readout)
    reach = torch.ones_like(A.real) * _checks.moment("R", R).shape[0]
    return _bound(reach, dt, R, B, readout)


def damped_bound(
    A: Tensor, dt, R: Tensor, *, B: Tensor | None = None, readout: str = "complex"
) -> Tensor:
    """Return `bound` with L replaced, mode by mode, by sum_s exp(2 Re(w) dt s) <= L.

    It equals `bound` at Re w = 0, and is smaller where modes decay.

    Args:
        A: as `output_energy`.
        dt: as `output_energy`.
        R: as `output_energy`.
        B: as `output_energy`.
        readout: as `output_energy`.

    Returns:
        As `output_energy`.

    Raises:
        TypeError: as `output_energy`.
        ValueError: as `output_energy`.

    Source: derived in chapter `timescale`.
    """
    A, B, dt = _arguments.system(A, dt, B, readout)
    L = A.real.new_tensor(_checks.moment("R", R).shape[0])
    return _bound(decays(2 * A.real * dt[..., None], L), dt, R, B, readout)


def _bound(reach: Tensor, dt: Tensor, R: Tensor, B: Tensor, readout: str) -> Tensor:
    """Return k dt^2 lambda_max(R) sum_j reach_j abs(b_j)^2, reach (..., m)."""
    R = _checks.moment("R", R)
    of_R, of_B = _scale.shift(R), _scale.shift(B)
    B = _scale.shifted(B, of_B)
    weight = READOUTS[readout] * (reach * B.abs().square()).sum(-1)
    over = weight * moment_largest_eigenvalue(_scale.shifted(R, of_R))
    over = over.expand(dt.shape)
    if not bool((over != 0).any()) and bool((R != 0).any()) and bool((B != 0).any()):
        raise too_small("the bound")
    return restored("the bound", over, dt, of_R, of_B)


def stationary_energy(
    A: Tensor,
    dt: float,
    L: int,
    density: Callable[[Tensor], Tensor],
    *,
    readout: str = "complex",
) -> float:
    """Return `output_energy` at Re w = 0 in the limit of large L.

    It is ``k L sum_j |beta_j|^2 S_x(dt v_j)``, for L far beyond the input's correlation
    length and ``dt |v_j| < pi``.

    Args:
        A: (m,) complex eigenvalues, real parts 0.
        dt: time per step, positive.
        L: number of steps.
        density: S_x of radians per step, as `Process.density`.
        readout: "complex" or "pairs".

    Returns:
        The energy in units of the input's square.

    Raises:
        TypeError: if A is not complex, dt not a number, L not an integer, or density
            not a function.
        ValueError: for a real part that is not 0, dt <= 0, L < 1, another readout,
            or a result that is not finite.

    Source: derived in chapter `timescale`.
    """
    _checks.one_of("readout", readout, READOUTS)
    A, step = _arguments.one_step(A, dt)
    _checks.integer("L", L)
    if not callable(density):
        raise TypeError(f"density must be a function, got {type(density).__name__}")
    if readout == "real":
        raise ValueError("readout must be complex or pairs for the stationary formula")
    if bool((A.real != 0).any()):
        raise ValueError("A must have real parts 0 for the stationary formula")
    found = _checks.real("density", density(step * A.imag))
    if found.shape not in (A.shape, ()):
        raise ValueError(
            f"density must give a value per eigenvalue, {tuple(A.shape)}, got "
            f"{tuple(found.shape)}"
        )
    power = phi(A * step).abs().square() * found
    over = READOUTS[readout] * L * _checks.finite("density", power).sum()
    if not bool(over != 0) and bool((found != 0).any()):
        raise too_small("the stationary energy")
    return float(restored("the stationary energy", over, step, 0, 0))


def critical_dt(
    A: Tensor, R: Tensor, threshold: float = 1.0, *, readout: str = "complex"
) -> float:
    """Return the smallest dt at which `output_energy` reaches `threshold`.

    Scanned upward, in steps of 10 %, from where a bound guarantees less, then
    solved to 1e-12; a rise and fall within one such step is not seen.

    Args:
        A: (m,) complex eigenvalues, real parts <= 0.
        R: the second moment (L, L) in time order, or its first row (L,) if Toeplitz.
        threshold: positive, in units of the input's square.
        readout: as `output_energy`.

    Raises:
        TypeError: if A is not complex, R not real, or threshold not a number.
        ValueError: as `output_energy`, for threshold <= 0, for an R that is zero, or
            if the threshold is not reached by dt = 1e3.
    """
    threshold = _checks.positive("threshold", _checks.number("threshold", threshold))
    _checks.one_of("readout", readout, READOUTS)
    A, R = _checks.modes("A", A), _checks.moment("R", R)
    if not bool((R != 0).any()):
        raise ValueError("R must not be zero throughout: no dt reaches a threshold")
    by = _scale.shift(R)
    R = _scale.shifted(R, by)
    log_threshold = math.log(threshold) + by * math.log(_scale.STEP)
    # The row sums bound lambda_max from above, and cost nothing.
    size = R.abs()
    rows = 2 * size.sum() if size.ndim == 1 else size.sum(-1).max()
    unit = READOUTS[readout] * A.numel() * size.shape[0] * float(rows)

    def excess(log_dt: float) -> float:
        dt = torch.tensor(math.exp(log_dt), dtype=torch.float64, device=A.device)
        energy = float(
            scaled_energy(A, dt, R.to(A.device), torch.ones_like(A), readout)
        )
        if energy <= 0:  # R is not positive semidefinite, or all is rounding
            return -math.inf
        return math.log(energy) + 2 * log_dt - log_threshold

    low = 0.5 * (log_threshold - math.log(unit))
    while low < math.log(1e3):
        high = low + math.log(1.1)
        if excess(high) >= 0:
            rtol = np.float64(1e-13)
            return math.exp(brentq(excess, low - 1e-9, high, xtol=1e-13, rtol=rtol))
        low = high
    raise ValueError(f"threshold {threshold:g} is not reached for any dt up to 1e3")

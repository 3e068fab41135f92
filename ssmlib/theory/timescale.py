"""How large the output of a random diagonal SSM is, given its input's second moment.

The model of "Autocorrelation Matters": h_k = exp(dt w) h_{k-1} + beta x_k with
beta = (exp(dt w) - 1) / w * b, and y_L = sum over modes of a random readout c.
With u_j = (exp(dt w_j s))_s, the energy of mode j at step L is

    abs(beta_j)^2 u_j^H R u_j,    R = E[x x^T] read backwards in time,

and the readout fixes how modes add up. Every sum over s is a geometric series, so a
Toeplitz R costs O(m L). Derived in chapter `timescale`.
"""

from __future__ import annotations

import math

import torch
from scipy.optimize import brentq
from torch import Tensor

from ssmlib import _checks
from ssmlib.autocorrelation import moment_largest_eigenvalue
from ssmlib.discretization import phi

# The factor before the sum over modes, in the energy and in its bound alike.
READOUTS = {"complex": 0.5, "real": 1.0, "pairs": 2.0}


def _arguments(A: Tensor, dt, B: Tensor | None, readout: str):
    _checks.one_of("readout", readout, READOUTS)
    if not A.is_complex() or A.ndim != 1 or A.numel() == 0:
        raise TypeError(
            f"A must be complex of shape (m,), got {A.dtype} {tuple(A.shape)}"
        )
    A = _checks.stable("A", A).to(torch.complex128)
    if B is None:
        B = torch.ones_like(A)
    if B.shape != A.shape:
        raise ValueError(
            f"B must have A's shape {tuple(A.shape)}, got {tuple(B.shape)}"
        )
    dt = torch.as_tensor(dt, dtype=torch.float64, device=A.device)
    if dt.ndim > 1:
        raise ValueError(f"dt must be a number or (k,), got shape {tuple(dt.shape)}")
    _checks.positive("dt", dt)
    return A, B.to(torch.complex128), dt


def _expm1(z: Tensor) -> Tensor:
    """exp(z) - 1 for complex z, accurate near 0."""
    re = torch.expm1(z.real) * torch.cos(z.imag) - 2 * torch.sin(z.imag / 2).square()
    return torch.complex(re, torch.exp(z.real) * torch.sin(z.imag))


def _decays(x: Tensor, n: Tensor) -> Tensor:
    """sum_{s<n} exp(x s) for real x <= 0: n at x = 0."""
    safe = torch.where(x == 0, -torch.ones_like(x), x)
    return torch.where(x == 0, n, torch.expm1(safe * n) / torch.expm1(safe))


def _turns(z: Tensor, n: Tensor) -> Tensor:
    """sum_{s<n} exp(z s) for complex z: a full turn a step is none, s being integer."""
    turns = 2 * math.pi * torch.round(z.imag / (2 * math.pi))
    z = torch.complex(z.real, z.imag - turns)
    safe = torch.where(z == 0, -torch.ones_like(z), z)
    return torch.where(z == 0, n + 0j, _expm1(safe * n) / _expm1(safe))


def _step_weight(A: Tensor, B: Tensor, dt: Tensor) -> Tensor:
    return B * dt * phi(A * dt)  # (m,)


def _energy(A: Tensor, dt: Tensor, R: Tensor, B: Tensor, readout: str) -> Tensor:
    """One dt: the double sums u^H R u and, for a real readout, u^T R u."""
    beta = _step_weight(A, B, dt)
    z = (A * dt)[:, None]
    L = R.shape[0]
    s = torch.arange(L, dtype=torch.float64, device=A.device)
    steps = torch.exp(z * s)  # (m, L)
    if R.ndim == 2:
        weighted = steps @ R.flip(0, 1).to(torch.complex128)
        hermitian = (weighted * steps.conj()).sum(-1).real
    else:
        # Pairs at lag k: L - k of them; lag 0 is counted once, the others twice.
        row = 2 * R
        row[0] = R[0]
        hermitian = (row * steps.real * _decays(2 * z.real, L - s)).sum(-1)
    size = beta.abs().square()
    if readout != "real":
        return READOUTS[readout] * (size * hermitian).sum()
    if R.ndim == 2:
        plain = (weighted * steps).sum(-1)
    else:
        plain = (row * steps * _turns(2 * z, L - s)).sum(-1)
    # Re(beta u) is half of beta u plus its conjugate.
    return (0.5 * (size * hermitian + (beta.square() * plain).real)).sum()


def output_energy(
    A: Tensor, dt, R: Tensor, *, B: Tensor | None = None, readout: str = "complex"
) -> Tensor:
    """The expectation of ``|y_L|^2``, exact, over the readout and the input.

    A (m,) complex eigenvalues, real parts <= 0; dt a number or (k,), time a step;
    R the second moment (L, L) in time order, or its first row (L,) if Toeplitz;
    B (m,), 1 by default. readout: "complex" y = Re(c^T h) with c ~ CN(0, 1);
    "real" c ~ N(0, 1); "pairs" y = 2 Re(c^T h), c ~ CN(0, 1), the layers' own.
    Returns float64 of dt's shape, in units of the input's square.
    Raises ValueError for a real part > 0, dt <= 0, mismatched shapes.
    Source: derived in chapter `timescale` for the model of arXiv 2411.19455.
    """
    A, B, dt = _arguments(A, dt, B, readout)
    R = _checks.moment("R", R).to(A.device)
    energies = [_energy(A, step, R, B, readout) for step in dt.reshape(-1)]
    return torch.stack(energies).reshape(dt.shape)


def bound(
    A: Tensor, dt, R: Tensor, *, B: Tensor | None = None, readout: str = "complex"
) -> Tensor:
    """The upper bound ``k dt^2 L lambda_max(R) sum_j |b_j|^2`` on `output_energy`.

    k = 1/2, 1, 2 for readout "complex", "real", "pairs". Arguments, result and
    errors as `output_energy`. Source: our reading of Theorem 4.1.
    """
    A, B, dt = _arguments(A, dt, B, readout)
    R = _checks.moment("R", R)
    weight = READOUTS[readout] * B.abs().square().sum()
    return weight * dt**2 * R.shape[0] * moment_largest_eigenvalue(R)


def damped_bound(
    A: Tensor, dt, R: Tensor, *, B: Tensor | None = None, readout: str = "complex"
) -> Tensor:
    """`bound` with L replaced, mode by mode, by sum_s exp(2 Re(w) dt s) <= L.

    Equal to it at Re w = 0; it keeps what the decay of a mode takes away.
    Arguments, result and errors as `output_energy`. Derived in chapter `timescale`.
    """
    A, B, dt = _arguments(A, dt, B, readout)
    R = _checks.moment("R", R)
    L = torch.tensor(float(R.shape[0]), device=A.device)
    reach = _decays(2 * A.real * dt[..., None], L)
    weight = READOUTS[readout] * (reach * B.abs().square()).sum(-1)
    return weight * dt**2 * moment_largest_eigenvalue(R)


def stationary_energy(
    A: Tensor, dt: float, L: int, density, *, readout: str = "complex"
) -> float:
    """``k L sum_j |beta_j|^2 S_x(dt v_j)``: `output_energy` at Re w = 0, L large.

    For "complex" and "pairs", L far beyond the input's correlation length and
    ``dt |v_j| < pi``. density: S_x of radians a step (`Process.density`).
    Raises ValueError unless every real part is 0. Derived in chapter `timescale`.
    """
    A, B, step = _arguments(A, dt, None, readout)
    if readout == "real":
        raise ValueError("readout must be complex or pairs for the stationary formula")
    if bool((A.real != 0).any()):
        raise ValueError("A must have real parts 0 for the stationary formula")
    beta = _step_weight(A, B, step)
    power = beta.abs().square() * density(step * A.imag)
    return float(READOUTS[readout] * L * power.sum())


def critical_dt(
    A: Tensor, R: Tensor, threshold: float = 1.0, *, readout: str = "complex"
) -> float:
    """The smallest dt at which `output_energy` reaches `threshold`.

    Scanned upward, in steps of 10 %, from where a bound guarantees less, then
    solved to 1e-12; a rise and fall within one such step is not seen. Raises
    ValueError where it is not reached by dt = 1e3, or for an R that is zero.
    """
    _checks.positive("threshold", threshold)
    if not bool((R != 0).any()):
        raise ValueError("R must not be zero throughout: no dt reaches a threshold")
    # The row sums bound lambda_max from above, and cost nothing.
    size = _checks.moment("R", R).abs()
    rows = 2 * size.sum() if size.ndim == 1 else size.sum(-1).max()
    unit = READOUTS[readout] * A.numel() * size.shape[0] * float(rows)

    def excess(log_dt: float) -> float:
        energy = output_energy(A, math.exp(log_dt), R, readout=readout)
        return math.log(float(energy) / threshold)

    low = 0.5 * math.log(threshold / unit)
    while low < math.log(1e3):
        high = low + math.log(1.1)
        if excess(high) >= 0:
            return math.exp(brentq(excess, low - 1e-9, high, xtol=1e-13, rtol=1e-13))
        low = high
    raise ValueError(f"threshold {threshold:g} is not reached for any dt up to 1e3")


def final_state(A: Tensor, dt: float, x: Tensor) -> Tensor:
    """h_L of every mode for inputs x (n, L): (n, m) complex128, b = 1."""
    A, B, step = _arguments(A, dt, None, "complex")
    s = torch.arange(x.shape[-1], dtype=torch.float64, device=A.device)
    steps = torch.exp(A[:, None] * step * s)
    beta = _step_weight(A, B, step)
    return (_checks.sequences("x", x).double().flip(-1) + 0j) @ steps.mT * beta


def tail_probability(states: Tensor, level: Tensor) -> Tensor:
    """``P(|y_L| > level)`` for y = Re(c^T h), c ~ CN(0, 1), over given final states.

    Given the input, y is normal with variance ``|h|^2 / 2``: the mean of its tails.
    states (n, m) complex, level (k,) > 0; returns (k,).
    """
    deviation = states.abs().square().sum(-1).sqrt() / math.sqrt(2)  # (n,)
    return torch.erfc(level[:, None] / (math.sqrt(2) * deviation)).mean(-1)

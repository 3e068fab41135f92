"""Random input processes whose second moment is known in closed form.

Each is stationary with E[x_l^2] = 1, so that the second moment E[x x^T] is the
Toeplitz matrix of its first row r_k = E[x_l x_{l+k}].
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.optimize import brentq
from torch import Tensor

from ssmlib import _checks


@dataclass(frozen=True)
class Process:
    """A stationary input process.

    Args:
        name: of the process.
        moment: moment(L) returns the first row of E[x x^T], (L,) float64.
        sample: sample(n, L, generator) returns n sequences, (n, L) float64 on the
            generator's device.
        largest_eigenvalue: largest_eigenvalue(L) returns lambda_max of that matrix in
            closed form; None if there is no closed form.
        density: density(omega) returns S_x(omega) = sum_k r_k exp(-i omega k), omega in
            radians per step; None if the sum diverges, is a set of lines, or has no
            closed form.
    """

    name: str
    moment: Callable[[int], Tensor]
    sample: Callable[[int, int, torch.Generator], Tensor]
    largest_eigenvalue: Callable[[int], float] | None = None
    density: Callable[[Tensor], Tensor] | None = None


def _lags(L: int) -> Tensor:
    _checks.fits("L", _checks.integer("L", L), L)
    return torch.arange(L, dtype=torch.float64, device="cpu")


def _size(n: int, L: int, generator: torch.Generator) -> None:
    """Check the arguments of a sample."""
    _checks.integer("n", n)
    _checks.fits("L", _checks.integer("L", L), n * L)
    if not isinstance(generator, torch.Generator):
        kind = type(generator).__name__
        raise TypeError(f"generator must be a torch.Generator, got {kind}")


def _normal(n: int, L: int, generator: torch.Generator) -> Tensor:
    _size(n, L, generator)
    device = generator.device
    return torch.randn(n, L, generator=generator, dtype=torch.float64, device=device)


def _gaussian(row: Callable[[int], Tensor]) -> Callable:
    """Exact Gaussian samples with covariance row r, by circulant embedding.

    The embedding of a convex, decreasing row has no negative eigenvalue.
    """

    def sample(n: int, L: int, generator: torch.Generator) -> Tensor:
        _size(n, L, generator)
        r = row(L + 1).to(generator.device)
        circle = torch.cat([r, r[1:L].flip(0)])  # (2L,)
        power = torch.fft.fft(circle).real.clamp(min=0)
        noise = torch.complex(
            _normal(n, 2 * L, generator), _normal(n, 2 * L, generator)
        )
        wave = torch.fft.fft(noise * torch.sqrt(power / (2 * L)))
        return wave.real[:, :L].contiguous()

    return sample


def white() -> Process:
    """Make independent standard normals: r_k = 0 for k > 0."""
    return Process(
        "white",
        lambda L: (_lags(L) == 0).double(),
        lambda n, L, generator: _normal(n, L, generator),
        lambda L: 1.0 if _checks.integer("L", L) else 0.0,
        lambda omega: torch.ones_like(_checks.real("omega", omega)),
    )


def ar1(rho: float) -> Process:
    """Make a Gaussian AR(1): r_k = rho^k.

    Args:
        rho: in [0, 1).

    Raises:
        TypeError: if rho is not a real number.
        ValueError: if rho is outside its range.
    """
    rho = _checks.number("rho", rho)
    if not 0 <= rho < 1:
        raise ValueError(f"rho must be in [0, 1), got {rho}")
    gap = 1 - rho  # exact where it is small

    def row(L: int) -> Tensor:
        return rho ** _lags(L)

    def density(omega: Tensor) -> Tensor:
        half = torch.sin(_checks.real("omega", omega) / 2)
        return gap * (1 + rho) / (gap**2 + 4 * rho * half.square())

    def largest(L: int) -> float:
        """S_x at the first zero of the Kac-Murdock-Szego secular equation."""
        if rho == 0 or _checks.integer("L", L) == 1:
            return 1.0

        def secular(t: float) -> float:
            """sin((L+1)t) - 2 rho sin(Lt) + rho^2 sin((L-1)t), over sin(t).

            Over sin(t), so that t = 0 is no root, and without differences of numbers
            that are nearly equal where rho is near 1.
            """
            bend = gap - 2 * math.sin(t / 2) ** 2
            later = gap * (1 + rho) * math.sin((L - 1) * t)
            return (2 * math.sin(L * t) * bend - later) / math.sin(t)

        rtol = np.float64(1e-14)
        root = brentq(secular, 1e-9 / L, math.pi / (L + 1), xtol=1e-300, rtol=rtol)
        return float(density(torch.tensor(root, dtype=torch.float64, device="cpu")))

    return Process(f"AR({rho:g})", row, _gaussian(row), largest, density)


def power_law(alpha: float) -> Process:
    """Make a Gaussian of long memory: r_k = (1 + k)^(-alpha).

    Args:
        alpha: positive.

    Raises:
        TypeError: if alpha is not a real number.
        ValueError: if alpha is not positive and finite.
    """
    alpha = float(_checks.positive("alpha", alpha))

    def row(L: int) -> Tensor:
        return (1 + _lags(L)) ** -alpha

    return Process(f"power law {alpha:g}", row, _gaussian(row))


def equicorrelated(r: float) -> Process:
    """Make the sum of a shared normal and independent ones: r_k = r for k > 0.

    Args:
        r: in [0, 1].

    Raises:
        TypeError: if r is not a real number.
        ValueError: if r is outside its range.
    """
    r = _checks.number("r", r)
    if not 0 <= r <= 1:
        raise ValueError(f"r must be in [0, 1], got {r}")

    def row(L: int) -> Tensor:
        moment = torch.full_like(_lags(L), r)
        moment[0] = 1.0
        return moment

    def sample(n: int, L: int, generator: torch.Generator) -> Tensor:
        _size(n, L, generator)
        shared = _normal(n, 1, generator)
        return math.sqrt(r) * shared + math.sqrt(1 - r) * _normal(n, L, generator)

    def largest(L: int) -> float:
        return 1 - r + r * _checks.integer("L", L)

    return Process(f"equicorrelated {r:g}", row, sample, largest)


def constant() -> Process:
    """Make one normal, repeated: r_k = 1. The equicorrelated input with r = 1."""
    process = equicorrelated(1.0)
    return replace(process, name="constant")


def sinusoid(omega: float) -> Process:
    """Make sqrt(2) cos(omega l + random phase): r_k = cos(omega k).

    Args:
        omega: radians per step. Those beyond pi are reduced by multiples of 2 pi.

    Raises:
        TypeError: if omega is not a real number.
        ValueError: if omega is not finite.
    """
    omega = _checks.number("omega", omega)
    name = f"sinusoid {omega:g}"
    across = math.sin(omega), math.cos(omega)
    if abs(omega) > math.pi:  # a product with a lag would lose the phase
        omega = math.atan2(*across)
    # From the nearest multiple of pi, of which the largest eigenvalue has the period.
    rest = math.atan2(-across[0], -across[1]) if across[1] < 0 else omega

    def sample(n: int, L: int, generator: torch.Generator) -> Tensor:
        _size(n, L, generator)
        device = generator.device
        phase = torch.rand(
            n, 1, generator=generator, dtype=torch.float64, device=device
        )
        angle = omega * _lags(L).to(device) + 2 * math.pi * phase
        return math.sqrt(2) * torch.cos(angle)

    def largest(L: int) -> float:
        """The matrix has rank 2: cosine and sine about the middle of the window."""
        _checks.integer("L", L)
        overlap = L if math.sin(rest) == 0 else math.sin(L * rest) / math.sin(rest)
        return (L + abs(overlap)) / 2

    return Process(name, lambda L: torch.cos(omega * _lags(L)), sample, largest)

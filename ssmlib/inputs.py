"""Random input processes whose second moment is known in closed form.

Each is stationary with E[x_l^2] = 1, so that the second moment E[x x^T] is the
Toeplitz matrix of its first row r_k = E[x_l x_{l+k}].
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from scipy.optimize import brentq
from torch import Tensor

from ssmlib import _checks


@dataclass(frozen=True)
class Process:
    """A stationary input process.

    moment(L) -> (L,) float64: the first row of E[x x^T].
    sample(n, L, generator) -> (n, L) float64 on the generator's device.
    largest_eigenvalue(L) -> lambda_max of that matrix in closed form; None where
    there is none.
    density(omega) -> S_x(omega) = sum_k r_k exp(-i omega k), omega in radians a
    step; None where the sum diverges, is a set of lines, or has no closed form.
    """

    name: str
    moment: Callable[[int], Tensor]
    sample: Callable[[int, int, torch.Generator], Tensor]
    largest_eigenvalue: Callable[[int], float] | None = None
    density: Callable[[Tensor], Tensor] | None = None


def _lags(L: int) -> Tensor:
    return torch.arange(_checks.integer("L", L), dtype=torch.float64, device="cpu")


def _normal(n: int, L: int, generator: torch.Generator) -> Tensor:
    device = generator.device
    return torch.randn(n, L, generator=generator, dtype=torch.float64, device=device)


def _gaussian(row: Callable[[int], Tensor]) -> Callable:
    """Exact Gaussian samples with covariance row r, by circulant embedding.

    The embedding of a convex, decreasing row has no negative eigenvalue.
    """

    def sample(n: int, L: int, generator: torch.Generator) -> Tensor:
        _checks.integer("n", n)
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
    """Independent standard normals: r_k = 0 for k > 0."""
    return Process(
        "white",
        lambda L: (_lags(L) == 0).double(),
        lambda n, L, generator: _normal(n, L, generator),
        lambda L: 1.0,
        lambda omega: torch.ones_like(omega),
    )


def ar1(rho: float) -> Process:
    """Gaussian AR(1): r_k = rho^k, 0 <= rho < 1. Raises ValueError otherwise."""
    if not 0 <= rho < 1:
        raise ValueError(f"rho must be in [0, 1), got {rho}")

    def row(L: int) -> Tensor:
        return rho ** _lags(L)

    def density(omega: Tensor) -> Tensor:
        return (1 - rho**2) / (1 - 2 * rho * torch.cos(omega) + rho**2)

    def largest(L: int) -> float:
        """S_x at the first zero of the Kac-Murdock-Szego secular equation."""
        if rho == 0 or L == 1:
            return 1.0

        def secular(t: float) -> float:  # over sin(t), so that t = 0 is no root
            return (
                math.sin((L + 1) * t)
                - 2 * rho * math.sin(L * t)
                + rho**2 * math.sin((L - 1) * t)
            ) / math.sin(t)

        root = brentq(secular, 1e-9 / L, math.pi / (L + 1), xtol=1e-16, rtol=1e-14)
        return float(density(torch.tensor(root, dtype=torch.float64)))

    return Process(f"AR({rho:g})", row, _gaussian(row), largest, density)


def power_law(alpha: float) -> Process:
    """Gaussian long memory: r_k = (1 + k)^(-alpha), alpha > 0 else ValueError."""
    _checks.positive("alpha", alpha)

    def row(L: int) -> Tensor:
        return (1 + _lags(L)) ** -alpha

    return Process(f"power law {alpha:g}", row, _gaussian(row))


def equicorrelated(r: float) -> Process:
    """A shared normal plus independent ones: r_k = r for k > 0, 0 <= r <= 1."""
    if not 0 <= r <= 1:
        raise ValueError(f"r must be in [0, 1], got {r}")

    def row(L: int) -> Tensor:
        moment = torch.full_like(_lags(L), r)
        moment[0] = 1.0
        return moment

    def sample(n: int, L: int, generator: torch.Generator) -> Tensor:
        shared = _normal(n, 1, generator)
        return math.sqrt(r) * shared + math.sqrt(1 - r) * _normal(n, L, generator)

    return Process(f"equicorrelated {r:g}", row, sample, lambda L: 1 - r + r * L)


def constant() -> Process:
    """One normal repeated: r_k = 1. The equicorrelated input with r = 1."""
    process = equicorrelated(1.0)
    return replace(process, name="constant")


def sinusoid(omega: float) -> Process:
    """sqrt(2) cos(omega l + random phase): r_k = cos(omega k); radians a step."""
    if not math.isfinite(omega):
        raise ValueError(f"omega must be finite, got {omega}")

    def sample(n: int, L: int, generator: torch.Generator) -> Tensor:
        device = generator.device
        phase = torch.rand(
            n, 1, generator=generator, dtype=torch.float64, device=device
        )
        angle = omega * _lags(L).to(device) + 2 * math.pi * phase
        return math.sqrt(2) * torch.cos(angle)

    def largest(L: int) -> float:
        """The matrix has rank 2: cosine and sine about the middle of the window."""
        overlap = L if math.sin(omega) == 0 else math.sin(L * omega) / math.sin(omega)
        return (L + abs(overlap)) / 2

    return Process(
        f"sinusoid {omega:g}", lambda L: torch.cos(omega * _lags(L)), sample, largest
    )

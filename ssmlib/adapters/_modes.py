"""The modes of a layer: what its parameters, and an initialization, both stand for."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ssmlib.discretization import phi


@dataclass(frozen=True)
class Modes:
    """The modes of H features or heads; log lambda = A dt per step.

    Attributes:
        A: (H, n) complex128; n = 1 for a head with one decay.
        dt: time per step, (H, 1) or (H, n) float64; 1 in a discrete layer.
        pairs: whether each mode stands for itself and its conjugate.
        B: input weights (H, n) complex128, in continuous time; None for 1.
        P: the low-rank term of S4, (H, n) complex128; None without one.
        B_bar: input weights of a step, (H, n); None for zero-order hold of B.
        log_bar: log lambda, (H, n) complex128; None for A dt.
    """

    A: Tensor
    dt: Tensor
    pairs: bool
    B: Tensor | None = None
    P: Tensor | None = None
    B_bar: Tensor | None = None
    log_bar: Tensor | None = None

    @property
    def log(self) -> Tensor:
        """Return log lambda, (H, n) complex128."""
        return self.A * self.dt if self.log_bar is None else self.log_bar

    @property
    def size(self) -> Tensor:
        """Return ``|B_bar|^2``, (H, n) float64."""
        if self.B_bar is not None:
            return self.B_bar.abs().square().expand(self.A.shape)
        held = (self.dt * phi(self.A * self.dt)).abs().square()
        return held if self.B is None else held * self.B.abs().square()

    @property
    def memory(self) -> Tensor:
        """Return the time constants in steps, (H, n): infinite without damping.

        After so many steps a mode has decayed by the factor e. Without frequencies
        this is ``1 / (dt |A|)``.
        """
        return 1 / self.log.real.abs()


def median(x: Tensor) -> float:
    """Return the median of all entries, the mean of the middle two of an even number.

    Args:
        x: real, any shape, not empty; infinite entries count as large.
    """
    found = x.flatten().sort().values
    low, high = float(found[(len(found) - 1) // 2]), float(found[len(found) // 2])
    return low if low == high else (low + high) / 2


def quantiles(x: Tensor) -> tuple[float, float, float]:
    """Return the 5 %, 50 % and 95 % quantiles of all entries.

    Args:
        x: real, any shape, not empty; infinite entries count as large.
    """
    found = x.flatten().sort().values
    last = len(found) - 1
    # Without interpolation, which would make NaN of two infinite neighbors.
    ends = [float(found[round(share * last)]) for share in (0.05, 0.95)]
    return ends[0], median(x), ends[1]


def generator(seed: int | torch.Generator) -> torch.Generator:
    """Return a generator on the CPU.

    Args:
        seed: an integer, or the generator itself.
    """
    if isinstance(seed, torch.Generator):
        return seed
    return torch.Generator("cpu").manual_seed(seed)

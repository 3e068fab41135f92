"""Published laws of initialization: how A and dt are drawn, and whether values fit.

A test of a random law is a Kolmogorov-Smirnov test that one correct layer in a million
fails. Values of a fixed law fit within the rounding of the dtype that stores them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from scipy.special import kolmogorov
from torch import Tensor

from ssmlib import _checks
from ssmlib.adapters._modes import Modes
from ssmlib.initialization import Initialization
from ssmlib.initialization.schemes import uniform

#: a correct layer fails a test with this probability
ALARM = 1e-6


def as_uniform(u: Tensor) -> float:
    """Return the probability of a larger Kolmogorov-Smirnov distance from U(0, 1).

    Args:
        u: real, any shape, not empty.
    """
    x = np.sort(_checks.as_numpy(u.flatten()))
    n = len(x)
    steps = np.arange(n + 1) / n
    distance = max((steps[1:] - x).max(), (x - steps[:-1]).max())
    # Stephens' correction of the asymptotic law for few values
    return float(kolmogorov((math.sqrt(n) + 0.12 + 0.11 / math.sqrt(n)) * distance))


class Values(Protocol):
    """A law of positive numbers."""

    @property
    def words(self) -> str:
        """The law, in words."""
        ...

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        """Draw n values, (n,) float64."""
        ...

    def fits(self, x: Tensor, eps: float) -> bool:
        """Return whether values follow the law; eps is their relative rounding."""
        ...


@dataclass(frozen=True)
class Uniform:
    """Uniform between two numbers, or uniform in the logarithm.

    Args:
        low: at least 0, above 0 in the logarithm.
        high: above low.
        log: whether the logarithm is uniform.
    """

    low: float
    high: float
    log: bool = False

    @property
    def words(self) -> str:
        """The law, in words."""
        return f"{'log-' * self.log}uniform in {self.low:g} to {self.high:g}"

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        """Draw n values, (n,) float64.

        Args:
            n: how many.
            generator: source of randomness, on the CPU.
        """
        u = uniform(n, generator)
        if self.log:
            low, high = math.log(self.low), math.log(self.high)
            return torch.exp(low + (high - low) * u)
        return self.low + (self.high - self.low) * u

    def fits(self, x: Tensor, eps: float) -> bool:
        """Return whether values are in the range and spread as the law says.

        Args:
            x: real, any shape.
            eps: relative rounding of a value.
        """
        low, high = self.low * (1 - 2 * eps), self.high * (1 + 2 * eps)
        if not bool(((x >= low) & (x <= high)).all()):
            return False
        low, high = self.low, self.high
        if self.log:
            x, low, high = x.log(), math.log(low), math.log(high)
        return as_uniform((x - low) / (high - low)) > ALARM


@dataclass(frozen=True)
class Constant:
    """One number for all.

    Args:
        value: the number, positive.
    """

    value: float

    @property
    def words(self) -> str:
        """The law, in words."""
        return f"{self.value:.4g} for all"

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        """Return the number n times, (n,) float64.

        Args:
            n: how many.
            generator: not used.
        """
        return torch.full((n,), self.value, dtype=torch.float64, device="cpu")

    def fits(self, x: Tensor, eps: float) -> bool:
        """Return whether all values are the number.

        Args:
            x: real, any shape.
            eps: relative rounding of a value.
        """
        return bool(((x - self.value).abs() <= 2 * eps * self.value).all())


@dataclass(frozen=True)
class Law:
    """A published law of A and dt.

    Args:
        words: the law of A, in words; that of dt is added.
        source: the file or paper that states it.
        dt: the law of the time per step; None in discrete time, where dt is 1.
        A: draws A for H features of n modes: (H, n) complex128.
        fits_A: whether A (H, n) follows the law, given the relative rounding.
        pairs: whether a mode stands for itself and its conjugate.
        per_mode: whether each mode has a dt of its own, as in S5.
        init: the same law as an initialization, if it is one.
    """

    words: str
    source: str
    dt: Values | None
    A: Callable[[int, int, torch.Generator], Tensor]
    fits_A: Callable[[Tensor, float], bool]
    pairs: bool = False
    per_mode: bool = False
    init: Initialization | None = None

    def __str__(self) -> str:
        return self.words if self.dt is None else f"{self.words}; dt {self.dt.words}"

    def draw(self, H: int, n: int, generator: torch.Generator) -> Modes:
        """Draw the modes of a layer.

        Args:
            H: number of features or heads.
            n: number of modes of each.
            generator: source of randomness, on the CPU.
        """
        A = self.A(H, n, generator)
        if self.dt is None:
            return Modes(A, torch.ones_like(A.real[:, :1]), self.pairs)
        columns = n if self.per_mode else 1
        dt = self.dt.draw(H * columns, generator).reshape(H, columns)
        return Modes(A, dt, self.pairs)

    def fits_dt(self, dt: Tensor, eps: float) -> bool:
        """Return whether the times per step follow the law.

        Args:
            dt: (H, 1) or (H, n), positive.
            eps: relative rounding of a value.
        """
        return self.dt is None or self.dt.fits(dt, eps)


def near(x: Tensor, y: Tensor, eps: float) -> bool:
    """Return whether two tensors agree within a relative rounding.

    The largest value's rounding is allowed to all of a tensor, since the authors'
    eigenvalues of HiPPO are computed in float32 by one decomposition.

    Args:
        x: real.
        y: real, of a shape that broadcasts with that of x.
        eps: relative rounding of a value.
    """
    return bool(((x - y).abs() <= eps * (2 * y.abs() + y.abs().max())).all())

"""Every initialization of a diagonal SSM: one function, one line in the registry.

N is the real state size. N/2 modes are stored, one of each conjugate pair, with
A_n = real part + i frequency; a kernel is twice the real part of their sum.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable

import torch
from torch import Tensor

from ssmlib import _checks, hippo

DAMPING = -0.5


def count(n: int) -> Tensor:
    """Return 0, 1, .., n - 1, float64.

    Args:
        n: how many.
    """
    return torch.arange(n, dtype=torch.float64, device="cpu")


def _index(N: int) -> Tensor:
    return count(N // 2)


def modes_at(frequency: Tensor, real: float | Tensor = DAMPING) -> Tensor:
    """Return real part + i frequency.

    Args:
        frequency: (n,) float64.
        real: the real part of all modes, or (n,) real parts.

    Returns:
        (n,) complex128.
    """
    real = torch.as_tensor(real, dtype=torch.float64, device=frequency.device)
    real = real.expand(frequency.shape)
    return torch.complex(real.contiguous(), frequency)


def uniform(n: int, generator: torch.Generator) -> Tensor:
    """Draw n numbers from U(0, 1).

    Args:
        n: number of draws.
        generator: source of randomness; its device is that of the result.

    Returns:
        (n,) float64.
    """
    device = generator.device
    return torch.rand(n, generator=generator, dtype=torch.float64, device=device)


def _legs(N: int) -> Tensor:
    return modes_at(hippo.legs_frequencies(N))


def _inv_at(n: Tensor, N: int) -> Tensor:
    return N / math.pi * (N / (2 * n + 1) - 1)


def _inv(N: int) -> Tensor:
    return modes_at(_inv_at(_index(N), N))


def _inv2(N: int) -> Tensor:
    return modes_at(N / math.pi * (N / (_index(N) + 1) - 1))


def _lin(N: int) -> Tensor:
    return modes_at(math.pi * _index(N))


def _quad(N: int) -> Tensor:
    return modes_at((1 + 2 * _index(N)) ** 2 / math.pi)


def _real(N: int) -> Tensor:
    n = _index(N)
    return modes_at(torch.zeros_like(n), -(n + 1))


def _random_imag(N: int, generator: torch.Generator) -> Tensor:
    return modes_at(math.pi * (N / 2) * uniform(N // 2, generator))


def _random_inv(N: int, generator: torch.Generator) -> Tensor:
    return modes_at(_inv_at(N / 2 * uniform(N // 2, generator), N))


def _random_real(N: int, generator: torch.Generator) -> Tensor:
    real = -uniform(N // 2, generator)
    return modes_at(math.pi * _index(N).to(real.device), real)


def _rand(N: int, generator: torch.Generator) -> Tensor:
    device = generator.device
    normal = torch.randn(
        N // 2, generator=generator, dtype=torch.float64, device=device
    )
    return modes_at(torch.exp(normal))


def _fout(N: int) -> Tensor:
    return modes_at(math.pi * _index(N), 0.0)


# name: (function, what it is, source)
SCHEMES: dict[str, tuple[Callable[..., Tensor], str, str]] = {
    "legs": (_legs, "normal part of HiPPO-LegS", "S4D"),
    "inv": (_inv, "inverse law fitted to LegS", "S4D"),
    "inv2": (_inv2, "inverse law over all N", "S4D"),
    "lin": (_lin, "equally spaced, pi n", "S4D"),
    "quad": (_quad, "quadratic", "S4D"),
    "real": (_real, "real, -(n+1)", "S4D"),
    "random_imag": (_random_imag, "lin at a uniform index", "S4 code"),
    "random_inv": (_random_inv, "inv at a uniform index", "S4 code"),
    "random_real": (_random_real, "lin, real part -U(0,1)", "S4 code"),
    "rand": (_rand, "frequency exp of a normal", "S4 code"),
    "fout": (_fout, "normal part of HiPPO-FouT", "S4"),
}


def _legs_weights(N: int) -> tuple[Tensor, Tensor]:
    B = hippo.legs_input_weights(hippo.legs_frequencies(N))
    return B, B / math.sqrt(2)


def _fout_weights(N: int) -> tuple[Tensor, Tensor]:
    B = torch.ones(N // 2, dtype=torch.float64, device="cpu")
    B[0] = math.sqrt(0.5)  # one of the two states at frequency 0 has an input
    return B, B


# (B, P) of the HiPPO matrix V (diag(A) - P P*) V*, in the eigenbasis V of its normal
# part, the phase of each eigenvector chosen so that both are positive
HIPPO: dict[str, Callable[[int], tuple[Tensor, Tensor]]] = {
    "legs": _legs_weights,
    "fout": _fout_weights,
}


def names() -> tuple[str, ...]:
    """Return the names that `initialize` accepts."""
    return tuple(SCHEMES)


def is_random(name: str) -> bool:
    """Return whether a scheme draws its modes at random and accepts a seed.

    Args:
        name: one of `names()`.

    Raises:
        TypeError: if name is not a string.
        ValueError: for an unknown name.
    """
    _checks.one_of("name", name, SCHEMES)
    return "generator" in inspect.signature(SCHEMES[name][0]).parameters

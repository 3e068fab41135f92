"""Initializations that are stated in discrete time: poles lambda, one set per feature.

They know no time per step. Stored is log lambda, so that a layer with dt = 1 and
zero-order hold has these poles. N/2 poles are stored per feature, one of each conjugate
pair, as in continuous time.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from ssmlib import _checks
from ssmlib.initialization.arguments import check_state_size
from ssmlib.initialization.oscillators import linoss
from ssmlib.initialization.schemes import count, uniform

#: of the damping of DFouT, per step; each feature draws its own
XI = (1e-3, 1e-1)

Phases = Literal["circle", "half", "tokens", "random", "blocks"]
Damping = float | tuple[float, float]


def initialize_discrete(
    name: str, N: int, H: int = 1, *, seed: int | torch.Generator = 0, **options
) -> tuple[Tensor, Tensor]:
    """Return the poles and the input weights of H discrete diagonal SSMs.

    Args:
        name: one of `DISCRETE`: "dfout", "lru", "post" or "linoss".
        N: the real state size, even.
        H: number of features, each with poles of its own.
        seed: an integer, or the generator to draw from.
        options: those of the scheme. dfout: `phases`, `offsets`, `xi`; lru: `r_min`,
            `r_max`, `max_phase`; post: `longest`; linoss: `discretization`, `damping`,
            `r_min`, `max_phase`. See `dfout`, `lru`, `post` and `oscillators.linoss`.

    Returns:
        log lambda and the weights B_bar of x_t = lambda x_{t-1} + B_bar u_t,
        complex128, (H, N/2) each.

    Raises:
        TypeError: if an argument has another type.
        ValueError: for an unknown name or option, odd N, or a value outside its range.
    """
    _checks.one_of("name", name, DISCRETE)
    check_options_discrete(name, options)
    check_state_size("N", N)
    _checks.fits("N times H", N * _checks.integer("H", H), 4 * N * H)
    if not isinstance(seed, torch.Generator):
        seed = _checks.integer("seed", seed, -(2**63), 2**64 - 1)
        seed = torch.Generator("cpu").manual_seed(seed)
    return DISCRETE[name][0](N, H, seed, **options)


def check_options_discrete(name: str, options: dict) -> None:
    """Refuse options that a discrete scheme does not have.

    Args:
        name: one of `DISCRETE`.
        options: by name.

    Raises:
        ValueError: for another option; the message lists those of the scheme.
    """
    known = [*inspect.signature(DISCRETE[name][0]).parameters][3:]
    if unknown := sorted({*options} - {*known}):
        raise ValueError(
            f"{name} has the options {', '.join(known)}, not {', '.join(unknown)}"
        )


def principal(log: Tensor) -> Tensor:
    """Return the same poles' logarithms with phases in (-pi, pi].

    The weights of zero-order hold would be infinite for a phase of 2 pi.

    Args:
        log: log lambda, complex, any shape.
    """
    phase = torch.remainder(log.imag, 2 * math.pi)
    phase = torch.where(phase > math.pi, phase - 2 * math.pi, phase)
    return torch.complex(log.real.contiguous(), phase)


def dfout(
    N: int,
    H: int,
    generator: torch.Generator,
    *,
    phases: Phases = "circle",
    offsets: bool = True,
    xi: Damping = XI,
) -> tuple[Tensor, Tensor]:
    """Return the poles of S4D-DFouT, lambda = exp(-xi / 2 + i phase), with B_bar = 1.

    Args:
        N: the real state size, even.
        H: number of features.
        generator: source of randomness.
        phases: "circle": with their conjugates, the N poles of one feature are evenly
            spaced, at the phases 2 pi (n + 1/2) / N; no pole is its own conjugate.
            "half": N/2 phases from 0 to pi, both included. "tokens": the periods of 2,
            3, ... steps. "random": uniform in (0, pi). "blocks": as "circle" for N H
            poles, of which each feature has N/2 neighbors.
        offsets: whether the phases of the features differ, by fractions of the spacing,
            for "circle": 2 pi (n + (h + 1/2) / H) / N in feature h.
        xi: the damping, at least 0, or a range from which each feature draws, uniformly
            in the logarithm.

    Returns:
        As `initialize_discrete`.

    Source: S4D-DFouT (arXiv 2508.20441). There, N counts the poles of the whole circle,
    of which one may be 1 and one -1.
    """
    _checks.one_of("phases", phases, ("circle", "half", "tokens", "random", "blocks"))
    n, h = count(N // 2), count(H).unsqueeze(-1)
    if phases == "circle":
        shift = (h + 0.5) / H if offsets else torch.full_like(h, 0.5)
        phase = 2 * math.pi * (n + shift) / N
    elif phases == "half":
        phase = math.pi * n / max(1, N // 2 - 1) + 0 * h
    elif phases == "tokens":
        phase = 2 * math.pi / (n + 2) + 0 * h
    elif phases == "random":
        phase = math.pi * uniform(H * (N // 2), generator).reshape(H, -1)
    else:
        phase = 2 * math.pi * (h * (N // 2) + n + 0.5) / (N * H)
    damping = _drawn("xi", xi, H, generator).unsqueeze(-1) / 2
    log = torch.complex((-damping).expand_as(phase).contiguous(), phase)
    return log, torch.ones_like(log)


def _drawn(name: str, value: Damping, H: int, generator: torch.Generator) -> Tensor:
    """(H,) float64: a number >= 0 for all, or draws from a range, log-uniform."""
    if not isinstance(value, tuple):
        number = _checks.not_negative(name, value)
        return torch.full((H,), float(number), dtype=torch.float64, device="cpu")
    if len(value) != 2:
        raise ValueError(f"{name} must be a number or a range (low, high), got {value}")
    low, high = (_checks.positive(name, _checks.number(name, v)) for v in value)
    if low > high:
        raise ValueError(f"{name} must have low <= high, got {value}")
    span = math.log(high) - math.log(low)
    return torch.exp(math.log(low) + span * uniform(H, generator))


def lru(
    N: int,
    H: int,
    generator: torch.Generator,
    *,
    r_min: float = 0.0,
    r_max: float = 1.0,
    max_phase: float = 2 * math.pi,
) -> tuple[Tensor, Tensor]:
    """Return the poles of the LRU, uniform on a ring, with weights that normalize.

    ``|lambda|^2`` is uniform between r_min^2 and r_max^2, the phase between 0 and
    max_phase. ``B_bar = sqrt(1 - |lambda|^2)``, so that white input of variance 1 gives
    every mode the mean square 1.

    Args:
        N: the real state size, even.
        H: number of features.
        generator: source of randomness.
        r_min: the smallest radius, at least 0 and below 1.
        r_max: the largest radius, at least r_min and at most 1.
        max_phase: in (0, 2 pi].

    Returns:
        As `initialize_discrete`.

    Source: Orvieto et al. 2023 (arXiv 2303.06349).
    """
    r_min, r_max = (
        _checks.number(n, v) for n, v in (("r_min", r_min), ("r_max", r_max))
    )
    if not (0 <= r_min <= r_max <= 1 and r_min < 1):
        raise ValueError(
            "r_min and r_max must be 0 <= r_min <= r_max <= 1 with r_min < 1, since "
            f"the weights sqrt(1 - |lambda|^2) normalize, got {r_min} and {r_max}"
        )
    if not 0 < _checks.number("max_phase", max_phase) <= 2 * math.pi:
        raise ValueError(f"max_phase must be in (0, 2 pi], got {max_phase}")
    n = H * (N // 2)
    square = r_min**2 + uniform(n, generator) * (r_max**2 - r_min**2)
    phase = max_phase * uniform(n, generator)
    # A pole at 0 has no logarithm: one of 1e-8 forgets an input within a step, too.
    real = 0.5 * torch.log(square.clamp(min=1e-16, max=1 - 2**-53))
    log = torch.complex(real, phase).reshape(H, -1)
    return log, torch.sqrt(-torch.expm1(2 * log.real)).to(log.dtype)


def post(
    N: int, H: int, generator: torch.Generator, *, longest: float = 1000.0
) -> tuple[Tensor, Tensor]:
    """Return real poles whose memory times grow by a constant factor, with B_bar = 1.

    The memory times, -1 / log lambda, are geometric from one step to `longest` steps.
    (The published method also changes them with the position in the sequence, which no
    time-invariant layer can.)

    Args:
        N: the real state size, even; N/2 real poles are stored.
        H: number of features; all have the same poles.
        generator: not used.
        longest: the longest memory time, in steps, at least 1.

    Returns:
        As `initialize_discrete`.

    Source: abstract of arXiv 2604.07658.
    """
    if _checks.number("longest", longest) < 1:
        raise ValueError(f"longest must be at least 1 step, got {longest}")
    share = count(N // 2) / max(1, N // 2 - 1)
    real = -torch.exp(-share * math.log(longest)).expand(H, -1).contiguous()
    log = torch.complex(real, torch.zeros_like(real))
    return log, torch.ones_like(log)


# name: (function, what it is, source)
DISCRETE: dict[str, tuple[Callable[..., tuple[Tensor, Tensor]], str, str]] = {
    "dfout": (dfout, "evenly spaced on the unit circle, damped", "S4D-DFouT"),
    "lru": (lru, "uniform on a ring, normalized weights", "LRU"),
    "post": (post, "real, memory times in geometric steps", "PoST, abstract"),
    "linoss": (linoss, "oscillators, damped or not", "LinOSS, D-LinOSS"),
}

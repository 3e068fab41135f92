"""Damped oscillators in discrete time, z' = -A y - G z + B u and y' = z, as LinOSS.

One step is [z; y] <- M [z; y] + F B u with a 2 x 2 matrix M. The implicit-explicit rule
("imex") takes y from the step before in z', and G z from the new one. The implicit rule
("im") takes both from the new step, and has G = 0. In both rules S = det M is the
square of the radius of a complex pair of poles.

All functions are elementwise: A, G and dt are real, one entry per oscillator.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from ssmlib import _checks
from ssmlib._literals import OscillatorRule
from ssmlib.initialization.arguments import check_state_size
from ssmlib.initialization.schemes import uniform

RULES: tuple[OscillatorRule, ...] = ("imex", "im")
#: of the logits of dt in D-LinOSS: their standard deviation
_DT_STD = 0.5


class Oscillators(NamedTuple):
    """Oscillators before their discretization.

    Attributes:
        A: (n,) stiffness, at least 0.
        G: (n,) damping, at least 0.
        dt: (n,) time per step, in (0, 1).
    """

    A: Tensor
    G: Tensor
    dt: Tensor


def check_rule(discretization: str, damping: bool) -> None:
    """Refuse a combination that neither paper has.

    Args:
        discretization: "imex" or "im".
        damping: whether there is a damping G.

    Raises:
        TypeError: if damping is neither True nor False.
        ValueError: for another rule, or damping with the implicit rule.
    """
    _checks.one_of("discretization", discretization, RULES)
    if _checks.boolean("damping", damping) and discretization == "im":
        raise ValueError(
            "damping must be False with discretization 'im', which damps by itself, "
            f"got {damping}"
        )


def edges(G: Tensor, dt: Tensor) -> tuple[Tensor, Tensor]:
    """Return the A between which "imex" has complex poles; at them, both are equal.

    They are (2 + dt G -+ 2 sqrt(1 + dt G)) / dt^2. Outside of them both poles are real;
    below the lower one they are positive and at most 1.

    Args:
        G: damping, at least 0.
        dt: time per step.

    Returns:
        The lower and the higher edge.

    Source: derived in `tests/ssmlib/test_linoss.py`; D-LinOSS (arXiv 2505.12171).
    """
    root = torch.sqrt(1 + dt * G)
    return (G / (1 + root)).square(), ((1 + root) / dt).square()


def largest_stable(G: Tensor, dt: Tensor) -> Tensor:
    """Return the largest A at which "imex" has no pole outside of the unit circle.

    There a pole is -1. It is not below the higher one of the `edges`, and equal to it
    without damping.

    Args:
        G: damping, at least 0.
        dt: time per step.
    """
    return 2 * (2 + dt * G) / dt.square()


def transition(
    A: Tensor, G: Tensor, dt: Tensor, discretization: OscillatorRule
) -> tuple[Tensor, Tensor]:
    """Return one step of the state (z, y).

    Args:
        A: stiffness (...,).
        G: damping; not read by "im".
        dt: time per step.
        discretization: "imex" or "im".

    Returns:
        M (..., 2, 2) and F (..., 2).
    """
    implicit = discretization == "im"
    S = 1 / (1 + dt.square() * A) if implicit else 1 / (1 + dt * G)
    corner = S if implicit else 1 - S * dt.square() * A
    rows = torch.stack([S, -S * dt * A, S * dt, corner], -1)
    return rows.unflatten(-1, (2, 2)), torch.stack([S * dt, S * dt.square()], -1)


def poles(
    A: Tensor, G: Tensor, dt: Tensor, discretization: OscillatorRule
) -> tuple[Tensor, Tensor]:
    """Return a complex pole of each oscillator, and the weight of its mode.

    The position of an oscillator that receives 1 at step 0 is 2 Re w lambda^l at step
    l, with w = S dt^2 lambda / (lambda - conj(lambda)).

    Args:
        A: stiffness; for "imex" between the `edges`.
        G: damping; not read by "im".
        dt: time per step.
        discretization: "imex" or "im".

    Returns:
        log lambda, with a phase in [0, pi], and w; complex. At an edge w is not finite.
    """
    if discretization == "im":
        S = 1 / (1 + dt.square() * A)
        phase = torch.atan(dt * torch.sqrt(A))
    else:
        S, (low, high) = 1 / (1 + dt * G), edges(G, dt)
        phase = 2 * torch.atan2(torch.sqrt(A - low), torch.sqrt(high - A))
    # lambda / (lambda - conj(lambda)) = (sin - i cos) / (2 sin) of the phase
    w = 0.5 * S * dt.square()
    w = torch.complex(w, -w / torch.tan(phase))
    return torch.complex(0.5 * torch.log(S), phase), w


def from_poles(square: Tensor, phase: Tensor, dt: Tensor) -> Oscillators:
    """Return the oscillators that have given poles by the implicit-explicit rule.

    Args:
        square: ``|lambda|^2``, in (0, 1].
        phase: of lambda, in [0, pi].
        dt: time per step.
    """
    G = (1 / square - 1) / dt
    low, high = edges(G, dt)
    return Oscillators(low + (high - low) * torch.sin(phase / 2).square(), G, dt)


def draw(
    n: int,
    generator: torch.Generator,
    *,
    discretization: OscillatorRule = "imex",
    damping: bool = True,
    r_min: float = 0.9,
    max_phase: float = math.pi,
) -> Oscillators:
    """Draw oscillators by the published laws.

    Undamped, A and the logit of dt are uniform in (0, 1). Damped, the poles are uniform
    on a ring: ``|lambda|^2`` between r_min^2 and 1, and the phase between 0 and
    max_phase; the logit of dt is normal with the standard deviation 0.5.

    Args:
        n: number of oscillators.
        generator: source of randomness.
        discretization: "imex" or "im".
        damping: whether there is a damping G.
        r_min: the smallest radius with damping, at least 0 and below 1.
        max_phase: the largest phase with damping, in (0, pi].

    Raises:
        TypeError: for an argument of another type.
        ValueError: for an argument outside these values.

    Source: the code of LinOSS (tk-rusch/linoss) and of D-LinOSS
    (jaredbmit/damped-linoss); r_min = 0.9 and max_phase = pi are of its experiments.
    """
    check_rule(discretization, damping)
    if not 0 <= _checks.number("r_min", r_min) < 1:
        raise ValueError(f"r_min must be in [0, 1), got {r_min}")
    if not 0 < _checks.number("max_phase", max_phase) <= math.pi:
        raise ValueError(f"max_phase must be in (0, pi], got {max_phase}")
    if not damping:
        A, logit = uniform(n, generator), uniform(n, generator)
        return Oscillators(A, torch.zeros_like(A), torch.sigmoid(logit))
    # A pole at 0 has no oscillator: one of 1e-8 forgets an input within a step, too.
    square = (r_min**2 + uniform(n, generator) * (1 - r_min**2)).clamp(min=1e-16)
    phase = max_phase * uniform(n, generator)
    logit = torch.randn(n, generator=generator, dtype=torch.float64, device="cpu")
    return from_poles(square, phase, torch.sigmoid(_DT_STD * logit))


def linoss(
    N: int,
    H: int,
    generator: torch.Generator,
    *,
    discretization: OscillatorRule = "imex",
    damping: bool = True,
    r_min: float = 0.9,
    max_phase: float = math.pi,
) -> tuple[Tensor, Tensor]:
    """Return the poles of LinOSS or D-LinOSS, with the weights of their positions.

    Args:
        N: the real state size, even: N/2 oscillators per feature.
        H: number of features.
        generator: source of randomness.
        discretization: as `draw`.
        damping: as `draw`.
        r_min: as `draw`.
        max_phase: as `draw`.

    Returns:
        As `initialize_discrete`.

    Source: LinOSS (arXiv 2410.03943) and D-LinOSS (arXiv 2505.12171).
    """
    check_state_size("N", N)
    found = draw(
        H * (N // 2),
        generator,
        discretization=discretization,
        damping=damping,
        r_min=r_min,
        max_phase=max_phase,
    )
    log, w = poles(*found, discretization)
    return log.reshape(H, -1), w.reshape(H, -1)

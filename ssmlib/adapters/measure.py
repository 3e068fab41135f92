"""What an audit measures of the modes of a layer: memory, frequencies and energy."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ssmlib.adapters._modes import Modes
from ssmlib.theory import memory
from ssmlib.theory._arguments import READOUTS
from ssmlib.theory._energy import decays

#: features of a layer whose MF90 is computed for the layer's row
SAMPLE = 16
#: complex numbers that one block of the energy takes
_BLOCK = 2**22


def sampled(modes: Modes) -> Tensor:
    """Return the features that stand for a layer: evenly spread in the order of memory.

    Args:
        modes: of H features.

    Returns:
        At most `SAMPLE` indices.
    """
    order = modes.memory.median(-1).values.argsort()
    if len(order) <= SAMPLE:
        return order
    places = torch.linspace(0, len(order) - 1, SAMPLE, device="cpu").round().long()
    return order[places]


def mf90(modes: Modes, feature: int) -> float:
    """Return the delay by which 90 % of the memory of a feature's state is reached.

    Args:
        modes: of H features.
        feature: its number.

    Returns:
        The delay in tokens; infinite for a mode without damping.
    """
    poles = torch.exp(modes.log[feature])
    if modes.pairs:
        poles = torch.cat([poles, poles.conj()]).resolve_conj()
    if float(1 - poles.abs().max()) < 1e-12:
        return math.inf
    return float(memory.memory_quantile(poles, 0.9))


def aliased(modes: Modes) -> Tensor:
    """Return the share of modes that turn by more than pi per step: (H,).

    Args:
        modes: of H features.
    """
    turns = modes.log.imag.abs() > math.pi * (1 + 1e-6)
    return turns.double().mean(-1)


def energy(modes: Modes, row: Tensor, readout: str) -> Tensor:
    """Return the mean square of the output after L steps, (H,), of a random readout.

    The output weights are CN(0, 1), or N(0, 1) of real modes. Input weights are those
    of the layer, or 1 where they depend on the input.

    Args:
        modes: of H features.
        row: (L,) the autocorrelation of the input, at the lags 0 to L - 1.
        readout: "pairs" or "complex", of modes that are not real.

    Raises:
        ValueError: if the row is not of float64.
    """
    weight = READOUTS[readout if modes.pairs else "real"]
    z, L = modes.log, len(row)
    size = modes.size
    lags = torch.nonzero(row).flatten()  # of white noise, one
    total = torch.zeros_like(size)
    step = max(1, _BLOCK // max(1, z.numel()))
    for part in lags.split(step):
        k = part.double()
        # Pairs at lag k: L - k of them; lag 0 is counted once, the others twice.
        times = torch.where(k == 0, 1.0, 2.0) * row[part]
        turned = torch.exp(z.unsqueeze(-1) * k).real
        total += (times * turned * decays(2 * z.real.unsqueeze(-1), L - k)).sum(-1)
    return weight * (size * total).sum(-1)

"""The slices of an ensemble that are computed one after another.

All models at once would be fastest if memory had no cost. But large tensors do not stay
in a processor's cache, and the C library returns their memory to the system and asks
for it again at each operation. A few models at a time are therefore faster, and need
less memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch

from ssmlib.models import Ensemble

#: bytes of the features of a slice: of (B, H, L) values per block and model
WORKING_SET = 2**24


class Slice(NamedTuple):
    """Models that are computed together: all models of some seeds, or some of one.

    Attributes:
        members: the models.
        seeds: the seeds that they belong to.
    """

    members: slice
    seeds: slice


ALL = Slice(slice(None), slice(None))


def slices(
    model: Ensemble, seeds: int, B: int, L: int, device: torch.device
) -> list[Slice]:
    """Divide an ensemble into slices of bounded size, with at least one model each.

    The features of a slice of several models have at most `WORKING_SET` bytes.

    The slices are as equal as possible, and depend only on the arguments. On another
    device than the CPU there is one slice.

    Args:
        model: the ensemble, its members seed by seed.
        seeds: the number of seeds, a divisor of the ensemble's size.
        B: sequences per batch.
        L: number of steps.
        device: of the training.

    Returns:
        The slices in order.
    """
    stacked, own = model.stacked, model.size // seeds
    size = stacked.feature_values(B, L) * stacked.encoder.element_size()
    most = max(1, WORKING_SET // size)
    if most >= model.size or device.type != "cpu":
        return [ALL]
    if most >= own:
        ends = _ranges(seeds, most // own)
        return [Slice(slice(a * own, b * own), slice(a, b)) for a, b in ends]
    return [
        Slice(slice(s * own + a, s * own + b), slice(s, s + 1))
        for s in range(seeds)
        for a, b in _ranges(own, most)
    ]


def _ranges(count: int, most: int) -> Iterator[tuple[int, int]]:
    """Divide 0 .. count-1 into the fewest ranges of at most `most`, nearly equal."""
    parts = -(-count // most)
    for k in range(parts):
        yield k * count // parts, (k + 1) * count // parts

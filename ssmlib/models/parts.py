"""The parts of a model, drawn from its seed: its matrices and its layers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from ssmlib import _checks
from ssmlib.initialization import Initialization, Range, as_initialization
from ssmlib.layers.base import Init
from ssmlib.models.options import LayerMaker
from ssmlib.models.other_layers import OTHER_LAYERS, OtherLayer


def drawn(shape: Sequence[int], size: int, generator: torch.Generator) -> Tensor:
    """N(0, 1 / size), float32 on the CPU whatever the default dtype and device."""
    values = torch.randn(*shape, generator=generator, device="cpu", dtype=torch.float32)
    return values / math.sqrt(size)


def matrix(
    rows: int, columns: int, generator: torch.Generator, size: int | None = None
) -> nn.Parameter:
    """A matrix of entries N(0, 1 / size), size being its columns by default."""
    values = drawn((rows, columns), size or columns, generator)
    return nn.Parameter(values.to(torch.get_default_device()))


def zeros(count: int) -> nn.Parameter:
    """A bias (count, 1) of zeros."""
    return nn.Parameter(torch.zeros(count, 1, dtype=torch.float32))


def reset(part: nn.Module) -> None:
    """Set the parameters of a norm or a layer to those at construction."""
    call: Any = part.reset_parameters
    call()


def mixed(weights: Tensor, u: Tensor) -> Tensor:
    """(o, h) and (B, h, L) -> (B, o, L)"""
    return torch.einsum("oh,bhl->bol", weights, u)


def other_layer(name: str) -> type[OtherLayer]:
    """The layer of that name; ValueError for a name that is not in `OTHER_LAYERS`."""
    return OTHER_LAYERS[_checks.one_of("layer", name, OTHER_LAYERS)]


def is_whole(layer: LayerMaker) -> bool:
    """Whether the layer is a block of its own; ValueError for an unknown name."""
    return isinstance(layer, str) and other_layer(layer).whole


def layers(
    layer: LayerMaker,
    d_model: int,
    d_state: int,
    init: Init,
    later_dt: Range | None,
    frozen: Sequence[str],
    seeds: Sequence[int],
) -> nn.ModuleList:
    """Make one layer for each seed; `Model` says what the arguments are.

    Raises:
        ValueError: for options of SSM layers with a layer that is none.
        TypeError: if `layer` returns something else than a module.
    """
    if isinstance(layer, str):
        if as_initialization(init) != Initialization() or later_dt or frozen:
            raise ValueError(
                f"init, dt and frozen go with SSM layers, not with {layer!r}"
            )
        return nn.ModuleList(other_layer(layer)(d_model, seed=seed) for seed in seeds)
    first = as_initialization(init)
    later = first if later_dt is None else replace(first, dt=later_dt)
    options = {"frozen": frozen} if frozen else {}
    made = [
        layer(d_model, d_state, init=later if k else first, seed=seed, **options)
        for k, seed in enumerate(seeds)
    ]
    for part in made:
        if not isinstance(part, nn.Module):
            raise TypeError(
                f"layer must return a module, got {type(part).__name__} from {layer!r}"
            )
    return nn.ModuleList(made)

"""The parts of a model, drawn from its seed: its matrices and its layers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from ssmlib import _checks
from ssmlib._literals import Mix
from ssmlib.initialization import Initialization, Range, as_initialization
from ssmlib.layers.base import Init
from ssmlib.models.options import LayerMaker
from ssmlib.models.other_layers import OTHER_LAYERS, OtherLayer


def drawn(shape: Sequence[int], size: int, generator: torch.Generator) -> Tensor:
    """Draw from N(0, 1 / size).

    The result is float32 on the CPU, whatever the default dtype and device.

    Args:
        shape: of the result.
        size: number of inputs that are added up; the variance is 1 / size.
        generator: source of the random numbers, on the CPU.
    """
    values = torch.randn(*shape, generator=generator, device="cpu", dtype=torch.float32)
    return values / math.sqrt(size)


@dataclass(frozen=True)
class Place:
    """The device and the dtype of parameters.

    Attributes:
        device: where they are; None for torch's default device.
        dtype: float32 or float64.
    """

    device: torch.device | str | None = None
    dtype: torch.dtype = torch.float32

    def put(self, value: Tensor) -> Tensor:
        """Return a tensor there, in that dtype."""
        device = torch.get_default_device() if self.device is None else self.device
        return value.to(device, self.dtype)

    def options(self) -> dict[str, Any]:
        """Return the options that a layer receives: those that are not the default."""
        found: dict[str, Any] = {}
        if self.device is not None:
            found["device"] = self.device
        if self.dtype != torch.float32:
            found["dtype"] = self.dtype
        return found


def matrix(
    rows: int,
    columns: int,
    generator: torch.Generator,
    place: Place,
    size: int | None = None,
) -> nn.Parameter:
    """Return a matrix with entries drawn from N(0, 1 / size).

    Args:
        rows: number of rows.
        columns: number of columns.
        generator: source of the random numbers, on the CPU.
        place: its device and dtype.
        size: the inverse of the variance; None for columns.
    """
    values = drawn((rows, columns), size or columns, generator)
    return nn.Parameter(place.put(values))


def zeros(count: int, place: Place) -> nn.Parameter:
    """Return a bias (count, 1) of zeros."""
    return nn.Parameter(place.put(torch.zeros(count, 1, device="cpu")))


def mixing(
    d_model: int, mix: Mix, bias: bool, generator: torch.Generator, place: Place
) -> tuple[nn.Parameter, nn.Parameter | None]:
    """Return the matrix that mixes the features of a block, and its bias or None."""
    width = 2 * d_model if mix == "glu" else d_model
    weights = matrix(width, d_model, generator, place)
    return weights, zeros(width, place) if bias else None


def reset(part: nn.Module) -> None:
    """Set the parameters of a norm or a layer to their initial values."""
    call: Any = part.reset_parameters
    call()


def mixed(weights: Tensor, u: Tensor) -> Tensor:
    """Return weights (o, h) times features (b, h, l), which is (b, o, l)."""
    return torch.einsum("oh,bhl->bol", weights, u)


def other_layer(name: str) -> type[OtherLayer]:
    """Return the layer with a name of `OTHER_LAYERS`; raise ValueError for others."""
    return OTHER_LAYERS[_checks.one_of("layer", name, OTHER_LAYERS)]


def is_whole(layer: LayerMaker) -> bool:
    """Return whether a layer is a block of its own; raise ValueError for a bad name."""
    return isinstance(layer, str) and other_layer(layer).whole


def layers(
    layer: LayerMaker,
    d_model: int,
    d_state: int,
    init: Init,
    later_dt: Range | None,
    frozen: Sequence[str],
    seeds: Sequence[int],
    place: Place,
) -> nn.ModuleList:
    """Make one layer per seed.

    Args:
        layer: as `Model`.
        d_model: number of features.
        d_state: real state size.
        init: initialization of the layers.
        later_dt: the dt of the layers after the first; None for that of init.
        frozen: as `Model`.
        seeds: one per layer.
        place: their device and dtype.

    Raises:
        TypeError: if `layer` returns something other than a module.
        ValueError: for options of SSM layers with another layer.
    """
    if isinstance(layer, str):
        if as_initialization(init) != Initialization() or later_dt or frozen:
            raise ValueError(
                f"init, dt and frozen go with SSM layers, not with {layer!r}"
            )
        others = nn.ModuleList(other_layer(layer)(d_model, seed=own) for own in seeds)
        return others.to(**place.options())
    first = as_initialization(init)
    later = first if later_dt is None else replace(first, dt=later_dt)
    options = ({"frozen": frozen} if frozen else {}) | place.options()
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

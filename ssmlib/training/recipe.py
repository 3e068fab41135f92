"""The arguments from which the models of a fit are made, also as plain values."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from ssmlib.initialization import Initialization
from ssmlib.models import Ensemble, Model, tensors
from ssmlib.models.options import LayerMaker
from ssmlib.models.packed import packed_layer
from ssmlib.models.plain import plain
from ssmlib.training.grid import Configuration


@dataclass(frozen=True)
class Recipe:
    """The arguments of the models of a fit.

    Attributes:
        channels: of an input; for tokens, their number with 0.
        outputs: number of outputs of a model.
        tokens: whether the inputs are tokens.
        length: number of steps of the inputs.
        chosen: the configurations of the grid.
        seeds: the seeds, distinct.
        layer: as `models.Model`.
        shape: further options of `models.Model`.
    """

    channels: int
    outputs: int
    tokens: bool
    length: int
    chosen: list[Configuration]
    seeds: list[int]
    layer: LayerMaker
    shape: dict[str, Any]

    @property
    def members(self) -> list[tuple[Configuration, int]]:
        """The configuration and the seed of each model, seed by seed."""
        return [(c, seed) for seed in self.seeds for c in self.chosen]

    def models(self) -> Ensemble:
        """Make the models as they are initialized, on the CPU."""
        return Ensemble(
            [
                Model(
                    self.channels,
                    self.outputs,
                    layer=self.layer,
                    init=c.init,
                    later_dt=c.later_dt,
                    frozen=c.frozen,
                    tokens=self.tokens,
                    seed=seed,
                    **self.shape,
                )
                for c, seed in self.members
            ]
        )

    def packed(self) -> dict[str, Any]:
        """Return the recipe as values that a file can store, with few exceptions.

        A layer of the user's own is stored as its name alone.
        """
        return {
            "channels": self.channels,
            "outputs": self.outputs,
            "tokens": self.tokens,
            "length": self.length,
            "chosen": [plain(asdict(c), strict=False) for c in self.chosen],
            "seeds": list(self.seeds),
            "layer": packed_layer(self.layer),
            "shape": plain(self.shape, strict=False),
        }


def unpacked(packed: dict[str, Any], layer: LayerMaker) -> Recipe:
    """Return the recipe that `Recipe.packed` described.

    Args:
        packed: the plain values.
        layer: the layer.
    """
    chosen = [
        Configuration(**own | {"init": Initialization(**own["init"])})
        for own in packed["chosen"]
    ]
    return Recipe(**packed | {"chosen": chosen, "layer": layer})


def state(model: Ensemble) -> dict[str, Any]:
    """Return all parameters and buffers of the models, on the CPU.

    Args:
        model: the ensemble.
    """
    stored = model.state_dict()  # with the options in its metadata
    for name, value in stored.items():
        if isinstance(value, Tensor):
            stored[name] = value.detach().cpu()
    passing = {
        name: value.detach().cpu()
        for name, value in tensors.named(model).items()
        if name not in stored
    }
    return {"stored": stored, "passing": passing}


@torch.no_grad()
def set_state(model: Ensemble, values: dict[str, Any]) -> None:
    """Set all parameters and buffers of the models.

    Args:
        model: the ensemble, of the same layers and sizes.
        values: the result of `state`; the model takes its dtypes.

    Raises:
        RuntimeError: as `load_state_dict`, for other layers or sizes.
    """
    own = tensors.named(model)
    for name, value in {**values["stored"], **values["passing"]}.items():
        if name in own and own[name].dtype != value.dtype:  # the user converted it
            own[name].data = own[name].data.to(value.dtype)
    model.load_state_dict(values["stored"])
    for name, value in values["passing"].items():
        own[name].copy_(value)

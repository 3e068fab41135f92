"""The configuration of a model as plain values, and its file with the parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

import torch
from torch import Tensor

from ssmlib import _checks
from ssmlib.initialization import Initialization, Range, as_initialization
from ssmlib.layers.base import Init
from ssmlib.layers.state import Described
from ssmlib.models import tensor_file
from ssmlib.models.options import LayerMaker
from ssmlib.models.packed import packed_layer, unpacked_layer
from ssmlib.models.plain import plain

if TYPE_CHECKING:
    from ssmlib.models.model import Model

VERSION = 1
#: the attributes of a model that are arguments of its class
_LIVE = ("channels", "d_model", "pooling", "linear", "mix", "norm", "prenorm")
_LIVE += ("dropout", "tied_dropout", "tokens", "seed")


def arguments(
    layer: LayerMaker,
    init: Init,
    later_dt: Range | None,
    frozen: Sequence[str],
    d_state: int,
    bias: bool,
) -> dict[str, Any]:
    """Return the arguments of a model that its attributes do not show.

    Args:
        layer: as `Model`, with the options of the layers.
        init: as `Model`.
        later_dt: as `Model`.
        frozen: as `Model`.
        d_state: as `Model`.
        bias: as `Model`.
    """
    return {
        "layer": packed_layer(layer),
        "init": plain(asdict(as_initialization(init)), strict=False),
        "later_dt": plain(later_dt, strict=False),
        "frozen": list(frozen),
        "d_state": d_state,
        "bias": bool(bias),
    }


class Saving(Described):
    """The configuration and the file of a `Model`, whose base this is."""

    _arguments: dict[str, Any]

    def config(self) -> dict[str, Any]:
        """Return the arguments of this model as plain values.

        `Model.from_config` makes a model of them. The device is left out. A layer of
        this package is stored with its options, another one by its name alone.

        Returns:
            Numbers, texts, and lists and mappings of them, by argument, as JSON has
            them. A complex number is a mapping of "re" and "im".
        """
        model = cast("Model", self)
        found = {name: getattr(model, name) for name in _LIVE} | self._arguments
        dtype = str(model.encoder.dtype).removeprefix("torch.")
        found |= {"outputs": len(model.decoder), "n_layers": len(model.ssms)}
        return _listed(plain(found | {"dtype": dtype}, strict=False))

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], *, layer: LayerMaker | None = None
    ) -> Self:
        """Return a model with the arguments of a configuration, newly initialized.

        Args:
            config: as `config` returns it.
            layer: the layer, if it is not one of this package.

        Raises:
            TypeError: if config is no mapping, or as `Model`.
            ValueError: for a configuration with missing or unknown names, a layer that
                is missing or another one, or as `Model`.
        """
        if not isinstance(config, Mapping):
            raise TypeError(f"config must be a mapping, got {type(config).__name__}")
        names = {*_LIVE, "layer", "init", "later_dt", "frozen", "d_state", "bias"}
        names |= {"outputs", "n_layers", "dtype"}
        if set(config) != names:
            raise ValueError(
                "config must be that of Model.config(), got the names "
                f"{', '.join(sorted(map(str, set(config) ^ names)))} that one of them "
                "lacks"
            )
        options: dict[str, Any] = dict(config)
        options["layer"] = unpacked_layer(options["layer"], layer)
        options["init"] = _initialization(options["init"])
        options["dtype"] = _dtype(options["dtype"])
        options |= {name: _tuples(options[name]) for name in ("later_dt", "frozen")}
        return cls(options.pop("channels"), options.pop("outputs"), **options)

    def save(self, path: str | Path) -> None:
        """Write the parameters and the configuration to a file, which `load` reads.

        The file is in the safetensors format, with the configuration in its metadata.
        An existing file is replaced. An interruption leaves it as it was.

        Args:
            path: the file, in a folder that exists.

        Raises:
            TypeError: for something else than a path.
            ValueError: for a place that cannot be written to, or a model whose state
                dict or configuration has other values than tensors, numbers and texts.
        """
        values = cast("Model", self).state_dict()
        for name, value in values.items():
            if not isinstance(value, Tensor):
                raise ValueError(
                    f"state dict must have tensors, to be stored in a file, got "
                    f"{type(value).__name__} under {name}"
                )
        content = {"version": VERSION, "config": self.config()}
        tensor_file.write(path, values, content)


def _listed(value: Any) -> Any:
    """Return a plain value without tuples and complex numbers, which JSON lacks."""
    if isinstance(value, complex):
        return {"re": value.real, "im": value.imag}
    if isinstance(value, Mapping):
        return {name: _listed(part) for name, part in value.items()}
    return [*map(_listed, value)] if isinstance(value, list | tuple) else value


def _tuples(value: Any) -> Any:
    """Return a value of `_listed` with tuples and complex numbers."""
    if isinstance(value, Mapping) and set(value) == {"re", "im"}:
        return complex(value["re"], value["im"])
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _initialization(config: Any) -> Initialization:
    """Return the initialization of its stored fields."""
    if not isinstance(config, Mapping):
        raise ValueError(f"config must have a mapping as init, got {config!r}")
    try:
        return Initialization(**{name: _tuples(v) for name, v in config.items()})
    except TypeError as error:
        raise ValueError(f"config must have an init that fits: {error}") from None


def _dtype(name: str) -> torch.dtype:
    known = {"float32": torch.float32, "float64": torch.float64}
    return known[_checks.one_of("dtype of config", name, known)]

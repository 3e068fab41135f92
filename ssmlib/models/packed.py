"""The layer of a model as plain values, which a file can hold without any code."""

from __future__ import annotations

import contextlib
import functools
import inspect
from typing import Any

from ssmlib import layers
from ssmlib.models.options import LayerMaker
from ssmlib.models.plain import plain

#: the layers of this package that a file names, by name
LAYERS = {
    name: value
    for name, value in vars(layers).items()
    if inspect.isclass(value) and issubclass(value, layers.SSM)
}


def packed_layer(layer: LayerMaker) -> str | dict[str, Any]:
    """Return a layer of this package as plain values, another one as its name.

    Args:
        layer: as `models.Model`; options of a `functools.partial` are stored.

    Returns:
        A name of `OTHER_LAYERS`; or {"class": ..., "options": ...} for a class of
        `ssmlib.layers`; or {"own": ...} for anything else.
    """
    if isinstance(layer, str):
        return str(layer)
    func, options = layer, {}
    if type(func) is functools.partial and not func.args:
        func, options = func.func, func.keywords
    name = getattr(func, "__name__", "")
    if LAYERS.get(name) is func:
        with contextlib.suppress(TypeError):  # an option that is no plain value
            return {"class": name, "options": plain(dict(options))}
    return {"own": getattr(func, "__qualname__", type(func).__name__)}


def unpacked_layer(packed: str | dict[str, Any], layer: LayerMaker | None) -> Any:
    """Return the layer that `packed_layer` described.

    Args:
        packed: the plain values.
        layer: a layer of the user's own; None if there is none.

    Raises:
        ValueError: for a layer of the user's own that is missing, or one that is given
            for a layer of this package.
    """
    own = packed["own"] if isinstance(packed, dict) and "own" in packed else None
    if own is not None:
        if layer is None:
            raise ValueError(
                f"layer must be the layer of the file, {own}, which is not part of "
                "ssmlib: a file stores no code"
            )
        return layer
    if layer is not None and packed_layer(layer) != packed:
        raise ValueError(
            f"layer must be left out, since the file has its own, {packed}; "
            f"got {packed_layer(layer)}"
        )
    if isinstance(packed, str):
        return packed
    made = LAYERS[packed["class"]]
    return functools.partial(made, **packed["options"]) if packed["options"] else made

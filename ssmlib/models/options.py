"""The options of a model, checked; and their types, for a type checker."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypedDict, get_args

from torch import nn

from ssmlib import _checks
from ssmlib._literals import Mix, NormName, OtherLayerName, Pooling
from ssmlib.models.norms import NORMS
from ssmlib.models.other_layers import OTHER_LAYERS

POOLING: tuple[Pooling, ...] = get_args(Pooling)
MIXING: tuple[Mix, ...] = get_args(Mix)
#: what makes the layers of a model: a class, a function, or a name of `OTHER_LAYERS`
LayerMaker = OtherLayerName | Callable[..., nn.Module]


class Shape(TypedDict, total=False):
    """The options of `Model` that are the same in all models of a fit."""

    d_model: int
    d_state: int
    n_layers: int
    linear: bool
    mix: Mix
    norm: bool | NormName
    prenorm: bool
    bias: bool
    tied_dropout: bool


def check_sizes(**sizes: int) -> None:
    """Raise TypeError or ValueError for a size that is not an integer >= 1."""
    for name, value in sizes.items():
        _checks.integer(name, value)


def check_switches(**switches: bool) -> None:
    """Raise TypeError for a switch that is neither True nor False."""
    for name, value in switches.items():
        _checks.boolean(name, value)


def checked_norm(
    norm: bool | NormName, *, mix: Mix, linear: bool, prenorm: bool
) -> NormName | Literal[False]:
    """Return the name of the norm, or False without one.

    Args:
        norm: True, False, or a name of `NORMS`.
        mix: a name of `MIXING`.
        linear: as `Model`.
        prenorm: as `Model`.

    Raises:
        ValueError: for another name, and for options that exclude each other.
    """
    named: NormName | Literal[False] = "layer" if norm is True else norm
    if named:
        _checks.one_of("norm", named, NORMS)
    if linear and (named or mix != "linear"):
        raise ValueError("norm and mix go with linear=False only: they are not")
    if prenorm and not named:
        raise ValueError("prenorm=True says where norm stands: give norm as well")
    return named


def checked_dropout(dropout: float, *, mixes: bool) -> float:
    """Return the share of dropout.

    Args:
        dropout: a number in [0, 1).
        mixes: whether there is a GELU that it follows.

    Raises:
        TypeError: if it is not a number.
        ValueError: for a number outside [0, 1), or a model without GELU.
    """
    if not 0 <= _checks.number("dropout", dropout) < 1:
        raise ValueError(f"dropout must be in [0, 1), got {dropout}")
    if dropout and not mixes:
        raise ValueError(
            "dropout goes with linear=False only, and with no Transformer: it follows "
            f"the GELU of a block, got {dropout}"
        )
    return float(dropout)


#: arguments of a layer that a model gives itself
_GIVEN = {"d_model", "d_state", "init", "dt", "frozen", "seed", "device", "dtype"}


def with_options(layer: LayerMaker, options: Mapping[str, Any] | None) -> LayerMaker:
    """Return a maker of layers that adds options to each layer.

    Args:
        layer: as `Model`.
        options: keyword arguments of the layer; None for none.

    Raises:
        TypeError: for options that are no mapping of names.
        ValueError: for a layer without options, or an option that the model gives.
    """
    if options is None:
        return layer
    if not isinstance(options, Mapping) or not all(isinstance(n, str) for n in options):
        raise TypeError(f"layer_options must map names to values, got {options!r}")
    if not callable(layer):
        if options:
            raise ValueError(f"layer_options go with SSM layers, not with {layer!r}")
        return layer
    given = sorted(_GIVEN & set(options))
    if given:
        raise ValueError(
            f"layer_options must leave out {', '.join(given)}, which the model gives "
            "its layers: use the model's own arguments, and for dt an Initialization "
            "as init"
        )
    return functools.partial(layer, **options)


def check_layer(layer: LayerMaker) -> None:
    """Raise TypeError for a layer that is neither a name nor a function of sizes."""
    if isinstance(layer, nn.Module) or not (isinstance(layer, str) or callable(layer)):
        raise TypeError(
            "layer must be a class of layers, a function that returns one, or one "
            f"of {', '.join(OTHER_LAYERS)}, got {layer!r}"
        )

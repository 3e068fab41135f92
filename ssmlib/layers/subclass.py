"""The checks of a layer's class: the parts that a subclass of `SSM` must define."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

#: the parts of an SSM that have names, and that a configuration can freeze
SSM_PARTS = ("A", "B", "dt")


def check_class(own: type[nn.Module], base: type[nn.Module]) -> None:
    """Raise TypeError for a subclass that lacks a part."""
    parts = own.ssm_parameters
    if not isinstance(parts, Mapping) or not set(parts) <= set(SSM_PARTS):
        raise TypeError(
            f"ssm_parameters of {own.__name__} must map {', '.join(SSM_PARTS)} to "
            f"tuples of names, got {parts!r}"
        )
    lacks = []
    if own.initial_values is base.initial_values:
        lacks.append("initial_values(generator)")
    if all(
        getattr(own, name) is getattr(base, name)
        for name in ("modes", "system", "kernel")
    ):
        lacks.append("modes(), system() or kernel(L)")
    if lacks:
        raise TypeError(f"{own.__name__} must define {' and '.join(lacks)}")


def check_names(layer: nn.Module) -> None:
    """Raise TypeError for a layer without a parameter that its class names."""
    for name in (*layer.ssm_names(), *layer.readout_parameters, *layer.nonpositive):
        if not hasattr(layer, name):
            raise TypeError(
                f"{type(layer).__name__} names {name!r} in ssm_parameters, "
                "readout_parameters or nonpositive, but initial_values gives no "
                "such parameter"
            )


def parameters_named_by(own: type[nn.Module]) -> str:
    """The class that gives the parameters their meaning: the last to name them."""
    names = {"initial_values", "ssm_parameters"}
    return next(c for c in own.__mro__ if names & vars(c).keys()).__qualname__

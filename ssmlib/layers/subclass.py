"""The checks of a layer's class: the parts that a subclass of `SSM` must define."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, get_args

from ssmlib._literals import Part

if TYPE_CHECKING:
    from ssmlib.layers.parameters import Parametrized

#: the parts of an SSM that have names, and that a configuration can freeze
SSM_PARTS: tuple[Part, ...] = get_args(Part)
#: the abstract methods, as an error writes them, in this order
_CALLS = {
    "initial_values": "initial_values(generator)",
    "modes": "modes()",
    "system": "system()",
    "kernel": "kernel(L)",
}


def check_complete(own: type[Parametrized]) -> None:
    """Raise TypeError with the names of abstract methods that a class lacks."""
    lacks = sorted(own.__abstractmethods__, key=_place)
    if not lacks:
        return
    hint = ""
    if "system" in lacks:
        hint = (
            "; a layer that defines modes() is a DiagonalSSM, one that defines "
            "kernel(L) alone a KernelSSM"
        )
    calls = " and ".join(_CALLS.get(name, name) for name in lacks)
    raise TypeError(f"{own.__name__} must define {calls}{hint}")


def _place(name: str) -> int:
    return [*_CALLS, name].index(name)


def check_parts(own: type[Parametrized]) -> None:
    """Raise TypeError for a class whose `ssm_parameters` are no mapping of parts."""
    parts = own.ssm_parameters
    if not isinstance(parts, Mapping) or not set(parts) <= set(SSM_PARTS):
        raise TypeError(
            f"ssm_parameters of {own.__name__} must map {', '.join(SSM_PARTS)} to "
            f"tuples of names, got {parts!r}"
        )


def check_names(layer: Parametrized) -> None:
    """Raise TypeError for a layer without a parameter that its class names."""
    for name in (*layer.ssm_names(), *layer.readout_parameters, *layer.nonpositive):
        if not hasattr(layer, name):
            raise TypeError(
                f"{type(layer).__name__} names {name!r} in ssm_parameters, "
                "readout_parameters or nonpositive, but initial_values gives no "
                "such parameter"
            )


def parameters_named_by(own: type[Parametrized]) -> str:
    """Return the class that last names the parameters, as a qualified name."""
    names = {"initial_values", "ssm_parameters"}
    return next(c for c in own.__mro__ if names & vars(c).keys()).__qualname__

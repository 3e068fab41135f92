"""State space layers, all with one interface: read `s4d` first, then `base`."""

from ssmlib.layers.base import SSM
from ssmlib.layers.optim import optimizer, parameter_groups, ssm_layers
from ssmlib.layers.recurrence import Recurrence
from ssmlib.layers.s4d import S4D, as_complex

__all__ = [
    "S4D",
    "SSM",
    "Recurrence",
    "as_complex",
    "optimizer",
    "parameter_groups",
    "ssm_layers",
]

"""Every initialization of an SSM, and `Initialization`, which a layer accepts."""

from ssmlib.initialization.discrete import DISCRETE, initialize_discrete
from ssmlib.initialization.for_task import for_delay, for_spectrum
from ssmlib.initialization.initialization import (
    DT,
    Initialization,
    Range,
    as_initialization,
    window_grid,
    window_spacing,
)
from ssmlib.initialization.modes import initialize, lattice, low_rank, spectrum
from ssmlib.initialization.schemes import DAMPING, HIPPO, SCHEMES, is_random, names

__all__ = [
    "DAMPING",
    "DISCRETE",
    "DT",
    "HIPPO",
    "SCHEMES",
    "Initialization",
    "Range",
    "as_initialization",
    "for_delay",
    "for_spectrum",
    "initialize",
    "initialize_discrete",
    "is_random",
    "lattice",
    "low_rank",
    "names",
    "spectrum",
    "window_grid",
    "window_spacing",
]

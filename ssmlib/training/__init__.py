"""Training a grid of models at once."""

from ssmlib.training.grid import Configuration, configurations
from ssmlib.training.loop import Fit, fit

__all__ = ["Configuration", "Fit", "configurations", "fit"]

"""Train a grid of models at once, and compare its arms."""

from ssmlib.training.grid import Configuration, configurations
from ssmlib.training.loop import fit
from ssmlib.training.protocol import Comparison, compare
from ssmlib.training.result import Fit, load
from ssmlib.training.table import chosen_rates, log_ratio, loss_table

__all__ = [
    "Comparison",
    "Configuration",
    "Fit",
    "chosen_rates",
    "compare",
    "configurations",
    "fit",
    "load",
    "log_ratio",
    "loss_table",
]

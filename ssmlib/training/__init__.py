"""Train a grid of models at once, and compare its arms."""

from ssmlib.training.grid import Configuration, configurations
from ssmlib.training.loop import Fit, fit
from ssmlib.training.protocol import Comparison, compare
from ssmlib.training.table import chosen_rates, log_ratio, loss_table

__all__ = [
    "Comparison",
    "Configuration",
    "Fit",
    "chosen_rates",
    "compare",
    "configurations",
    "fit",
    "log_ratio",
    "loss_table",
]

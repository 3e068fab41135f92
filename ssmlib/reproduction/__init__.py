"""Train the S4D authors' published configurations, from data in a folder."""

from ssmlib.reproduction.data import load
from ssmlib.reproduction.results import lra_mean, results
from ssmlib.reproduction.running import GATES, Name, Plan, gate, plan, run, table
from ssmlib.reproduction.training import MODELS, Training

__all__ = [
    "GATES",
    "MODELS",
    "Name",
    "Plan",
    "Training",
    "gate",
    "load",
    "lra_mean",
    "plan",
    "results",
    "run",
    "table",
]

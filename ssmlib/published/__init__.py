"""The S4D authors' published configurations, and results as cited."""

from ssmlib.published.configurations import (
    LATER,
    PAPER,
    VERSIONS,
    configuration,
    names,
)
from ssmlib.published.results import LRA, SOURCE, TASKS, lra, result
from ssmlib.published.row import Pair, Published

__all__ = [
    "LATER",
    "LRA",
    "PAPER",
    "SOURCE",
    "TASKS",
    "VERSIONS",
    "Pair",
    "Published",
    "configuration",
    "lra",
    "names",
    "result",
]

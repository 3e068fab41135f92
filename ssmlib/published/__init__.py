"""What the S4D authors published, as data: configurations, and results as cited."""

from ssmlib.published.configurations import (
    LATER,
    PAPER,
    VERSIONS,
    Pair,
    Published,
    configuration,
    names,
)
from ssmlib.published.results import LRA, SOURCE, TASKS, lra

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
]

"""Estimates with standard errors: means, differences, slopes, any function of draws.

Every standard error is that of draws that are independent of each other, as seeds are.
"""

from ssmlib.statistics._draws import Numbers
from ssmlib.statistics.comparisons import holm
from ssmlib.statistics.estimate import Estimate
from ssmlib.statistics.gaps import largest_gap
from ssmlib.statistics.means import count_error, mean, paired
from ssmlib.statistics.resampling import bootstrap, moved
from ssmlib.statistics.slopes import log_log_slope, slope

__all__ = [
    "Estimate",
    "Numbers",
    "bootstrap",
    "count_error",
    "holm",
    "largest_gap",
    "log_log_slope",
    "mean",
    "moved",
    "paired",
    "slope",
]

"""A value with its standard error, its interval and its p-value."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy import stats

from ssmlib import _checks
from ssmlib.statistics import _skew


@dataclass(frozen=True)
class Estimate:
    """A value with its standard error.

    Attributes:
        value: the estimate.
        se: its standard error, at least 0.
        freedom: the degrees of freedom that the error has.
        level: of the two-sided interval of Student's t between `low` and `high`; for
            several comparisons, `holm`.
        skew: the skewness of the draws. If it is not 0, one side of the interval is
            longer than Student's, by the transformation of Hall (1992).
    """

    value: float
    se: float
    freedom: int
    level: float = 0.95
    skew: float = 0.0

    def __post_init__(self):
        freedom = _checks.integer("freedom", self.freedom)
        _checks.number("freedom", freedom)
        numbers = {
            "value": _checks.number("value", self.value),
            "se": _checks.not_negative("se", self.se),
            "freedom": freedom,
            "level": _checks.inside("level", self.level, 0, 1),
            "skew": _checks.number("skew", self.skew),
        }
        for name, number in numbers.items():  # of Python, whatever was given
            object.__setattr__(self, name, number)

    @property
    def half(self) -> float:
        """Return half the length of the interval."""
        return (self._side(self.skew) + self._side(-self.skew)) / 2

    @property
    def low(self) -> float:
        """Return the lower end of the interval."""
        return self.value - self._side(self.skew)

    @property
    def high(self) -> float:
        """Return the upper end of the interval."""
        return self.value + self._side(-self.skew)

    def _side(self, skew: float) -> float:
        """The length of the lower side; that of the upper one for -skew."""
        # (1 + level) / 2 would be 1 for the highest levels.
        upper = stats.t.isf((1 - self.level) / 2, float(self.freedom))
        return float(upper) * self.se * _skew.factor(self.freedom, skew)

    @property
    def p(self) -> float:
        """Return the two-sided p-value of zero."""
        if self.se == 0:
            return float(self.value == 0)
        skew = math.copysign(self.skew, self.skew * self.value)
        t = abs(self.value) / self.se / _skew.factor(self.freedom, skew)
        return float(2 * stats.t.sf(t, float(self.freedom)))

    @property
    def se_of_se(self) -> float:
        """Return the standard error of `se` itself, for normal draws."""
        return self.se / math.sqrt(2 * self.freedom)

    @property
    def se_of_end(self) -> float:
        """Return the standard error of `low` and of `high`, for normal draws."""
        return math.hypot(self.se, self.half / math.sqrt(2 * self.freedom))

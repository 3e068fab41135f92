"""The grid of a fit: initializations and learning rates, one per model."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from numbers import Real

from ssmlib import _checks
from ssmlib._literals import Part
from ssmlib.initialization import Initialization, Range, as_initialization
from ssmlib.layers.subclass import SSM_PARTS


@dataclass(frozen=True)
class Configuration:
    """One model of a grid.

    The output of a layer is nearly the product of C and dt. With C_lr = lr * c / dt it
    therefore moves equally fast for every dt.

    Args:
        init: the initialization of its layers.
        later_dt: the dt of the layers after the first, a number or a range (low, high);
            None for that of init.
        lr: peak learning rate of all other parameters, which include C and D.
        ssm_lr: learning rate of a layer's `ssm_parameters` (A, B and dt); the lower one
            of lr and ssm_lr is used, and 0 leaves them at their initial values.
        C_lr: learning rate of C; None for lr.
        frozen: those of "A", "B" and "dt" that are not trained.
        weight_decay: AdamW's, of the parameters that train at lr or C_lr.
        dropout: share of features and steps that are set to 0 after each GELU, in [0,
            1).

    Raises:
        TypeError: for a value of another type.
        ValueError: for a rate or decay that is negative or not finite, an unknown name
            in frozen, dropout outside [0, 1), or a bad later_dt.
    """

    init: Initialization
    later_dt: Range | None = None
    lr: float = 1e-2
    ssm_lr: float = 1e-3
    C_lr: float | None = None
    frozen: tuple[Part, ...] = ()
    weight_decay: float = 0.0
    dropout: float = 0.0

    def __post_init__(self):
        if not isinstance(self.init, Initialization):
            raise TypeError(
                f"init must be an Initialization, got {type(self.init).__name__}"
            )
        for name in (*RATES, "weight_decay"):
            rate = getattr(self, name)
            if rate is None and name == "C_lr":
                continue
            if not 0 <= number(name, rate) < math.inf:
                raise ValueError(f"{name} must be finite and >= 0, got {rate}")
        frozen = _checks.several("frozen", self.frozen, SSM_PARTS)
        object.__setattr__(self, "frozen", frozen)  # a list is the same as a tuple
        share("dropout", self.dropout)
        if self.later_dt is not None:
            Initialization(dt=self.later_dt)  # the same checks

    def row(self) -> dict:
        """Return the configuration as columns of a table.

        The column init is "given" for a pair (A, B).
        """
        init = self.init.scheme if isinstance(self.init.scheme, str) else "given"
        return {"init": init, **{n: getattr(self.init, n) for n in BEGIN}} | {
            name: getattr(self, name) for name in OWN
        }


def number(name: str, value: float) -> float:
    """Return the value as a float; raise TypeError unless it is a real number."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number, got {value!r}")
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"{name} must be within float64's range") from None


def share(name: str, value: float) -> float:
    """Return the value as a float; raise ValueError unless it is in [0, 1)."""
    if not 0 <= number(name, value) < 1:
        raise ValueError(f"{name} must be in [0, 1), got {value}")
    return float(value)


RATES = ("lr", "ssm_lr", "C_lr")
BEGIN = tuple(f.name for f in fields(Initialization) if f.name != "scheme")
OWN = tuple(f.name for f in fields(Configuration) if f.name != "init")
KEYS = ("init", *BEGIN, *OWN)


def configurations(grid: Mapping | Sequence[Mapping]) -> list[Configuration]:
    """Return the configurations of a grid.

    In a mapping only a list means several values: {"dt": [0.001, 0.1]} gives two
    configurations, {"dt": [(0.001, 0.1)]} gives one with a range, and a bare tuple is
    refused.

    Args:
        grid: a mapping of lists, which is multiplied out, or a list of mappings. Keys
            are init (a name, a pair (A, B) or an `Initialization`); real, imag_scale
            and B, with a name only; dt, with a name or a pair; later_dt, lr, ssm_lr,
            C_lr, frozen, weight_decay and dropout.

    Raises:
        TypeError: for a bare tuple, or values that are not in a list.
        ValueError: for an empty grid, an unknown key (the error lists the known ones),
            or a bad value.
    """
    if isinstance(grid, str) or not isinstance(grid, Mapping | Sequence):
        raise TypeError(
            "grid must be a mapping of lists or a list of mappings, got "
            f"{type(grid).__name__}"
        )
    if isinstance(grid, Mapping):
        for key, values in grid.items():
            _check_values(key, values)
        lists = [v if isinstance(v, list) else [v] for v in grid.values()]
        rows = itertools.product(*lists)
        grid = [dict(zip(grid, row, strict=True)) for row in rows]
    for entry in grid:
        if not isinstance(entry, Mapping):
            raise TypeError(
                f"grid must be a list of mappings, got an entry {entry!r}; a mapping "
                "of lists is multiplied out"
            )
        for key in entry:
            _checks.one_of("grid key", key, KEYS)
    if not grid:
        raise ValueError("grid must hold at least one configuration, got E = 0")
    return [_configuration(dict(entry)) for entry in grid]


TUPLES = {"init": "pair (A, B)", "frozen": "set of names"}


def _check_values(key: str, values) -> None:
    if isinstance(values, tuple):
        one, several = f"[{values!r}]", repr(list(values))
        what = TUPLES.get(key, "range")
        raise TypeError(
            f"grid[{key!r}] is a tuple: write {one} for one {what}, {several} for "
            f"{len(values)} values"
        )
    if not isinstance(values, list | Real | str | Initialization | None):
        raise TypeError(
            f"grid[{key!r}] must be a list of values, or one value, got "
            f"{type(values).__name__}"
        )


def _configuration(entry: dict) -> Configuration:
    begin = {key: entry.pop(key) for key in BEGIN if key in entry}
    init = as_initialization(entry.pop("init", "lin"), **begin)
    return Configuration(init, **entry)

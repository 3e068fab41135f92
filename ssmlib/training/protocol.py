"""compare(): arms against each other, each at its own best learning rate.

What a conclusion from training needs before it is one: the rate is an axis, the same
for all; validation data choose it; no best rate is an end of what was tried; and the
best rates are tried again for longer.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Unpack

import numpy as np

from ssmlib import _checks, _sameness, statistics
from ssmlib._imports import optional
from ssmlib.tasks.split import Split
from ssmlib.training.grid import KEYS, configurations, number
from ssmlib.training.loop import fit
from ssmlib.training.plan import FitOptions

if TYPE_CHECKING:
    import pandas as pd
else:
    pd = optional("pandas", "train")

#: neighbouring rates are at most this factor apart
FACTOR = 3.0
BUDGETS = ("short", "long")
SHARES = ("ssm_share", "C_share")


@dataclass(frozen=True)
class Comparison:
    """What `compare` found.

    table: one row an arm, rate, budget and seed, with `fit`'s columns; `arm` and
    `budget` ("short" or "long", the latter at chosen rates alone) name them. chosen:
    the rate of each arm. unsettled: arms whose chosen rate is an end of the range.
    """

    table: pd.DataFrame
    chosen: dict[str, float]
    unsettled: tuple[str, ...]

    def figures(
        self, arm: str, column: str = "test_loss", budget: str = "long"
    ) -> np.ndarray:
        """A column of an arm at its chosen rate, by seed: (n,).

        Raises:
            ValueError: for an arm, a column or a budget that the table does not have.
        """
        _checks.one_of("column", column, self.table.columns)
        return self._rows(arm, budget)[column].to_numpy(dtype=float)

    def _rows(self, arm: str, budget: str) -> pd.DataFrame:
        """The rows of an arm at its chosen rate, by seed."""
        _checks.one_of("arm", arm, self.chosen)
        _checks.one_of("budget", budget, BUDGETS)
        chosen = (self.table.arm == arm) & (self.table.budget == budget)
        own: pd.DataFrame = self.table.loc[chosen]
        if own.empty:
            raise ValueError(f"budget {budget!r} was not trained: give longer >= 1")
        return own.loc[own.lr == self.chosen[arm]].sort_values("seed")

    def curves(
        self,
        arms: Sequence[str],
        column: str = "valid_loss",
        budget: str = "long",
    ) -> np.ndarray:
        """Natural logarithms of a column, each arm at its chosen rate: (n, arms)."""
        return np.log([self.figures(arm, column, budget) for arm in arms]).T

    def difference(
        self, a: str, b: str, column: str = "test_loss", budget: str = "long"
    ) -> statistics.Estimate:
        """100 log(a / b), paired by seed: small values are percent.

        Raises ValueError where one of them diverged at a seed; the loss of such a model
        is that of the step before.
        """
        for arm in (a, b):
            rows = self._rows(arm, budget)
            diverged = rows.seed[rows.status != "finished"].tolist()
            if diverged:
                raise ValueError(
                    f"arm {arm!r} diverged at its chosen rate {self.chosen[arm]:g}, "
                    f"budget {budget!r}, seeds {diverged}: its difference has no value"
                )
        logs = [100 * np.log(self.figures(arm, column, budget)) for arm in (a, b)]
        return statistics.paired(*logs)


def compare(
    data: Split | Sequence[Split],
    arms: Mapping[str, Mapping],
    *,
    rates: Sequence[float] | Mapping[str, float],
    seeds: Sequence[int],
    epochs: int,
    longer: int = 4,
    grow: int = 3,
    **options: Unpack[FitOptions],
) -> Comparison:
    """Train every arm at every rate, choose each arm's best, train that for longer.

    data: one split, or one a seed, so that an interval over seeds is one over data
    too. arms: name -> an entry of `fit`'s grid, without rates, and options of `fit`
    that are this arm's own, as layer and d_state; ssm_share and C_share are the rates
    of A, B, dt and of C as shares of the rate (0.1 and 1). rates: candidates of lr,
    rising, neighbours at most a factor of 3 apart; where an arm's best is the first or
    last, the range grows there for all arms, at most `grow` times. The best has the
    lowest mean over seeds of log validation loss, and is the lowest of equal ones; a
    model that diverged, or has no finite validation loss, rules its rate out. Or
    arm -> rate, as an earlier comparison's `chosen`: then none is searched.
    Then `longer` times the epochs at each arm's best alone, unless longer is 0.
    options: those of `fit` that all arms share.

    Raises ValueError or TypeError as `fit`, for rates further apart, an arm without a
    rate, or one that diverges at every rate; warns where a best rate is still an end.
    """
    _check_arms(arms, options)
    _checks.integer("epochs", epochs)
    _checks.integer("longer", longer, least=0)
    _checks.integer("grow", grow, least=0)
    common = {"seeds": seeds, **options}
    if isinstance(rates, Mapping):
        if set(rates) != set(arms):
            raise ValueError(
                "rates must hold one rate for each of the arms "
                f"{', '.join(map(str, arms))}, got {', '.join(map(str, rates))}"
            )
        chosen, ends = {arm: number("rates", rates[arm]) for arm in arms}, ()
        configurations([_entry(arm, arms[arm], rate) for arm, rate in chosen.items()])
        own = list(chosen.items())
        tried = [_trained(data, arms, own, epochs, "short", common)]
    else:
        tried, chosen, ends = _searched(data, arms, rates, epochs, grow, common)
    if longer:
        best = list(chosen.items())
        tried.append(_trained(data, arms, best, longer * epochs, "long", common))
    return Comparison(pd.concat(tried, ignore_index=True), chosen, ends)


def _searched(data, arms, rates, epochs, grow, common):
    """(tables, each arm's best rate, arms whose best is an end of those tried)."""
    if isinstance(rates, str) or not isinstance(rates, Sequence | np.ndarray):
        raise TypeError(
            "rates must be a sequence of numbers, or one for each arm, got "
            f"{type(rates).__name__}"
        )
    rates = [number("rates", rate) for rate in rates]
    steps = [b / a if a > 0 else math.inf for a, b in pairwise(rates)]
    if len(rates) < 2 or not all(1 < s <= FACTOR * (1 + 1e-9) for s in steps):
        raise ValueError(
            "rates must be at least two, rising, neighbours at most a factor of "
            f"{FACTOR:g} apart, got {rates}"
        )
    configurations([_entry(arm, arms[arm], rate) for arm, rate in _all(arms, rates)])
    tried = [_trained(data, arms, _all(arms, rates), epochs, "short", common)]
    for _ in range(grow):
        best = _best(tried, arms).values()
        added = [rates[0] / steps[0]] * (rates[0] in best)
        added += [rates[-1] * steps[-1]] * (rates[-1] in best)
        if not added:
            break
        tried.append(_trained(data, arms, _all(arms, added), epochs, "short", common))
        rates = sorted([*rates, *added])
    chosen = _best(tried, arms)
    ends = tuple(a for a, rate in chosen.items() if rate in (rates[0], rates[-1]))
    if ends:
        warnings.warn(
            f"the best rate is an end of {rates[0]:g} to {rates[-1]:g} for "
            f"{', '.join(ends)}",
            stacklevel=3,
        )
    return tried, chosen, ends


def _check_arms(arms: Mapping[str, Mapping], options: Mapping) -> None:
    if not isinstance(arms, Mapping):
        raise TypeError(f"arms must be a mapping, got {type(arms).__name__}")
    if not arms:
        raise ValueError("arms must hold at least one arm")
    for arm, entry in arms.items():
        if not isinstance(entry, Mapping):
            raise TypeError(f"arm {arm!r} must be a mapping, got {entry!r}")
        for key in SHARES:
            number(key, entry.get(key, 0.0))
    if any("checkpoint" in given for given in (options, *arms.values())):
        raise ValueError("checkpoint goes with fit only: compare trains several fits")


def _all(arms: Mapping, rates: Sequence[float]) -> list[tuple[str, float]]:
    return [(arm, rate) for rate in rates for arm in arms]


def _trained(data, arms, members, epochs, budget, common) -> pd.DataFrame:
    """The table of members (arm, rate), those of one kind of model in one fit."""
    kinds: dict[str, list] = {}
    for arm, rate in members:
        own = {k: v for k, v in arms[arm].items() if k not in (*KEYS, *SHARES)}
        kinds.setdefault(_kind(own), []).append((arm, rate, own))
    tables = []
    for kind in kinds.values():
        grid = [_entry(arm, dict(arms[arm]), rate) for arm, rate, _ in kind]
        table = fit(data, grid, epochs=epochs, **common | kind[0][2]).table
        names = [arm for arm, _, _ in kind] * (len(table) // len(kind))
        tables.append(table.assign(arm=names, budget=budget))
    return pd.concat(tables, ignore_index=True)


def _kind(own: dict) -> str:
    """Equal for options that make the same kind of model."""
    try:
        return _sameness.text(dict(sorted(own.items())))
    except ValueError:  # options that cannot be compared make a kind of their own
        return repr(sorted((name, id(value)) for name, value in own.items()))


def _entry(arm: str, entry: Mapping, rate: float) -> dict:
    """An arm's entry of a grid at a rate."""
    for key in ("lr", "ssm_lr", "C_lr"):
        if key in entry:
            raise ValueError(f"arm {arm!r} must not hold {key}: rates are its axis")
    found = {key: value for key, value in entry.items() if key in KEYS}
    found |= {"lr": rate, "ssm_lr": rate * entry.get("ssm_share", 0.1)}
    if "C_share" in entry:
        found["C_lr"] = rate * entry["C_share"]
    return found


def _best(tried: list[pd.DataFrame], arms: Mapping) -> dict[str, float]:
    """Each arm's rate of the lowest mean logarithm; the lowest of equal ones."""
    table = pd.concat(tried, ignore_index=True)
    ruled_out = (table.status != "finished") | ~np.isfinite(table.valid_loss)
    with np.errstate(divide="ignore"):  # a loss of exact zero is the best there is
        logs = np.log(table.valid_loss.mask(ruled_out, 1.0))
    axes = [table.arm, table.lr]
    bad = ruled_out.groupby(axes).any()
    mean = logs.groupby(axes).mean().mask(bad, math.inf)
    chosen = {}
    for arm in arms:
        own = mean[arm].sort_index()
        if (own == math.inf).all():
            raise ValueError(
                f"arm {arm!r} diverged at every rate, at one seed or more: "
                f"{own.index.tolist()}; give lower rates"
            )
        chosen[arm] = float(own.idxmin())
    return chosen

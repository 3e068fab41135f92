"""Compare arms, each at its own best learning rate: `compare`.

A conclusion from training requires that all arms try the same rates, that validation
data choose the rate, that no best rate is an end of the range, and that the best rates
are trained again for longer.
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
    """The result of `compare`.

    Attributes:
        table: one row per arm, rate, budget and seed, with the columns of `fit` and
            with `arm` and `budget`. The budget is "short" for the search, or "long" for
            the longer training at the chosen rates.
        chosen: the learning rate of each arm.
        unsettled: the arms whose chosen rate is an end of the range.
    """

    table: pd.DataFrame
    chosen: dict[str, float]
    unsettled: tuple[str, ...]

    def figures(
        self, arm: str, column: str = "test_loss", budget: str = "long"
    ) -> np.ndarray:
        """Return a column of one arm at its chosen rate, ordered by seed.

        Args:
            arm: name of an arm.
            column: name of a column of the table.
            budget: "short" or "long".

        Returns:
            (n,), one value per seed.

        Raises:
            ValueError: for an arm, a column or a budget that the table does not have.
        """
        _checks.one_of("column", column, self.table.columns)
        return self._rows(arm, budget)[column].to_numpy(dtype=float)

    def _rows(self, arm: str, budget: str) -> pd.DataFrame:
        """Return the rows of an arm at its chosen rate, ordered by seed."""
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
        """Return natural logarithms of a column, each arm at its chosen rate.

        Args:
            arms: names of arms.
            column: name of a column of the table, with positive values.
            budget: "short" or "long".

        Returns:
            (n, arms), one row per seed.

        Raises:
            ValueError: as `figures`.
        """
        return np.log([self.figures(arm, column, budget) for arm in arms]).T

    def difference(
        self, a: str, b: str, column: str = "test_loss", budget: str = "long"
    ) -> statistics.Estimate:
        """Estimate 100 log(a / b), paired by seed: small values are percent.

        Args:
            a: name of an arm.
            b: name of an arm.
            column: name of a column of the table, with positive values.
            budget: "short" or "long".

        Raises:
            ValueError: as `figures`, or if one of the arms diverged at a seed: the loss
                of such a model is that of the step before.
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
    """Train every arm at every rate, choose the best rates, and train these for longer.

    The best rate of an arm has the lowest mean over seeds of the logarithm of the
    validation loss; of equal rates the lowest is chosen. A model that diverged, or has
    no finite validation loss, rules its rate out. If the best rate of an arm is the
    first or the last, the range is extended there for all arms.

    Args:
        data: one split, or one per seed, so that an interval over seeds is also one
            over data.
        arms: by name, an entry of the grid of `fit` without rates, and options of `fit`
            for this arm alone, such as layer and d_state. ssm_share and C_share are the
            rates of A, B and dt and of C, as shares of the rate (default 0.1 and 1).
        rates: candidates of lr in rising order, neighbors at most a factor of 3 apart;
            or one per arm, as `chosen` of an earlier comparison, without a search.
        seeds: as `fit`.
        epochs: number of epochs of the search, at least 1.
        longer: the best rates are trained for this many times the epochs; 0 for not.
        grow: how many times the range may be extended.
        **options: options of `fit` for all arms.

    Raises:
        TypeError: as `fit`, or for arms or rates of another type.
        ValueError: as `fit`, for rates further apart, an arm without a rate, or an arm
            that diverges at every rate.

    Warns:
        UserWarning: if a best rate is still an end of the range.
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
    """Return the tables, the best rate per arm, and the arms whose best is an end."""
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
    for name in ("checkpoint", "start"):
        if any(name in given for given in (options, *arms.values())):
            raise ValueError(f"{name} goes with fit only: compare trains several fits")


def _all(arms: Mapping, rates: Sequence[float]) -> list[tuple[str, float]]:
    return [(arm, rate) for rate in rates for arm in arms]


def _trained(data, arms, members, epochs, budget, common) -> pd.DataFrame:
    """Return the table of members (arm, rate), with one fit per kind of model."""
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
    """Return a text that is equal for options that make the same kind of model."""
    try:
        return _sameness.text(dict(sorted(own.items())))
    except ValueError:  # options that cannot be compared make a kind of their own
        return repr(sorted((name, id(value)) for name, value in own.items()))


def _entry(arm: str, entry: Mapping, rate: float) -> dict:
    """Return the entry of a grid for an arm at a rate."""
    for key in ("lr", "ssm_lr", "C_lr"):
        if key in entry:
            raise ValueError(f"arm {arm!r} must not hold {key}: rates are its axis")
    found = {key: value for key, value in entry.items() if key in KEYS}
    found |= {"lr": rate, "ssm_lr": rate * entry.get("ssm_share", 0.1)}
    if "C_share" in entry:
        found["C_lr"] = rate * entry["C_share"]
    return found


def _best(tried: list[pd.DataFrame], arms: Mapping) -> dict[str, float]:
    """Return the rate of lowest mean logarithm per arm, the lowest of equal ones."""
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

"""What the finished parts of a study say of its contrasts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from ssmbook.studies.design import BASE, Contrast
from ssmbook.studies.parts import Measured
from ssmbook.studies.pooling import Pooled, pooled
from ssmbook.studies.student import range_of_t

LEVEL = 0.95
Row = Mapping[str, str | int | float]
#: (task, arm, seed) -> value, of one budget and column
Values = dict[tuple[str, str, int], float]


@dataclass(frozen=True)
class Effect:
    """The pooled estimate of a contrast.

    Attributes:
        label: what is compared, in words.
        kind: "ratio" or "difference".
        pooled: of the draws: natural logarithms for a ratio.
        unit: what one draw is, "seeds" or "tasks".
    """

    label: str
    kind: str
    pooled: Pooled
    unit: str

    @property
    def n(self) -> int:
        """Return the number of draws."""
        return self.pooled.n

    def _shown(self, value: float) -> float:
        return math.exp(value) if self.kind == "ratio" else value

    @property
    def value(self) -> float:
        """Return the ratio or the difference."""
        return self._shown(self.pooled.value)

    @property
    def ends(self) -> tuple[float, float]:
        """Return the ends of the 95 % interval, as `student` describes it."""
        own = self.pooled
        least, most = range_of_t(LEVEL, own.freedom, own.skew)
        low, high = own.value - most * own.se, own.value - least * own.se
        return self._shown(low), self._shown(high)

    @property
    def text(self) -> str:
        """Return the effect in words: "1.24 times (1.05 to 1.46, 28 seeds)"."""
        times = " times" if self.kind == "ratio" else ""
        value, low, high = self.numbers
        return f"{value}{times} ({low} to {high}, {self.n} {self.unit})"

    @property
    def numbers(self) -> tuple[str, str, str]:
        """Return the effect and the ends of its interval, rounded: 1.24, 1.05, 1.46."""
        value, low, high = map(self._words, (self.value, *self.ends))
        return value, low, high

    def _words(self, value: float) -> str:
        """Two decimals of a ratio near 1, two digits of anything else."""
        if self.kind == "difference":
            return f"{value:+.2g}"
        if value >= 10:
            return f"{float(f'{value:.2g}'):,.0f}"
        # a decimal writes small numbers without an exponent: 0.000058
        return f"{value:.2f}" if value >= 0.1 else f"{Decimal(f'{value:.2g}'):f}"


def effect(contrast: Contrast, runs: Mapping[str, Iterable[Row]]) -> Effect:
    """Return the effect of a contrast over all seeds of several runs.

    Args:
        contrast: what is compared.
        runs: by the name of a run, the rows of its losses.

    Raises:
        ValueError: for an arm, a task, a budget or a column that a run does not have,
            for a model that diverged, or for fewer than two draws.
    """
    draws = {n: _draws(contrast, _values(contrast, r)) for n, r in runs.items()}
    kind, label = "ratio" if contrast.ratio else "difference", contrast.label
    if contrast.across == "tasks":
        together = {pair: v for own in draws.values() for pair, v in own.items()}
        return Effect(label, kind, pooled({"all": _means(together, 1)}), "tasks")
    by_seed = {name: _means(own, 0) for name, own in draws.items()}
    return Effect(label, kind, pooled(by_seed), "seeds")


def _means(draws: Mapping[tuple[int, int], float], axis: int) -> dict[int, float]:
    """The mean of draws (seed, task) by seed (axis 0) or by task (axis 1)."""
    groups: dict[int, list[float]] = {}
    for pair, value in draws.items():
        groups.setdefault(pair[axis], []).append(value)
    return {key: float(np.mean(own)) for key, own in groups.items()}


def effects(measured: Measured, design: str = BASE) -> dict[str, Effect]:
    """Return the effect of each contrast, over the evaluated parts of a design.

    A design other than the base may have fewer arms or tasks. Contrasts of others are
    left out then. While only one seed is measured, there is no effect, because it has
    no interval.
    """
    parts = measured.evaluated(design)
    if sum(len(part.losses.seeds) for part in parts) == 1:
        return {}
    runs = {part.name: part.losses.rows for part in parts}
    rows = [row for own in runs.values() for row in own]
    arms, tasks = ({row[name] for row in rows} for name in ("arm", "task"))
    return {
        name: effect(contrast, runs)
        for name, contrast in measured.study.contrasts.items()
        if design == BASE
        or (arms >= {*contrast.arms} and tasks >= {*(contrast.tasks or ())})
    }


def _values(contrast: Contrast, rows: Iterable[Row]) -> Values:
    """The values of all arms that the contrast's tasks have."""
    values: Values = {}
    for row in rows:
        if row["budget"] != contrast.budget:
            continue
        task, arm, seed = str(row["task"]), str(row["arm"]), int(row["seed"])
        if arm in contrast.arms and row["status"] != "finished":
            raise ValueError(
                f"{arm!r} {row['status']} on {task} at seed {seed}: its comparison has "
                "no value"
            )
        if contrast.column in row:
            values[task, arm, seed] = float(row[contrast.column])
    if not values:
        raise ValueError(
            f"no row has the budget {contrast.budget!r} and {contrast.column}"
        )
    return values


def _draws(contrast: Contrast, values: Values) -> dict[tuple[int, int], float]:
    """The draws of one run, by seed and number of the task."""
    tasks = contrast.tasks or tuple(dict.fromkeys(task for task, _, _ in values))
    seeds = sorted({seed for _, _, seed in values})
    missing = [
        f"{arm!r} on {task}, seed {seed}"
        for task in tasks
        for arm in contrast.arms
        for seed in seeds
        if (task, arm, seed) not in values
    ]
    if missing:
        raise ValueError(f"there is no loss of {missing[0]}")
    a, b = contrast.arms

    def draw(task: str, seed: int) -> float:
        own = values[task, a, seed], values[task, b, seed]
        if contrast.difference:
            return own[0] - own[1]
        if min(own) <= 0:
            raise ValueError(f"a ratio needs positive values, got {own} on {task}")
        return math.log(own[0] / own[1])

    pairs = [(seed, k) for seed in seeds for k in range(len(tasks))]
    return {(seed, k): draw(tasks[k], seed) for seed, k in pairs}

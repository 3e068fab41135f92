"""The losses of comparisons on several tasks as one table, with those of baselines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ssmlib import statistics
from ssmlib._imports import optional
from ssmlib.tasks.baselines import baselines
from ssmlib.tasks.split import Split
from ssmlib.training.protocol import Comparison

if TYPE_CHECKING:
    import pandas as pd
else:
    pd = optional("pandas", "train")

_NAMES = ("task", "arm", "seed", "budget", "lr", "test_loss", "status", "valid_loss")
_ACCURACIES = ("valid_accuracy", "test_accuracy")


def loss_table(
    found: Mapping[str, Comparison],
    data: Mapping[str, Split | Sequence[Split]] | None = None,
) -> pd.DataFrame:
    """Return the losses of each arm at its chosen rate, and those of the baselines.

    A baseline is an arm with the name that `tasks.baselines` gives it, such as
    "linear", and has the same loss in every budget.

    Args:
        found: a comparison per task, by the name of the task.
        data: the data that each was trained on: one split, or one per seed. None for no
            baselines, which models with one target per step do not have.

    Returns:
        One row per task, arm, budget and seed, with the columns task, arm, seed,
        budget, lr, test_loss, status, valid_loss and, for classes, the accuracies.

    Raises:
        KeyError: for a task without data.
        TypeError: if data is no split.
        ValueError: if data has another number of splits than there are seeds.
    """
    tables = [
        _of_task(own, None if data is None else data[task]).assign(task=task)
        for task, own in found.items()
    ]
    together: pd.DataFrame = pd.concat(tables, ignore_index=True)
    further = [name for name in _ACCURACIES if name in together]
    return together.reindex(columns=[*_NAMES, *further])


def _of_task(found: Comparison, data: Split | Sequence[Split] | None) -> pd.DataFrame:
    table = found.table
    best: pd.DataFrame = table.loc[table.lr == table.arm.map(found.chosen)]
    if data is None:
        return best
    seeds = list(dict.fromkeys(table.seed))  # in the order of the splits
    splits = [data] if isinstance(data, Split) else list(data)
    if len(splits) not in (1, len(seeds)):
        raise ValueError(
            f"data must be one split, or one per seed ({len(seeds)}), got {len(splits)}"
        )
    fitted = [baselines(split) for split in splits]
    many = fitted * len(seeds) if len(fitted) == 1 else fitted
    rows = [
        own.rename_axis("arm").reset_index().assign(seed=seed, budget=budget)
        for seed, own in zip(seeds, many, strict=True)
        for budget in dict.fromkeys(table.budget)
    ]
    both: pd.DataFrame = pd.concat(
        [best, pd.concat(rows).assign(lr=0.0, status="finished")]
    )
    return both


def chosen_rates(
    table: pd.DataFrame, *, zero: bool = False
) -> dict[str, dict[str, float]]:
    """Return the learning rate of each arm of a table, by task.

    Args:
        table: as `loss_table` returns it. An arm with a rate of zero is a baseline, and
            is left out.
        zero: whether to return rates of zero, for models that are not trained.

    Raises:
        ValueError: for an arm with two rates on one task.
    """
    found: dict[str, dict[str, float]] = {}
    for task, arm in dict.fromkeys(zip(table.task, table.arm, strict=True)):
        own = table[(table.task == task) & (table.arm == arm)]
        rates = np.unique(own.lr)
        if len(rates) > 1:
            raise ValueError(
                f"arm {arm!r} must have one rate on {task!r}, got {rates.tolist()}"
            )
        if rates[0] > 0:
            rate = 0.0 if zero else float(rates[0])
            found.setdefault(str(task), {})[str(arm)] = rate
    return found


def log_ratio(
    table: pd.DataFrame,
    arm: str,
    base: str,
    *,
    task: str | Sequence[str] | None = None,
    budget: str = "long",
) -> statistics.Estimate:
    """Estimate the natural logarithm of a ratio of test losses, paired by seed.

    Args:
        table: as `loss_table` returns it.
        arm: the arm whose loss is divided.
        base: the arm whose loss it is divided by.
        task: one task, or several, over which the logarithms are averaged; None for
            all tasks of the table.
        budget: the training time.

    Returns:
        The mean over seeds, with its standard error. The interval is for skewed draws,
        as of `statistics.mean`.

    Raises:
        ValueError: for an arm, a task or a budget without losses, for a model that
            diverged, or for fewer than two seeds.
    """
    tasks = [task] if isinstance(task, str) else list(task or dict.fromkeys(table.task))
    arms = table.arm.isin([arm, base])
    own: pd.DataFrame = table.loc[(table.budget == budget) & arms]
    logs = []
    for one in tasks:
        rows: pd.DataFrame = own.loc[own.task == one]
        if missing := {arm, base} - {*rows.arm}:
            raise ValueError(
                f"no loss of {min(missing)!r} on {one!r}, {budget} training"
            )
        if diverged := {*rows.status} - {"finished"}:
            raise ValueError(f"{arm!r} or {base!r} {min(diverged)} on {one!r}")
        losses = rows.pivot(index="seed", columns="arm", values="test_loss")
        logs.append(np.log(losses[arm] / losses[base]))
    together = pd.concat(logs, axis=1)
    if together.isna().any(axis=None):
        raise ValueError(f"{arm!r} and {base!r} must have the same seeds on each task")
    return statistics.mean(together.mean(axis=1).to_numpy(), skewed=True)

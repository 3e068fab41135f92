"""The losses of a comparison as one table, with those of baselines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ssmlib._imports import optional
from ssmlib.tasks.baselines import baselines
from ssmlib.tasks.split import Split
from ssmlib.training.protocol import Comparison

if TYPE_CHECKING:
    import pandas as pd
else:
    pd = optional("pandas", "train")


def loss_table(
    found: Comparison, data: Split | Sequence[Split], task: str
) -> pd.DataFrame:
    """Return the losses of each arm at its chosen rate, and those of the baselines.

    A baseline is an arm with the name that `tasks.baselines` gives it, such as
    "linear", and has the same loss in every budget.

    Args:
        found: a comparison.
        data: the data that it was trained on: one split, or one per seed.
        task: the name of the data, a column of the table.

    Returns:
        One row per arm, budget and seed, with the columns task, arm, seed, budget, lr,
        valid_loss, test_loss, status and, for classes, the accuracies.

    Raises:
        ValueError: if data has another number of splits than there are seeds.
        TypeError: if data is no split.
    """
    table = found.table
    best = table[table.lr == table.arm.map(found.chosen)].assign(task=task)
    seeds = list(dict.fromkeys(table.seed))  # in the order of the splits
    splits = [data] if isinstance(data, Split) else list(data)
    if len(splits) not in (1, len(seeds)):
        raise ValueError(
            f"data must be one split, or one per seed ({len(seeds)}), got {len(splits)}"
        )
    fitted = [baselines(split) for split in splits]
    many = fitted * len(seeds) if len(fitted) == 1 else fitted
    rows = pd.concat(
        [
            own.rename_axis("arm").reset_index().assign(seed=seed, budget=budget)
            for seed, own in zip(seeds, many, strict=True)
            for budget in dict.fromkeys(table.budget)
        ]
    ).assign(task=task, lr=0.0, status="finished")
    names = ["task", "arm", "seed", "budget", "lr", "valid_loss", "test_loss", "status"]
    names += [n for n in ("valid_accuracy", "test_accuracy") if n in best]
    return pd.concat([best.reindex(columns=names), rows.reindex(columns=names)])

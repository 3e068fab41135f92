"""Accuracies on the Long Range Arena as other papers print them.

They were not measured here. The rows of S4D are those of its own table as Liquid-S4
(arXiv 2209.12951) and Solozabal et al. (arXiv 2508.20441) print them. They agree but
for Path-X of S4D-Lin: its table has it at chance, and Solozabal et al. trained it again
with timescales between 1e-4 and 1e-1, which is the figure here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ssmlib._imports import optional

if TYPE_CHECKING:
    import pandas as pd
else:
    pd = optional("pandas", "train")

SOURCE = "https://arxiv.org/abs/2209.12951"
TASKS = ("ListOps", "Text", "Retrieval", "Image", "Pathfinder", "Path-X")
#: percent; None: not above chance, which counts as 50 in the mean
LRA: dict[str, tuple[float | None, ...]] = {
    "S4-LegS": (59.60, 86.82, 90.90, 88.65, 94.20, 96.35),
    "S4-FouT": (57.88, 86.34, 89.66, 89.07, 94.46, None),
    "S4D-LegS": (60.47, 86.18, 89.46, 88.19, 93.06, 91.95),
    "S4D-Inv": (60.18, 87.34, 91.09, 87.83, 93.78, 92.80),
    "S4D-Lin": (60.52, 86.97, 90.96, 87.93, 93.96, 96.02),
    "S4 (first)": (58.35, 76.02, 87.09, 87.26, 86.05, 88.10),
    "Transformer": (36.37, 64.27, 57.46, 42.44, 71.40, None),
}


#: other tasks: percent of accuracy, or the root mean square error of heart rates
OTHER: dict[str, dict[str, float]] = {
    "cifar": {"S4-LegS": 91.80, "S4D-LegS": 89.92, "S4D-Inv": 90.69, "S4D-Lin": 90.42},
    "speech": {"S4-LegS": 96.08, "S4D-LegS": 95.83, "S4D-Inv": 96.18, "S4D-Lin": 96.25},
    "bidmc": {"S4-LegS": 0.332, "S4D-LegS": 0.367, "S4D-Inv": 0.373, "S4D-Lin": 0.379},
}


def result(row: str, model: str) -> float | None:
    """Return the published result of a configuration; None if there is none.

    Args:
        row: name of the configuration.
        model: name of a model, such as "S4D-LegS".

    Returns:
        An accuracy in [0, 1]; for "bidmc" a root mean square error.
    """
    columns = [task.lower().replace("-", "") for task in TASKS]
    if row in columns and model in LRA:
        percent = LRA[model][columns.index(row)]
    else:
        percent = OTHER.get(row, {}).get(model)
    if percent is None or row == "bidmc":
        return percent
    return percent / 100


def lra() -> pd.DataFrame:
    """Return the published accuracies on the Long Range Arena.

    Returns:
        One row per model and one column per task, in percent, NaN if it is not better
        than chance; the column `mean` counts these as 50.
    """
    table = pd.DataFrame(LRA, index=TASKS, dtype=float).T
    return table.assign(mean=table.fillna(50.0).mean(axis=1))

"""The results of finished reproductions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ssmlib.published import TASKS

#: names of the configurations of the Long Range Arena
ARENA = tuple(task.lower().replace("-", "") for task in TASKS)


def results(folder: str | Path) -> list[dict[str, Any]]:
    """Return the results that `ssmbook reproduce` wrote to a folder.

    Args:
        folder: contains a JSON file per finished training.

    Returns:
        Each result as `run` returns it, in the order of the files' names.

    Raises:
        FileNotFoundError: if the folder does not exist.
        ValueError: for a file that is not such a result.
    """
    place = Path(folder)
    if not place.is_dir():
        raise FileNotFoundError(f"{place} is no folder")
    found = []
    for path in sorted(place.glob("*.json")):
        try:
            own = json.loads(path.read_text(encoding="utf-8"))
            float(own["test"])
            missing = {"row", "model", "seed", "epochs", "published_epochs"} - {*own}
        except (ValueError, KeyError, TypeError):
            missing = {"test"}
        if missing:
            raise ValueError(
                f"{path} must be a result of ssmbook reproduce, it lacks "
                f"{', '.join(sorted(missing))}"
            )
        found.append(own)
    return found


def lra_mean(folder: str | Path, model: str = "S4D-LegS") -> float:
    """Return the mean accuracy of a model over the six tasks of the Long Range Arena.

    Of a task with several seeds, the mean over the seeds is used.

    Args:
        folder: as of `results`.
        model: name of the model.

    Raises:
        FileNotFoundError: as `results`.
        ValueError: as `results`; or if a task has no result, or one of fewer epochs
            than are published.
    """
    own = [one for one in results(folder) if one["model"] == model]
    whole: dict[str, list[float]] = {}
    for one in own:
        if one["epochs"] >= one["published_epochs"]:
            whole.setdefault(one["row"], []).append(one["test"])
    if missing := [name for name in ARENA if name not in whole]:
        raise ValueError(
            f"{folder} must have a result of {model}, of all published epochs, for "
            f"each of the six tasks; it has none for {', '.join(missing)}"
        )
    means = [sum(whole[name]) / len(whole[name]) for name in ARENA]
    return sum(means) / len(means)

"""The data of each published configuration, from the folders of their authors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ssmlib import _checks
from ssmlib.published import PAPER
from ssmlib.tasks.datasets import DATASETS
from ssmlib.tasks.split import Split

#: by configuration, the name of its data set and the arguments of its loader
SOURCES: dict[str, tuple[str, dict[str, Any]]] = {
    "listops": ("lra_listops", {"end": True}),
    "text": ("imdb", {"longest": 4096}),
    "retrieval": ("lra_retrieval", {"longest": 4000}),
    "image": ("cifar10", {"gray": True}),
    "pathfinder": ("lra_pathfinder", {}),
    "pathx": ("lra_pathx", {}),
    "pathx-small": ("lra_pathx", {}),
    "cifar": ("cifar10", {"gray": False}),
    "cifar-ablation": ("cifar10", {"gray": False}),
    "speech": ("speech_commands", {}),
    "speech-ablation": ("speech_commands", {}),
    "bidmc": ("bidmc", {"target": "HR"}),
    "bidmc-ablation": ("bidmc", {"target": "HR"}),
}


def load(row: str, folder: str | Path | None = None) -> Split:
    """Return the data of a configuration.

    Args:
        row: name of the configuration.
        folder: contains the folder of the data set, as *Data and licenses* names it;
            None for the environment variable `SSMLIB_DATA`.

    Raises:
        FileNotFoundError: if a folder or file is missing; the message says where to
            get it.
        ValueError: for an unknown name, a damaged file, or if neither folder nor
            `SSMLIB_DATA` is given.
    """
    _checks.one_of("row", row, PAPER)
    name, options = SOURCES[row]
    entry = DATASETS[name]
    own = None if folder is None else Path(folder) / entry.folder
    return entry.function()(own, **options)

"""A study whose parts are written without training: losses by a formula and noise."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import yaml

from ssmbook.ledger.entries import Claim
from ssmbook.ledger.trained import claim_hash, words_hash
from ssmbook.notebook.losses import COLUMNS
from ssmbook.runs.document import Run
from ssmbook.runs.stores import sha256
from ssmbook.studies.design import Study, read
from ssmbook.studies.parts import Measured, of_study, path_of

STUDY = {
    "parameters": {"steps": 5},
    "per_part": 4,
    "designs": {
        "base": {"seeds": [0, 15]},
        "untrained": {"seeds": [100, 107], "parameters": {"train": False}},
    },
    "contrasts": {
        "a_over_b": {"ratio": ["a", "b"], "task": "one"},
        "both": {"ratio": ["a", "b"]},
        "learns": {"ratio": ["a", "constant"]},
        "by_task": {"ratio": ["a", "b"], "across": "tasks"},
        "points": {"difference": ["a", "b"], "task": "one"},
    },
}
TASKS, ARMS = ("one", "two", "three"), ("a", "b", "constant")
#: the log of the loss of each arm where it is trained; untrained, all are 0
LOGS = {"a": -1.0, "b": -0.9, "constant": 0.0}


def rows(seeds: range, trained: bool = True) -> list[dict]:
    """Losses of a part: the same for the same seeds."""
    found = []
    for seed in seeds:
        rng = np.random.default_rng([1, seed])
        for task in TASKS:
            for arm in ARMS:
                log = (LOGS[arm] if trained else 0.0) + rng.normal(0, 0.05)
                row = {"task": task, "arm": arm, "seed": seed, "budget": "long"}
                row |= {"lr": 0.1, "test_loss": math.exp(log), "status": "finished"}
                found.append(row)
    return found


def csv(table: list[dict]) -> bytes:
    lines = [",".join(COLUMNS)]
    lines += [",".join(str(row[name]) for name in COLUMNS) for row in table]
    return ("\n".join(lines) + "\n").encode()


def write_part(home: Path, study: Study, design: str, block: range, **changes) -> Path:
    """One finished part; changes of its parameters, or its table as `table`."""
    table = changes.pop("table", None)
    if table is None:
        table = rows(block, trained=design != "untrained")
    path = path_of(home, study, design, block)
    path.parent.mkdir(parents=True, exist_ok=True)
    content = csv(table)
    path.write_bytes(content)
    run = Run(
        study.chapter,
        64 * "0",
        16 * "0",
        study.values(design, block) | changes,
        status="complete",
        files={path.name: sha256(content)},
    )
    path.with_suffix(".json").write_bytes(run.to_json())
    return path


def stated(home: Path, content: dict = STUDY, name: str = "toy") -> Study:
    """The study's file, read."""
    path = home / "studies" / name / "study.yml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return read(path)


def finished(home: Path, content: dict = STUDY, name: str = "toy") -> Measured:
    """The study with every part of every design."""
    study = stated(home, content, name)
    for design in study.designs:
        for block in study.blocks(design):
            write_part(home, study, design, block)
    return of_study(home, study)


def claim(study: Measured, /, *expect: dict, **changes) -> Claim:
    """A claim on the study, registered as it stands."""
    parts = {
        "notebook": "toy",
        "id": "a-is-better",
        "evidence": "training",
        "paper": "companion",
        "where": "here",
        "source": "our reading",
        "says": "a has a lower loss than b",
        "expect": [{"because": "arithmetic"} | e for e in expect],
        "scale": "reduced",
        "verdict": "reproduced",
        "why": "It is so: {effect}`a_over_b`.",
        "judged_on": "study",
        "registered": {"date": "2026-11", "hash": "-", "words": "-"},
    } | changes
    if changes.get("registered") is None:
        own = Claim(**parts)
        words = words_hash(own.says)
        known = {"hash": claim_hash(own, study), "words": words}
        parts["registered"] = {"date": "2026-11"} | known
    return Claim(**parts)

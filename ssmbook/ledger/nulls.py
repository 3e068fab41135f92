"""Nulls made by machine: claims on studies where there is nothing to find.

The labels of a claim's arms are exchanged at random within each task and seed. Then no
arm differs from another, and the claim must not hold more often than its level allows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from scipy import stats

from ssmbook.ledger.decision import LEVEL, decide
from ssmbook.ledger.entries import Claim
from ssmbook.ledger.trained import as_parts
from ssmbook.studies.design import BASE, Contrast
from ssmbook.studies.estimates import Effect, Row
from ssmbook.studies.parts import Measured
from ssmbook.studies.pooling import pooled

TRIES = 200


def check(claims: Iterable[Claim], study: Measured, tries: int = TRIES) -> None:
    """Raise ValueError for a claim that holds where labels are exchanged.

    It may hold as often as has a probability of at least 0.001 at its level.

    Args:
        claims: claims that are evaluated on the study.
        study: all parts of it are finished.
        tries: the number of random exchanges.
    """
    allowed = stats.binom.ppf(0.999, tries, (1 - LEVEL) / study.looks / 2)
    for claim in claims:
        held = count(claim, study, tries)
        if held > allowed:
            raise ValueError(
                f"claim {claim.id} holds in {held} of {tries} random exchanges of its "
                "arms' labels, where no arm differs from another: it tests nothing"
            )


def check_all(ledger: Iterable[Claim], trained: Mapping[str, Measured]) -> None:
    """Check the claims on every study that is complete; as `check`."""
    for name, study in trained.items():
        if study.looks:
            own = [c for c in ledger if c.measured_by == name]
            check(own, study)


def count(claim: Claim, study: Measured, tries: int = TRIES) -> int:
    """Return in how many random exchanges of labels a claim holds; as `check`."""
    contrasts = {key: study.study.contrasts[key] for key in claim.keys}
    rows = [row for part in study.evaluated(BASE) for row in part.losses.rows]
    arms = sorted({arm for c in contrasts.values() for arm in c.arms})
    tasks = list(dict.fromkeys(str(row["task"]) for row in rows))
    tables = {key: _table(c, rows, tasks, arms) for key, c in contrasts.items()}
    first = next(iter(tables.values()))
    there = np.any(np.isfinite(first), axis=-1)  # (tasks, arms)
    rng, held = np.random.default_rng(0), 0
    for _ in range(tries):
        found = {}
        order = _exchange(rng, there, first.shape[-1])
        for key, contrast in contrasts.items():
            values = np.take_along_axis(tables[key], order, axis=1)
            draws = _draws(contrast, values, tasks, arms)
            kind = "ratio" if contrast.ratio else "difference"
            own = {"all": dict(enumerate(draws.tolist()))}
            found[key] = Effect(key, kind, pooled(own), contrast.across)
        parts = as_parts(claim.predictions, found)
        decided = decide({claim.id: parts}, study.looks)
        held += decided[claim.id].state == "holds"
    return held


def _table(
    contrast: Contrast, rows: Sequence[Row], tasks: list[str], arms: list[str]
) -> np.ndarray:
    """The values (tasks, arms, seeds) of a contrast; NaN where there is no model."""
    seeds = sorted({int(row["seed"]) for row in rows})
    table = np.full((len(tasks), len(arms), len(seeds)), np.nan)
    for row in rows:
        known = row["budget"] == contrast.budget and row["arm"] in arms
        if known and contrast.column in row:
            place = tasks.index(str(row["task"])), arms.index(str(row["arm"]))
            table[*place, seeds.index(int(row["seed"]))] = row[contrast.column]
    return np.log(table) if contrast.ratio else table


def _exchange(rng: np.random.Generator, there: np.ndarray, seeds: int) -> np.ndarray:
    """A random order (tasks, arms, seeds) of the arms that each task has."""
    tasks, arms = there.shape
    order = np.tile(np.arange(arms)[None, :, None], (tasks, 1, seeds))
    for task in range(tasks):
        own = np.flatnonzero(there[task])
        order[task, own] = rng.permuted(np.tile(own[:, None], (1, seeds)), axis=0)
    return order


def _draws(
    contrast: Contrast, values: np.ndarray, tasks: list[str], arms: list[str]
) -> np.ndarray:
    """The draws of a contrast, one per seed or per task."""
    a, b = (arms.index(arm) for arm in contrast.arms)
    chosen = [tasks.index(task) for task in contrast.tasks or tasks]
    apart = values[chosen, a] - values[chosen, b]  # (tasks, seeds)
    return apart.mean(0 if contrast.across == "seeds" else 1)

"""One estimate from all runs of a study, and whether the runs agree."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from ssmbook.studies.student import skewness


@dataclass(frozen=True)
class Pooled:
    """The mean over the seeds of all runs, with a test of heterogeneity.

    Attributes:
        value: the mean over all draws.
        se: its standard error.
        n: number of draws.
        means: the mean of each run, by its name.
        Q: Cochran's Q, the weighted sum of squares of the means of the runs about
            their weighted mean; 0 for one run.
        p: the p-value of equal means, by the F distribution of Q / (runs - 1), since
            the variance is estimated; 1 for one run.
        skew: the skewness of all draws.
    """

    value: float
    se: float
    n: int
    means: dict[str, float]
    Q: float
    p: float
    skew: float = 0.0

    @property
    def freedom(self) -> int:
        """Degrees of freedom of `se`."""
        return self.n - 1


def pooled(runs: Mapping[str, Mapping[int, float]]) -> Pooled:
    """Pool the draws of several runs of one design.

    Args:
        runs: by the name of a run, its draws by seed. Seeds of two runs differ.

    Returns:
        The mean over all seeds of all runs. No run can veto another.

    Raises:
        ValueError: if a run has no draw, all runs have fewer than two together, a
            draw is not finite, or a seed occurs in two runs.

    Source: Cochran 1954 for Q.
    """
    _check(runs)
    groups = [np.array(list(draws.values()), dtype=float) for draws in runs.values()]
    draws = np.concatenate(groups)
    n = len(draws)
    # The variance of a draw is estimated within runs, by all of them together.
    freedom = n - len(groups)
    within = sum(float(((own - own.mean()) ** 2).sum()) for own in groups)
    means = [float(own.mean()) for own in groups]
    Q, p = 0.0, 1.0
    if len(groups) > 1 and freedom > 0 and within > 0:
        Q = _cochran(means, [len(own) for own in groups], within / freedom)
        between = len(groups) - 1
        p = float(special.fdtrc(between, freedom, Q / between))
    return Pooled(
        float(draws.mean()),
        float(draws.std(ddof=1)) / math.sqrt(n),
        n,
        dict(zip(runs, means, strict=True)),
        Q,
        p,
        skewness(draws),
    )


def _cochran(means: Sequence[float], sizes: Sequence[int], variance: float) -> float:
    weights = np.array(sizes) / variance
    center = float((weights * means).sum() / weights.sum())
    return float((weights * (np.array(means) - center) ** 2).sum())


def _check(runs: Mapping[str, Mapping[int, float]]) -> None:
    seen: dict[int, str] = {}
    for name, draws in runs.items():
        if not draws:
            raise ValueError(f"run {name} has no draw")
        for seed, value in draws.items():
            if not math.isfinite(value):
                raise ValueError(f"run {name}, seed {seed}: {value} is not finite")
            if seed in seen:
                raise ValueError(
                    f"seed {seed} is in the runs {seen[seed]} and {name}: runs of one "
                    "study have different seeds"
                )
            seen[seed] = name
    if len(seen) < 2:
        raise ValueError(f"runs must have two draws or more, got {len(seen)}")

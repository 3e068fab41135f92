"""Dropout for an ensemble: each model's masks from its own seed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ssmlib.models import Ensemble
from ssmlib.training.grid import Configuration


class Dropout:
    """The dropout masks of an ensemble: factors 0 or 1 / (1 - p) after each GELU.

    The masks of a model depend only on its seed, the epoch and the step. They are
    therefore the same with other models in the ensemble and after a checkpoint.

    Args:
        model: the ensemble, its members seed by seed.
        chosen: the configuration of each member.
        seeds: the seeds, distinct.

    Raises:
        ValueError: for dropout in a model without GELU.
    """

    def __init__(
        self, model: Ensemble, chosen: Sequence[Configuration], seeds: Sequence[int]
    ):
        self.model, self.seeds = model, seeds
        p = torch.tensor([c.dropout for c in chosen]).view(-1, 1, 1, 1)
        self.share = p.to(next(model.parameters()).device)
        self.used = bool((p > 0).any())
        if self.used and not model.stacked.mixers:
            raise ValueError(
                "dropout goes with linear=False only, and with no Transformer: it "
                "follows the GELU of a block"
            )
        self.start(0)

    def start(self, epoch: int) -> None:
        """Start the masks of an epoch, which is numbered from 0."""
        self.draws = [np.random.default_rng([s, epoch, 2]) for s in self.seeds]

    def masks(self, B: int, L: int) -> list[Tensor] | None:
        """Return the masks of the next step.

        Args:
            B: sequences per batch.
            L: number of steps.

        Returns:
            (E, B, H, L) per mask of `Model.mask_shapes`; None if no model has dropout.
        """
        if not self.used:
            return None
        found = []
        for shape in self.model.stacked.mask_shapes(B, L):
            drawn = [d.random(shape, dtype=np.float32) for d in self.draws]
            each = torch.from_numpy(np.stack(drawn)).to(self.share.device)
            each = each.repeat_interleave(self.model.size // len(drawn), 0)
            found.append((each >= self.share) / (1 - self.share))
        return found

"""Dropout for an ensemble: each model's masks from its own seed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ssmlib.models import Ensemble
from ssmlib.training.grid import Configuration
from ssmlib.training.slices import ALL, Slice


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
        self.drawn: list[np.ndarray] = []  # (G, B, H, L) per mask, of the last slice

    def masks(self, B: int, L: int, part: Slice = ALL) -> list[Tensor] | None:
        """Return the masks of the next step, or of one slice of it.

        Args:
            B: sequences per batch.
            L: number of steps.
            part: a slice of the ensemble. Slices must come in order.

        Returns:
            (E, B, H, L) per mask of `Model.mask_shapes`, where E is the number of
            models of the slice; None if no model has dropout.
        """
        if not self.used:
            return None
        members, draws = range(self.model.size)[part.members], self.draws[part.seeds]
        own = self.model.size // len(self.draws)
        if members[0] % own == 0:  # otherwise the last slice was of the same seed
            self.drawn = [
                np.stack([d.random(shape, dtype=np.float32) for d in draws])
                for shape in self.model.stacked.mask_shapes(B, L)
            ]
        share, found = self.share[part.members], []
        for drawn in self.drawn:
            each = torch.from_numpy(drawn).to(share.device)
            each = each.repeat_interleave(len(members) // len(draws), 0)
            found.append((each >= share) / (1 - share))
        return found

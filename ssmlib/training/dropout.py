"""Dropout for an ensemble: each model's masks from its own seed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ssmlib.models import Ensemble
from ssmlib.training.grid import Configuration


class Dropout:
    """What the blocks' GELUs are multiplied by, 0 or 1 / (1 - p), step by step.

    A model's masks depend on its seed, the epoch and the step alone, so that it is
    the same model with others beside it and after a checkpoint. model: members
    seed by seed, as `chosen` has them. Raises ValueError for a model without GELU.
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
        """Begin an epoch's masks."""
        self.draws = [np.random.default_rng([s, epoch, 2]) for s in self.seeds]

    def masks(self, B: int, L: int) -> list[Tensor] | None:
        """The next step's, (E, B, H, L) a block; None where no model drops anything."""
        if not self.used:
            return None
        found = []
        for shape in self.model.stacked.mask_shapes(B, L):
            drawn = [d.random(shape, dtype=np.float32) for d in self.draws]
            each = torch.from_numpy(np.stack(drawn)).to(self.share.device)
            each = each.repeat_interleave(self.model.size // len(drawn), 0)
            found.append((each >= self.share) / (1 - self.share))
        return found

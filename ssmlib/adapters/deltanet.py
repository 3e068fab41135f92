"""Gated DeltaNet: the decay of Mamba 2 in front of a delta rule."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch

from ssmlib.adapters._modes import Modes
from ssmlib.adapters.base import Parameters
from ssmlib.adapters.laws import Constant, Law
from ssmlib.adapters.mamba2 import Mamba2, uniform_heads


class GatedDeltaNet(Mamba2):
    """Gated DeltaNet, of `fla` and of Qwen's models in `transformers`.

    A and dt are those of Mamba 2. The memory is that of the decay alone: the delta rule
    also removes the value that a key had before.
    """

    kind = "gated-deltanet"
    names = ("A_log", "dt_bias")
    used = ("in_proj_ba.weight", "in_proj_a.weight", "a_proj.weight")  # of the gate
    note = "The memory is that of the decay, without the delta rule."

    def read(self, p: Parameters, options: Mapping[str, Any]) -> Modes:
        """Return one mode per head, at the dt of the bias."""
        if not any(name in p for name in self.used):
            raise ValueError(
                f"{self.kind} must have one of {', '.join(self.used)}, got none"
            )
        found = super().read(p, options)
        return replace(found, B_bar=torch.ones_like(found.dt))

    def laws(self, H: int, n: int, p: Parameters) -> tuple[Law, ...]:
        """Return the law of the authors, and that of Qwen's for its modules."""
        authors = uniform_heads(
            0, 16, "fla-org/flash-linear-attention, gated_deltanet.py"
        )
        if "a_proj.weight" in p:
            return (authors,)
        # Since version 5.20 from 0.01, which no test of so few heads can tell from 0.
        qwen = uniform_heads(
            0,
            16,
            "huggingface/transformers, modeling_qwen3_next.py",
            Constant(math.log1p(math.e)),
        )
        return qwen, authors

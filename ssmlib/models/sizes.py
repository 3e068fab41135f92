"""The sizes of a model's forward pass: of its dropout masks and of its features."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from ssmlib.layers.state import Described
from ssmlib.models import blocks

if TYPE_CHECKING:
    from ssmlib.models.model import Model


class Sizes(Described):
    """The sizes of a `Model`, whose base this is."""

    def mask_shapes(self, B: int, L: int) -> list[tuple[int, int, int]]:
        """Return the shapes of the masks that `forward` accepts.

        There is one mask per block, after its GELU; with mix="glu" there is a second
        one, after the gate.

        Args:
            B: number of sequences.
            L: number of steps.
        """
        model = cast("Model", self)
        last = 1 if blocks.last_alone(model) else L
        steps = [L] * (len(model.ssms) - 1) + [last]
        a_block = 2 if model.mix == "glu" else 1
        return [
            (B, model.d_model, 1 if model.tied_dropout else count)
            for count in steps
            for _ in range(a_block if model.mixers else 0)
        ]

    def feature_values(self, B: int, L: int) -> int:
        """Return the number of values of the features that `forward` forms.

        These are B H L per block, the last one excluded if it is needed at the last
        step only, and H L per kernel.

        Args:
            B: number of sequences.
            L: number of steps.
        """
        model = cast("Model", self)
        alone = blocks.last_alone(model)
        count = len(model.ssms) - alone
        if alone and not count and not blocks.first_is_folded(model):
            count = 1
        return (B * count + len(model.ssms)) * model.d_model * L

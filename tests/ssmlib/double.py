"""Fits in float64, for tests that compare two of them.

AdamW divides a gradient by its own size. In float32 the rounding of a gradient near 0
therefore moves a parameter by a whole step, and another processor rounds otherwise.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from torch import Tensor

from ssmlib.models import Ensemble
from ssmlib.training import recipe


class _Double(Ensemble):
    """An ensemble of the same initial parameters, in float64."""

    def __init__(self, models):
        super().__init__([model.double() for model in models])

    def forward(
        self, x: Tensor, masks=None, lengths=None, members=slice(None)
    ) -> Tensor:
        return super().forward(
            x.double() if x.is_floating_point() else x, masks, lengths, members
        )


@contextmanager
def float64_fits() -> Iterator[None]:
    """Let `fit` train in float64; also a decorator of a test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recipe, "Ensemble", _Double)
        yield

"""What every task returns: data to train on, and data to test on."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Split:
    """Inputs x (n, L) or (n, channels, L), float32, and their targets y.

    y is (n,) int64 for classes; (n,), (n, d) or (n, d, L) floating point otherwise.
    """

    x_train: Tensor
    y_train: Tensor
    x_test: Tensor
    y_test: Tensor

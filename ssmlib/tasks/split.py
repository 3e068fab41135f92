"""What every task returns: data to train on, and data to test on."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ssmlib import _checks


@dataclass(frozen=True)
class Split:
    """Inputs x (n, L) or (n, channels, L), float32, and their targets y.

    y is (n,) int64 for classes; (n,), (n, d) or (n, d, L) floating point otherwise.
    """

    x_train: Tensor
    y_train: Tensor
    x_test: Tensor
    y_test: Tensor


def prepared(data: Split, *, sequence: bool) -> tuple[Split, int]:
    """(the split with a channel axis and float32 inputs, its number of outputs).

    sequence: whether there is a target a step. The number of outputs is that of
    classes, or of channels of y. Raises ValueError or TypeError for data that a
    model cannot be trained on, naming the part.
    """
    for name, value in vars(data).items():
        if not isinstance(value, Tensor):
            raise TypeError(f"{name} must be a tensor, got {type(value).__name__}")
        if value.is_floating_point():
            _checks.finite(name, value)
    parts = {"train": (data.x_train, data.y_train), "test": (data.x_test, data.y_test)}
    for name, (x, y) in parts.items():
        if x.ndim not in (2, 3) or 0 in x.shape or not x.is_floating_point():
            raise ValueError(
                f"x_{name} must be floating point, (n, L) or (n, channels, L), got "
                f"{x.dtype} {tuple(x.shape)}"
            )
        if len(y) != len(x):
            raise ValueError(
                f"y_{name} must have one target a sequence, {len(x)}, got {len(y)}"
            )
        if sequence and y.shape[-1] != x.shape[-1]:
            raise ValueError(
                f"y_{name} must be as long as x_{name}, {x.shape[-1]}, for a "
                f"target a step, got {tuple(y.shape)}"
            )
    if data.y_test.dtype != data.y_train.dtype or (
        data.y_test.shape[1:] != data.y_train.shape[1:]
    ):
        raise ValueError(
            "y_test must be of y_train's dtype and shape, "
            f"{data.y_train.dtype} (n, ...) with {tuple(data.y_train.shape[1:])}, got "
            f"{data.y_test.dtype} {tuple(data.y_test.shape)}"
        )
    if data.x_train.shape[1:] != data.x_test.shape[1:]:
        raise ValueError("x_train and x_test must have the same channels and length")
    y = data.y_train
    if not y.is_floating_point():
        if y.dtype != torch.int64 or y.ndim != 1 or sequence:
            raise ValueError(
                f"y_train must be int64 (n,) for classes, got {y.dtype} "
                f"{tuple(y.shape)}" + " for a target a step" * sequence
            )
        both = torch.cat([y, data.y_test])
        outputs = int(both.max()) + 1
        if int(both.min()) < 0 or len(y.unique()) < 2:
            raise ValueError("y_train must hold at least two classes, numbered from 0")
    else:
        dims = (2, 3) if sequence else (1, 2)
        if y.ndim not in dims:
            raise ValueError(
                f"y_train must have {dims[0]} or {dims[1]} dimensions, got "
                f"{tuple(y.shape)}"
            )
        outputs = 1 if y.ndim == dims[0] else y.shape[1]
        if y.ndim == dims[0]:
            data = replace(
                data, y_train=y.unsqueeze(1), y_test=data.y_test.unsqueeze(1)
            )
    channels = {
        name: (x if x.ndim == 3 else x.unsqueeze(1)).float()
        for name, x in (("x_train", data.x_train), ("x_test", data.x_test))
    }
    return replace(data, **channels), outputs

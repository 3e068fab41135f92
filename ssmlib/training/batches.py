"""The data of a fit on its device: all at once if they are small, or batch by batch."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from ssmlib.tasks.split import Split

#: share of a GPU's free memory that the data may take
SHARE = 0.25


def fits(data: Split, device: torch.device) -> bool:
    """Return whether a split may be on a device as a whole.

    Args:
        data: the split.
        device: of the training.
    """
    if device.type != "cuda" or data.x_train.device.type == "cuda":
        return True
    free, _ = torch.cuda.mem_get_info(device)
    return sum(value.nbytes for value in data.tensors().values()) <= SHARE * free


def placed(data: Split, device: torch.device) -> Split:
    """Return the data on the device, or where they are if they take too much memory.

    Args:
        data: the split.
        device: of the training.
    """
    if not fits(data, device):
        return data
    return replace(data, **{n: on(device, v) for n, v in data.tensors().items()})


def on(device: torch.device, value: Tensor) -> Tensor:
    """Return a tensor on the device: the same one if it is there.

    Args:
        device: where to.
        value: the tensor.
    """
    return value.to(device)

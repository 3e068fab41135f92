"""Optimizers that follow the layers' hints."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from ssmlib.layers.base import SSM


def ssm_layers(model: nn.Module) -> Iterator[SSM]:
    """The SSM layers within a model."""
    return (m for m in model.modules() if isinstance(m, SSM))


def parameter_groups(
    model: nn.Module, lr: float, weight_decay: float = 0.0, ssm_lr: float = 1e-3
) -> list[dict]:
    """Optimizer groups: A, B and dt at min(lr, ssm_lr) without decay, the rest as is.

    A, B and dt: what a layer names in its `ssm_parameters`, or with
    `torch.nn.utils.parametrize` the parameters that it is computed from. Every
    parameter that requires a gradient is in exactly one group.
    Source: the S4D authors' published configurations.
    """
    ssm = {
        id(p)
        for layer in ssm_layers(model)
        for name in layer.ssm_names()
        for p in layer.parameters_of(name)
    }
    trained = [p for p in model.parameters() if p.requires_grad]
    return [
        {
            "params": [p for p in trained if id(p) not in ssm],
            "lr": lr,
            "weight_decay": weight_decay,
        },
        {
            "params": [p for p in trained if id(p) in ssm],
            "lr": min(lr, ssm_lr),
            "weight_decay": 0.0,
        },
    ]


def optimizer(
    model: nn.Module, lr: float, weight_decay: float = 0.0, ssm_lr: float = 1e-3
) -> torch.optim.AdamW:
    """AdamW on `parameter_groups`.

    Real parts above 0 are put back after each step, as after that of any other
    `torch.optim` optimizer.
    """
    return torch.optim.AdamW(parameter_groups(model, lr, weight_decay, ssm_lr))

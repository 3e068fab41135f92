"""Optimizers that follow the layers' hints."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from ssmlib.layers.base import SSM


def ssm_layers(model: nn.Module) -> Iterator[SSM]:
    """Return the SSM layers in a model.

    Args:
        model: any module.
    """
    return (m for m in model.modules() if isinstance(m, SSM))


def parameter_groups(
    model: nn.Module, lr: float, weight_decay: float = 0.0, ssm_lr: float = 1e-3
) -> list[dict]:
    """Return optimizer groups in which A, B and dt have their own rate and no decay.

    A, B and dt are the parameters that a layer names in its `ssm_parameters`, or with
    `torch.nn.utils.parametrize` the parameters that they are computed from. Every
    parameter that requires a gradient is in exactly one group.

    Args:
        model: any module that contains SSM layers.
        lr: learning rate of all other parameters.
        weight_decay: of all other parameters.
        ssm_lr: learning rate of A, B and dt; the lower one of lr and ssm_lr is used.

    Returns:
        Two groups for a `torch.optim` optimizer: the other parameters, then A, B and
        dt.

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
    """Return AdamW on `parameter_groups`.

    Real parts above 0 are set back to 0 after each step, as after a step of any other
    `torch.optim` optimizer.

    Args:
        model: any module that contains SSM layers.
        lr: learning rate of all parameters except A, B and dt.
        weight_decay: of all parameters except A, B and dt.
        ssm_lr: learning rate of A, B and dt; the lower one of lr and ssm_lr is used.
    """
    return torch.optim.AdamW(parameter_groups(model, lr, weight_decay, ssm_lr))

"""Optimizers that follow the layers' hints."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar, overload

import torch
from torch import nn
from torch.optim import Optimizer

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


_Kind = TypeVar("_Kind", bound=Optimizer)


@overload
def optimizer(
    model: nn.Module,
    lr: float,
    weight_decay: float = 0.0,
    ssm_lr: float = 1e-3,
    *,
    kind: Callable[..., _Kind],
    **options: Any,
) -> _Kind: ...
@overload
def optimizer(
    model: nn.Module,
    lr: float,
    weight_decay: float = 0.0,
    ssm_lr: float = 1e-3,
    **options: Any,
) -> torch.optim.AdamW: ...
def optimizer(
    model: nn.Module,
    lr: float,
    weight_decay: float = 0.0,
    ssm_lr: float = 1e-3,
    *,
    kind: Callable[..., Optimizer] = torch.optim.AdamW,
    **options: Any,
) -> Optimizer:
    """Return an optimizer on `parameter_groups`, AdamW by default.

    Real parts above 0 are set back to 0 after each step, as after a step of any other
    `torch.optim` optimizer.

    Args:
        model: any module that contains SSM layers.
        lr: learning rate of all parameters except A, B and dt.
        weight_decay: of all parameters except A, B and dt.
        ssm_lr: learning rate of A, B and dt; the lower one of lr and ssm_lr is used.
        kind: a class of optimizers that takes groups of parameters.
        **options: further arguments of the class, such as betas=(0.9, 0.95) or
            fused=True.

    Raises:
        TypeError: for a kind that gives no `torch.optim.Optimizer`, or an option that
            it does not have.
        ValueError: for a weight decay that the class does not have, or a bad option.
    """
    if not callable(kind):
        raise TypeError(f"kind must be a class of optimizers, got {kind!r}")
    groups = parameter_groups(model, lr, weight_decay, ssm_lr)
    found = kind(groups, **options)
    if not isinstance(found, Optimizer):
        raise TypeError(
            f"kind must give a torch.optim.Optimizer, got {type(found).__name__}"
        )
    if weight_decay and "weight_decay" not in found.defaults:
        raise ValueError(
            f"weight_decay must be 0 with {type(found).__name__}, which has none, got "
            f"{weight_decay}"
        )
    return found

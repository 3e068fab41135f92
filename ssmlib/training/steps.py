"""A step of training: one optimizer for an ensemble, a rate for each of its models."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ssmlib import _checks
from ssmlib.layers import parameter_groups, ssm_layers
from ssmlib.models import Ensemble
from ssmlib.training.grid import Configuration

OPTIMIZERS = {"adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}


class Steps:
    """One optimizer for all, a rate for each, and none for those that diverged.

    AdamW's rates rise over the first `warmup` of `total` steps and fall as a half
    cosine; those of plain gradient descent are constant. The step is scaled to each
    model's rate before real parts are put back to <= 0: the other way round, a model
    would depend on its neighbours' rates.
    """

    def __init__(
        self,
        model: Ensemble,
        chosen: Sequence[Configuration],
        weight_decay: float,
        total: int,
        warmup: float,
        optimizer: str = "adamw",
    ):
        _checks.one_of("optimizer", optimizer, OPTIMIZERS)
        self.ssms = list(ssm_layers(model))
        readouts = self._readouts(any(c.C_lr is not None for c in chosen))
        C_rates = [c.lr if c.C_lr is None else c.C_lr for c in chosen]
        ssm_rates = [min(c.lr, c.ssm_lr) for c in chosen]
        top = max(*(c.lr for c in chosen), *C_rates)
        groups = parameter_groups(model, top, weight_decay, max(ssm_rates))
        self.optimizer = OPTIMIZERS[optimizer](groups)
        rising = max(1, round(warmup * total))

        def rate(step: int) -> float:
            if optimizer == "sgd":
                return 1.0
            if step < rising:
                return (step + 1) / rising
            falling = max(1, total - rising)
            return 0.5 * (1 + math.cos(math.pi * (step - rising) / falling))

        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, rate)
        self.shares = []  # (parameter, its models' shares of the group's rate)
        dense, ssm = self.optimizer.param_groups
        for group, rates, own in (
            (dense, [c.lr for c in chosen], C_rates),
            (ssm, ssm_rates, ssm_rates),
        ):
            largest = group["initial_lr"] or 1.0
            for p in group["params"]:
                each = torch.tensor(own if id(p) in readouts else rates)
                self.shares.append((p, (each / largest).to(p)))

    def _readouts(self, asked: bool) -> set[int]:
        """The ids of the layers' C; ValueError where a rate is asked for none."""
        if asked and not all(ssm.readout_parameters for ssm in self.ssms):
            raise ValueError("C_lr needs a layer that names its readout_parameters")
        return {
            id(getattr(ssm, name))
            for ssm in self.ssms
            for name in ssm.readout_parameters
        }

    def take(self, losses: Tensor, alive: Tensor) -> None:
        """A step of each model down its own loss, (E,), where alive, (E,)."""
        self.optimizer.zero_grad(set_to_none=True)
        losses.sum().backward()
        before = [p.detach().clone() for p, _ in self.shares]
        self.optimizer.step()
        self.schedule.step()
        with torch.no_grad():
            for (p, share), old in zip(self.shares, before, strict=True):
                each = torch.where(alive, share, 0.0).view(-1, *[1] * (p.ndim - 1))
                p.copy_(torch.where(each > 0, old + each * (p - old), old))
        for ssm in self.ssms:
            ssm.project_()

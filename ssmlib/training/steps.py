"""A step of training: one optimizer for an ensemble, a rate for each of its models."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ssmlib import _checks
from ssmlib.layers import parameter_groups, ssm_layers
from ssmlib.layers.projection import leave_projection_to
from ssmlib.models import Ensemble
from ssmlib.training.grid import Configuration

OPTIMIZERS = {"adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}


class Steps:
    """One optimizer for all models, with a rate and a decay per model.

    AdamW's rates rise over the first `warmup` of `total` steps and fall as a half
    cosine. Those of plain gradient descent are constant. The step is scaled by the rate
    of each model before real parts are set back to <= 0. In the other order, a model
    would depend on the rates of the other models.

    Args:
        model: the ensemble.
        chosen: the configuration of each member.
        total: number of steps.
        warmup: share of the steps in which the rates rise.
        optimizer: "adamw" or "sgd".

    Raises:
        ValueError: for another optimizer, or a rate for parameters that no layer has.
    """

    def __init__(
        self,
        model: Ensemble,
        chosen: Sequence[Configuration],
        total: int,
        warmup: float,
        optimizer: str = "adamw",
    ):
        _checks.one_of("optimizer", optimizer, OPTIMIZERS)
        self.ssms = list(ssm_layers(model))
        if not self.ssms:
            _check_distinct(chosen)
        readouts = self._readouts(any(c.C_lr is not None for c in chosen))
        C_rates = [c.lr if c.C_lr is None else c.C_lr for c in chosen]
        ssm_rates = [min(c.lr, c.ssm_lr) for c in chosen]
        top = max(*(c.lr for c in chosen), *C_rates)
        groups = parameter_groups(model, top, ssm_lr=max(ssm_rates))
        self.optimizer = OPTIMIZERS[optimizer](groups)
        leave_projection_to(self.optimizer)
        parts = self._parts()
        rising = max(1, round(warmup * total))

        def rate(step: int) -> float:
            if optimizer == "sgd":
                return 1.0
            if step < rising:
                return (step + 1) / rising
            falling = max(1, total - rising)
            return 0.5 * (1 + math.cos(math.pi * (step - rising) / falling))

        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, rate)
        # (parameter, its group, each model's share of the group's rate, its decay)
        self.members = []
        dense, ssm = self.optimizer.param_groups
        for p in dense["params"]:
            rates = C_rates if id(p) in readouts else [c.lr for c in chosen]
            self._add(p, dense, rates, [c.weight_decay for c in chosen])
        for p in ssm["params"]:
            part = parts[id(p)]
            rates = [
                0.0 if part in c.frozen else rate
                for c, rate in zip(chosen, ssm_rates, strict=True)
            ]
            self._add(p, ssm, rates, [0.0] * len(chosen))

    def _add(self, p, group: dict, rates: list[float], decay: list[float]) -> None:
        shape = (-1, *[1] * (p.ndim - 1))
        share = torch.tensor(rates) / (group["initial_lr"] or 1.0)
        decays = torch.tensor(decay).to(p).view(shape) if any(decay) else None
        self.members.append((p, group, share.to(p).view(shape), decays))

    def _parts(self) -> dict[int, str]:
        """Return the part ("A", "B" or "dt") of each SSM parameter by its id."""
        return {
            id(getattr(ssm, name)): part
            for ssm in self.ssms
            for name, part in ssm.ssm_names().items()
        }

    def _readouts(self, asked: bool) -> set[int]:
        """Return the ids of the parameters of C; raise ValueError without any."""
        named = [ssm.readout_parameters for ssm in self.ssms]
        if asked and not (named and all(named)):
            raise ValueError("C_lr needs a layer that names its readout_parameters")
        return {
            id(getattr(ssm, name))
            for ssm in self.ssms
            for name in ssm.readout_parameters
        }

    def begin(self) -> None:
        """Remove the gradients of the last step."""
        self.optimizer.zero_grad(set_to_none=True)

    def take(self, alive: Tensor) -> None:
        """Take a step of each model along its gradient.

        Args:
            alive: (E,) bool; the other models do not change.
        """
        before = [member[0].detach().clone() for member in self.members]
        self.optimizer.step()
        with torch.no_grad():
            for (p, group, share, decay), old in zip(self.members, before, strict=True):
                moved = p - old
                if decay is not None:
                    moved = moved - group["lr"] * decay * old
                each = torch.where(alive.view(-1, *[1] * (p.ndim - 1)), share, 0.0)
                p.copy_(torch.where(each > 0, old + each * moved, old))
        self.schedule.step()
        for ssm in self.ssms:
            ssm.project_()


def _check_distinct(chosen: Sequence[Configuration]) -> None:
    """Raise ValueError if only ssm_lr differs and no layer has such parameters."""
    seen: dict[tuple, float] = {}
    for c in chosen:
        first = seen.setdefault((c.lr, c.weight_decay, c.dropout), c.ssm_lr)
        if first != c.ssm_lr:
            raise ValueError(
                f"ssm_lr goes with SSM layers, got {first} and {c.ssm_lr} for a layer "
                "that has neither A, B nor dt: leave ssm_lr out of grid"
            )

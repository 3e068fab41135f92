"""A step of training: one optimizer for an ensemble, a rate for each of its models."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ssmlib import _checks
from ssmlib.layers import parameter_groups, ssm_layers
from ssmlib.layers.projection import leave_projection_to
from ssmlib.models import Ensemble
from ssmlib.training.flat import Rates, flats
from ssmlib.training.grid import Configuration

#: what `torch.nn.utils.clip_grad_norm_` adds to a norm before it divides by it
EPSILON = 1e-6
OPTIMIZERS = {"adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}


class Steps:
    """One optimizer for all models, with a rate and a decay per model.

    The trained parameters are views of one vector until `end`. AdamW's rates rise over
    the first `warmup` of `total` steps and fall as a half cosine. Those of plain
    gradient descent are constant. The step is scaled by the rate of each model before
    real parts are set back to <= 0. In the other order, a model would depend on the
    rates of the other models. For the same reason, the gradient of each model is
    clipped by its own norm.

    Args:
        model: the ensemble.
        chosen: the configuration of each member.
        total: number of steps.
        warmup: share of the steps in which the rates rise, or their number as an int.
        optimizer: "adamw" or "sgd".
        clip: largest norm of the gradient of a model; None for no limit.

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
        clip: float | None = None,
    ):
        _checks.one_of("optimizer", optimizer, OPTIMIZERS)
        self.ssms = list(ssm_layers(model))
        if not self.ssms:
            _check_distinct(chosen)
        readouts = self._readouts(any(c.C_lr is not None for c in chosen))
        C_lr = [c.lr if c.C_lr is None else c.C_lr for c in chosen]
        parts = self._parts()

        def ssm_rates(p: nn.Parameter) -> list[float]:
            part = parts[id(p)]
            return [0.0 if part in c.frozen else min(c.lr, c.ssm_lr) for c in chosen]

        dense, ssm = (group["params"] for group in parameter_groups(model, 1.0))
        lr, decay = [c.lr for c in chosen], [c.weight_decay for c in chosen]
        self.flats = flats(
            [Rates(p, C_lr if id(p) in readouts else lr, decay) for p in dense]
            + [Rates(p, ssm_rates(p), [0.0] * len(chosen)) for p in ssm]
        )
        self.optimizer = OPTIMIZERS[optimizer](
            [flat.moved for flat in self.flats], lr=1.0, weight_decay=0.0
        )
        leave_projection_to(self.optimizer)
        self.clip = clip
        rising = warmup if isinstance(warmup, int) else round(warmup * total)
        rising = max(1, rising)

        def rate(step: int) -> float:
            if optimizer == "sgd":
                return 1.0
            if step < rising:
                return (step + 1) / rising
            falling = max(1, total - rising)
            return 0.5 * (1 + math.cos(math.pi * (step - rising) / falling))

        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, rate)

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
        """Set the gradients to 0, for backward passes to add to."""
        for flat in self.flats:
            flat.begin()

    def take(self, alive: Tensor) -> None:
        """Take a step of each model along its gradient.

        Args:
            alive: (E,) bool; the other models do not change.
        """
        if self.clip is not None:
            self._clip(self.clip)
        self.optimizer.step()
        for flat in self.flats:
            flat.take(alive, self.optimizer.param_groups[0]["lr"])
        self.schedule.step()
        for ssm in self.ssms:
            ssm.project_()

    def _clip(self, most: float) -> None:
        """Scale the gradient of each model to a norm of at most `most`."""
        squares = [flat.squares() for flat in self.flats]
        norms = torch.stack(squares).sum(0).sqrt()
        factors = (most / (norms + EPSILON)).clamp(max=1.0)
        for flat in self.flats:
            flat.scale(factors)

    def end(self) -> None:
        """Give each parameter memory of its own again; no step may follow."""
        for flat in self.flats:
            flat.end()


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

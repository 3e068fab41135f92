"""Train a published configuration as its authors did.

The optimizer's groups, the schedule, the batch size and the architecture are those of
the row. The best epoch on the validation part is tested, as the authors report it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ssmlib import _checks
from ssmlib.layers import S4, S4D, ssm_layers
from ssmlib.models import Model
from ssmlib.published.row import Published
from ssmlib.tasks.split import Split
from ssmlib.training.arguments import order

#: the layer and the initialization of each model of the published tables
MODELS = {
    "S4-LegS": (S4, "legs"),
    "S4D-LegS": (S4D, "legs"),
    "S4D-Inv": (S4D, "inv"),
    "S4D-Lin": (S4D, "lin"),
}


def groups(row: Published, model: nn.Module) -> list[dict[str, Any]]:
    """Return the optimizer's groups: A and B, dt, and the other parameters.

    Args:
        row: the configuration.
        model: the model that it makes.

    Returns:
        Three groups for `torch.optim.AdamW`; A, B and dt have no weight decay.
    """
    rates = {"A": row.ssm_lr, "B": row.ssm_lr}
    rates["dt"] = row.lr if row.dt_lr is None else row.dt_lr
    own: dict[int, str] = {}
    for layer in ssm_layers(model):
        for name, part in layer.ssm_names().items():
            own |= {id(p): part for p in layer.parameters_of(name)}
    found: dict[str, list[nn.Parameter]] = {"": [], "A": [], "B": [], "dt": []}
    for p in model.parameters():
        if p.requires_grad:
            found[own.get(id(p), "")].append(p)
    dense = {"params": found[""], "lr": row.lr, "weight_decay": row.weight_decay}
    return [dense] + [
        {"params": found[part], "lr": rates[part], "weight_decay": 0.0}
        for part in ("A", "B", "dt")
        if found[part]
    ]


def factor(row: Published, step: int, per_epoch: int) -> float:
    """Return the factor of all learning rates at a step.

    The rates rise over the warm-up and fall as a half cosine, or are halved every few
    epochs. Where the authors give no number of steps, the cosine ends with the last
    epoch.

    Args:
        row: the configuration.
        step: number of the step, from 0.
        per_epoch: steps per epoch.
    """
    if row.halved_every:
        return 0.5 ** (step // per_epoch // row.halved_every)
    warmup = row.warmup or 0
    if step < warmup:
        return step / warmup
    total = row.steps or row.epochs * per_epoch
    share = min(1.0, (step - warmup) / max(1, total - warmup))
    return 0.5 * (1 + math.cos(math.pi * share))


@dataclass
class Progress:
    """The progress of a training.

    Attributes:
        epoch: number of finished epochs.
        step: number of finished steps of the current epoch.
        total: sum of the losses of these steps.
        history: per epoch its training loss, validation loss and validation metric.
        best: the parameters of the best epoch; None before the first one.
    """

    epoch: int = 0
    step: int = 0
    total: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)
    best: dict[str, Tensor] | None = None


class Training:
    """A published configuration in training.

    Args:
        row: the configuration.
        split: its data.
        model: a name of `MODELS`.
        seed: of the parameters, the batches and the dropout.
        device: "cpu", "cuda" or another device of PyTorch.

    Raises:
        ValueError: for another model, a device that is not there, or data that do not
            fit the configuration.
    """

    def __init__(
        self,
        row: Published,
        split: Split,
        *,
        model: str = "S4D-LegS",
        seed: int = 0,
        device: str = "cpu",
    ):
        _checks.one_of("model", model, MODELS)
        check_data(row, split)
        if torch.device(device).type == "cuda" and not torch.cuda.is_available():
            raise ValueError(
                f"device must be available, got {device!r}: PyTorch finds no CUDA "
                "device; use device='cpu'"
            )
        layer, init = MODELS[model]
        self.row, self.split, self.seed, self.device = row, split, seed, device
        self.model = row.model(layer, init=init, seed=seed).to(device)
        self.batch_size = min(row.batch_size, len(split.x_train))
        self.per_epoch = len(split.x_train) // self.batch_size
        self.optimizer = torch.optim.AdamW(groups(row, self.model))
        self.schedule = torch.optim.lr_scheduler.LambdaLR(
            self.optimizer, lambda step: factor(row, step, self.per_epoch)
        )
        self.progress = Progress()
        self._order: tuple[int, np.ndarray] | None = None

    @property
    def metric(self) -> str:
        """Return the name of the metric: "accuracy", or "rmse" for numbers."""
        return "rmse" if self.split.y_train.is_floating_point() else "accuracy"

    def step(self) -> float:
        """Take one step and return its loss; the last one of an epoch evaluates."""
        at = self.progress
        if self._order is None or self._order[0] != at.epoch:
            drawn = order(self.seed, at.epoch, len(self.split.x_train))
            self._order = at.epoch, drawn
        own = self._order[1][at.step * self.batch_size :][: self.batch_size]
        rows = torch.from_numpy(own)
        self.model.train()
        out = self._outputs("train", rows, self._masks())
        loss = _loss(out, self.split.y_train[rows].to(self.device))
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.schedule.step()
        value = float(loss.detach())
        if not math.isfinite(value):
            raise RuntimeError(
                f"the loss is {value} in step {at.step + 1} of epoch {at.epoch + 1}: "
                "the training diverged"
            )
        at.step, at.total = at.step + 1, at.total + value
        if at.step == self.per_epoch:
            self._finish_epoch()
        return value

    def _finish_epoch(self) -> None:
        at = self.progress
        loss, metric = self.evaluate("valid")
        found = {"train_loss": at.total / at.step, "valid_loss": loss}
        found[f"valid_{self.metric}"] = metric
        sign = 1 if self.metric == "accuracy" else -1
        earlier = [sign * own[f"valid_{self.metric}"] for own in at.history]
        if sign * metric > max(earlier, default=-math.inf):
            state = self.model.state_dict()
            at.best = {n: v.detach().cpu().clone() for n, v in state.items()}
        at.history.append(found)
        at.epoch, at.step, at.total = at.epoch + 1, 0, 0.0

    def _outputs(
        self, name: str, rows: Tensor, masks: list[Tensor] | None = None
    ) -> Tensor:
        """Return the outputs for some sequences of a part.

        Their padding is cut after the longest of them. The rest of it counts as steps,
        as in the authors' code.
        """
        x = getattr(self.split, f"x_{name}")[rows]
        lengths = getattr(self.split, f"lengths_{name}")
        if lengths is not None:
            x = x[..., : int(lengths[rows].max())]
        x = x.to(self.device)
        if x.is_floating_point() and x.ndim == 2:
            x = x[:, None]
        return self.model(x, masks) if masks else self.model(x)

    def _masks(self) -> list[Tensor] | None:
        """Return the dropout masks of the next step, which depend on nothing else."""
        p, at = self.row.dropout, self.progress
        if not p or not isinstance(self.model, Model):
            return None
        rng = np.random.default_rng([self.seed, at.epoch, at.step, 2])
        L = self.split.x_train.shape[-1]
        found = []
        for shape in self.model.mask_shapes(self.batch_size, L):
            used = torch.from_numpy(rng.random(shape, dtype=np.float32) >= p)
            found.append(used.to(self.device) / (1 - p))
        return found

    def evaluate(self, name: str) -> tuple[float, float]:
        """Return the mean loss and the metric on a part of the data.

        Args:
            name: "valid" or "test".
        """
        y = getattr(self.split, f"y_{name}")
        total = right = 0.0
        self.model.eval()
        with torch.inference_mode():
            for rows in torch.arange(len(y)).split(self.batch_size):
                out, target = self._outputs(name, rows), y[rows].to(self.device)
                total += float(_loss(out, target)) * len(target)
                if self.metric == "accuracy":
                    right += float((out.argmax(1) == target).sum())
        loss = total / len(y)
        return loss, right / len(y) if self.metric == "accuracy" else math.sqrt(loss)

    def test(self) -> tuple[float, float]:
        """Return the loss and the metric on the test part, of the best epoch.

        The model has the parameters of that epoch afterwards.

        Raises:
            ValueError: before the first epoch is finished.
        """
        if self.progress.best is None:
            raise ValueError("no epoch is finished: train before the test")
        self.model.load_state_dict(self.progress.best)
        return self.evaluate("test")


def check_data(row: Published, split: Split) -> None:
    """Raise ValueError for data that a configuration cannot read.

    Args:
        row: the configuration.
        split: the data.
    """
    x, y = split.x_train, split.y_train
    tokens = x.dtype == torch.int64
    channels = 1 if x.ndim == 2 else x.shape[1]
    if tokens != row.tokens or (not tokens and channels != row.channels):
        wanted = f"{row.channels} tokens" if row.tokens else f"{row.channels} channels"
        raise ValueError(
            f"data must have {wanted}, got {x.dtype} of shape {tuple(x.shape)}"
        )
    if tokens and int(max(part.max() for _, part, _ in split.parts())) >= row.channels:
        raise ValueError(f"data must have at most {row.channels} tokens, got more")
    if row.pair != (tokens and x.ndim == 3):
        raise ValueError(
            f"data must have shape {'(n, 2, L)' if row.pair else '(n, L)'}, got "
            f"{tuple(x.shape)}"
        )
    if y.is_floating_point() != (row.outputs == 1):
        raise ValueError(
            f"targets must be {'numbers' if row.outputs == 1 else 'classes'}, got "
            f"{y.dtype}"
        )


def _loss(out: Tensor, y: Tensor) -> Tensor:
    """Mean square, or cross-entropy of classes."""
    if y.is_floating_point():
        return (out.squeeze(-1) - y.view(len(y))).square().mean()
    return nn.functional.cross_entropy(out, y)

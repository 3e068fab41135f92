"""fit(): trains a whole grid of configurations and seeds at once.

The grid is one ensemble: a step costs little more than that of one model, until
the arithmetic itself fills the machine.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from tqdm import tqdm

from ssmlib import _checks
from ssmlib.layers import S4D, SSM, parameter_groups, ssm_layers
from ssmlib.models import Ensemble, Model
from ssmlib.tasks.split import Split, prepared
from ssmlib.training.checkpoint import digest, load, save
from ssmlib.training.grid import configurations


@dataclass(frozen=True)
class Fit:
    """table: one row a configuration and seed; curves: one a row of it and epoch.

    table holds the configuration, the seed, `status` ("finished" or "diverged"),
    `epochs` survived, the last epoch's figures, and test_loss and, for classes,
    test_accuracy, which are computed once, at the end; curves hold `run` (the row of
    the table), `epoch` and train_loss, valid_loss and, for classes, valid_accuracy.
    seconds: wall time of the epochs this call ran.
    """

    table: pd.DataFrame
    curves: pd.DataFrame
    model: Ensemble
    seconds: float


def _losses(out: Tensor, y: Tensor) -> Tensor:
    """Mean loss of each model: out (E, B, ...), y (G, B, ...) -> (E,)."""
    y = y.repeat_interleave(out.shape[0] // y.shape[0], 0)
    if y.is_floating_point():
        return (out - y).square().flatten(1).mean(1)
    losses = nn.functional.cross_entropy(
        out.flatten(0, 1), y.flatten(), reduction="none"
    )
    return losses.unflatten(0, y.shape).mean(1)


class _Steps:
    """One optimizer for all, a rate for each, and none for those that diverged.

    The step is scaled to each model's rate before real parts are put back to <= 0:
    the other way round, a model would depend on its neighbours' rates.
    """

    def __init__(self, model, chosen, weight_decay, total, warmup):
        top = max(c.lr for c in chosen)
        top_ssm = max(min(c.lr, c.ssm_lr) for c in chosen)
        self.ssms = list(ssm_layers(model))
        groups = parameter_groups(model, top, weight_decay, top_ssm)
        self.adamw = torch.optim.AdamW(groups)
        rising = max(1, round(warmup * total))

        def rate(step: int) -> float:
            if step < rising:
                return (step + 1) / rising
            falling = max(1, total - rising)
            return 0.5 * (1 + math.cos(math.pi * (step - rising) / falling))

        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.adamw, rate)
        rates = (
            [c.lr / top if top else 0.0 for c in chosen],
            [min(c.lr, c.ssm_lr) / top_ssm if top_ssm else 0.0 for c in chosen],
        )
        self.shares = []  # (parameter, its models' shares of the group's rate)
        for group, share in zip(self.adamw.param_groups, rates, strict=True):
            for p in group["params"]:
                each = torch.tensor(share, device=p.device)
                self.shares.append((p, each))

    def take(self, losses: Tensor, alive: Tensor) -> None:
        self.adamw.zero_grad(set_to_none=True)
        losses.sum().backward()
        before = [p.detach().clone() for p, _ in self.shares]
        self.adamw.step()
        self.schedule.step()
        with torch.no_grad():
            for (p, share), old in zip(self.shares, before, strict=True):
                each = torch.where(alive, share, 0.0).view(-1, *[1] * (p.ndim - 1))
                p.copy_(torch.where(each > 0, old + each * (p - old), old))
        for ssm in self.ssms:
            ssm.project_()


def _evaluate(model, x, y, batch_size: int) -> tuple[Tensor, Tensor]:
    """(mean loss, share of right classes), each (E,); NaN for the latter otherwise."""
    loss = torch.zeros(model.size, device=x.device)
    right = torch.zeros_like(loss)
    with torch.inference_mode():
        for part, target in zip(x.split(batch_size), y.split(batch_size), strict=True):
            out = model(part[None])
            loss += _losses(out, target[None]) * len(part)
            if not y.is_floating_point():
                right += (out.argmax(-1) == target).sum(-1)
    right = right / len(x) if not y.is_floating_point() else right * math.nan
    return loss / len(x), right


def fit(
    data: Split,
    grid: Mapping | Sequence[Mapping],
    *,
    seeds: Sequence[int] = (0,),
    epochs: int = 10,
    batch_size: int = 256,
    warmup: float = 0.1,
    weight_decay: float = 0.0,
    layer: Callable[..., SSM] = S4D,
    pooling: str = "last",
    d_model: int = 16,
    d_state: int = 32,
    n_layers: int = 1,
    linear: bool = False,
    norm: bool = False,
    checkpoint: str | Path | None = None,
    device: str = "cpu",
) -> Fit:
    """Train every configuration of `grid` with every seed, all at once.

    data: a `tasks` split. Integer targets are classes (cross-entropy), floating
    point ones are regressed (mean square). grid: a list of configurations, or a
    mapping of lists to be multiplied out, as `configurations` reads it. A seed draws
    a model's parameters and the order of its batches; what is left of an epoch after
    whole batches is dropped. layer, pooling, d_model, d_state, n_layers, linear and
    norm as `models.Model`.

    AdamW, by the layers' hints: A, B and dt at ssm_lr and without decay. The rates
    rise over the first `warmup` of all steps and fall as a half cosine. A model
    whose loss stops being finite is left as it is and recorded as diverged; the
    others go on. checkpoint: a file written after every epoch; a call that finds
    it goes on from there and ends with the same bits. A progress bar is shown on a
    terminal. Memory is linear in configurations times seeds.

    Raises ValueError or TypeError for bad data or options, ValueError for a
    checkpoint of another configuration, or where no loss is finite at the first step.
    """
    chosen = configurations(grid)
    if not isinstance(seeds, Sequence):
        raise TypeError(f"seeds must be a sequence of ints, got {seeds!r}")
    seeds = [_checks.integer("seeds", seed, least=0) for seed in seeds]
    if not seeds or len(set(seeds)) < len(seeds):
        raise ValueError(f"seeds must be at least one, and distinct, got {seeds}")
    _checks.integer("epochs", epochs)
    _checks.integer("batch_size", batch_size)
    if not 0 <= warmup < 1:
        raise ValueError(f"warmup must be in [0, 1), got {warmup}")
    data, outputs = prepared(data, sequence=pooling == "none")
    shape = {"d_model": d_model, "d_state": d_state, "n_layers": n_layers}
    shape |= {"pooling": pooling, "linear": linear, "norm": norm}
    setting = {}
    if checkpoint is not None:
        if not Path(checkpoint).absolute().parent.is_dir():
            raise ValueError(f"checkpoint must be in a folder, got {checkpoint}")
        setting = {
            "configurations": repr(chosen),
            "seeds": repr(seeds),
            "options": repr((epochs, batch_size, warmup, weight_decay, shape)),
            "layer": getattr(layer, "__qualname__", repr(layer)),
            "data": digest(data),
        }
    x, y = data.x_train.to(device), data.y_train.to(device)
    x_valid, y_valid = data.x_valid.to(device), data.y_valid.to(device)
    members = [(c, seed) for seed in seeds for c in chosen]
    model = Ensemble(
        [
            Model(
                x.shape[1],
                outputs,
                layer=layer,
                init=c.init,
                later_dt=c.later_dt,
                seed=seed,
                **shape,
            )
            for c, seed in members
        ]
    ).to(device)
    batch_size = min(batch_size, len(x))
    per_epoch = len(x) // batch_size
    steps = _Steps(
        model, [c for c, _ in members], weight_decay, epochs * per_epoch, warmup
    )
    alive = torch.ones(model.size, dtype=torch.bool, device=device)
    survived = torch.zeros(model.size, dtype=torch.int64, device=device)
    history: list[Tensor] = []
    parts = {"model": model, "optimizer": steps.adamw, "schedule": steps.schedule}
    if checkpoint is not None and Path(checkpoint).exists():
        alive, survived, history = load(checkpoint, setting, parts, device)

    started = time.perf_counter()
    # disable=None: shown on a terminal only
    bar = tqdm(range(len(history), epochs), "fit", disable=None, unit="epoch")
    for epoch in bar:
        if not bool(alive.any()):
            break
        orders = np.stack(
            [
                np.random.default_rng([seed, epoch, 1]).permutation(len(x))
                for seed in seeds
            ]
        )
        orders = torch.from_numpy(orders).to(device)  # (G, n)
        total = torch.zeros(model.size, device=device)
        for step in range(per_epoch):
            batch = orders[:, step * batch_size : (step + 1) * batch_size]
            losses = _losses(model(x[batch]), y[batch])
            alive = alive & losses.isfinite()
            if epoch == step == 0 and not bool(alive.any()):
                raise ValueError(
                    "no configuration of grid has a finite loss at the first step: "
                    "check the scale of data, dt and imag_scale"
                )
            steps.take(losses, alive)
            total += losses.detach()
        loss, right = _evaluate(model, x_valid, y_valid, batch_size)
        survived += alive
        history.append(torch.stack([total / per_epoch, loss, right]).cpu())
        if checkpoint is not None:
            save(checkpoint, setting, parts, (alive, survived, history))
    bar.close()
    curves = _curves(history, classes=not y.is_floating_point())
    table = pd.DataFrame([c.row() | {"seed": seed} for c, seed in members])
    table["status"] = np.where(alive.cpu(), "finished", "diverged")
    table["epochs"] = survived.cpu().numpy()
    last = curves[curves.epoch == len(history)].set_index("run").drop(columns="epoch")
    table = table.join(last)
    tested = _evaluate(
        model, data.x_test.to(device), data.y_test.to(device), batch_size
    )
    table["test_loss"] = tested[0].cpu().numpy()
    if not y.is_floating_point():
        table["test_accuracy"] = tested[1].cpu().numpy()
    return Fit(table, curves, model, time.perf_counter() - started)


def _curves(history: list[Tensor], classes: bool) -> pd.DataFrame:
    E = history[0].shape[1]
    names = ("train_loss", "valid_loss", "valid_accuracy")[: 3 if classes else 2]
    values = torch.stack(history)  # (epochs, 3, E)
    index = pd.MultiIndex.from_product(
        [range(1, len(history) + 1), range(E)], names=["epoch", "run"]
    )
    columns = {name: values[:, k].flatten().numpy() for k, name in enumerate(names)}
    return pd.DataFrame(columns, index=index).reset_index()

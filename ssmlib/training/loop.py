"""fit(): trains a whole grid of configurations and seeds at once.

The grid is one ensemble: a step costs little more than that of one model, until
the arithmetic itself fills the machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ssmlib import _checks
from ssmlib._imports import optional
from ssmlib.layers import S4D, SSM
from ssmlib.models import POOLING, Ensemble, Model
from ssmlib.tasks.split import Split, stacked
from ssmlib.training.arguments import (
    check_batches,
    check_ids,
    check_shape,
    distinct,
    order,
    usable,
)
from ssmlib.training.checkpoint import Setting, load, locked, save, setting
from ssmlib.training.dropout import Dropout
from ssmlib.training.grid import configurations, share
from ssmlib.training.isolation import isolated
from ssmlib.training.losses import evaluate, means
from ssmlib.training.steps import OPTIMIZERS, Steps

if TYPE_CHECKING:
    import pandas as pd
    import tqdm
else:
    pd = optional("pandas", "train")
    tqdm = optional("tqdm", "train")


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


@isolated()
def fit(
    data: Split | Sequence[Split],
    grid: Mapping | Sequence[Mapping],
    *,
    seeds: Sequence[int] = (0,),
    epochs: int = 10,
    batch_size: int = 256,
    optimizer: str = "adamw",
    warmup: float = 0.1,
    layer: str | Callable[..., SSM] = S4D,
    pooling: str = "last",
    checkpoint: str | Path | None = None,
    device: str = "cpu",
    **shape,
) -> Fit:
    """Train every configuration of `grid` with every seed, all at once.

    data: a `tasks` split, or one for each seed; integer inputs are tokens, of which an
    embedding is trained, and lengths say what counts of each sequence. Integer targets
    are classes (cross-entropy), floating point ones are regressed (mean square); with
    pooling "none" there is a target a step. grid: a list of configurations, or a
    mapping of lists to be multiplied out, as `configurations` reads it. A seed draws a
    model's parameters and the order of its batches; what is left of an epoch after
    whole batches is dropped. layer, pooling and shape (d_model, d_state, n_layers,
    linear, mix, norm, prenorm, bias, tied_dropout) as `models.Model`: options of the
    whole fit, while what may differ within it is in the grid.

    By the layers' hints A, B and dt train at ssm_lr and without decay. optimizer:
    "adamw", whose rates rise over the first `warmup` of all steps and fall as a half
    cosine; or "sgd", plain gradient descent at constant rates. A model
    whose loss stops being finite is left as it is and recorded as diverged; the
    others go on. checkpoint: a file written after every epoch; a call that finds
    it goes on from there and ends with the same bits. It cannot see what a layer takes
    from outside its code and attributes, as from `os.environ`, a file, or `globals()`
    by a computed name. A progress bar is shown on a
    terminal. Memory is linear in configurations times seeds. PyTorch's global state
    (default dtype and device, autocast, recording of gradients, precision of float32
    products) changes nothing; `torch.set_num_threads` changes rounding.

    Raises ValueError or TypeError for bad data or options, ValueError for a
    checkpoint that is damaged, in use, or of another fit (another grid, seed, data set,
    option, layer, version, device or number of threads; the error names them), or where
    no loss is finite at the first step.
    """
    _ = pd.DataFrame, tqdm.tqdm  # raises here, not after the training
    chosen = configurations(grid)
    seeds = distinct(seeds)
    _checks.integer("epochs", epochs)
    _checks.integer("batch_size", batch_size)
    _checks.one_of("optimizer", optimizer, OPTIMIZERS)
    _checks.one_of("pooling", pooling, POOLING)
    warmup = share("warmup", warmup)
    check_shape(shape)
    device = usable(device)
    data, outputs = stacked(data, len(seeds), sequence=pooling == "none")
    n = data.x_train.shape[1]
    batch_size = min(batch_size, n)
    check_batches(data.y_train, seeds, epochs, batch_size)
    shape = {"pooling": pooling, **shape}
    channels = data.x_train.shape[2]
    if data.x_train.dtype == torch.int64:
        shape["tokens"] = True
        channels = 1 + max(int(part.max()) for _, part, _ in data.parts())
    members = [(c, seed) for seed in seeds for c in chosen]
    d_model = _checks.integer("d_model", shape.get("d_model", 16))
    rows = len(members) * d_model
    if shape.get("tokens"):
        seen = sum(x.numel() for _, x, _ in data.parts())
        check_ids("tokens of x", channels, seen, channels * rows)
    if not data.y_train.is_floating_point():
        seen = sum(y.numel() for _, _, y in data.parts())
        decoded = len(members) * batch_size * (data.y_train[0, 0].numel())
        check_ids("classes of y", outputs, seen, outputs * (rows + decoded))
    model = Ensemble(
        [
            Model(
                channels,
                outputs,
                layer=layer,
                init=c.init,
                later_dt=c.later_dt,
                frozen=c.frozen,
                seed=seed,
                **shape,
            )
            for c, seed in members
        ]
    )
    same = None
    if checkpoint is not None:
        options = {"configurations": chosen, "seeds": seeds, "epochs": epochs}
        options |= {"batch_size": batch_size, "warmup": warmup, "optimizer": optimizer}
        same = setting(model, data, device, options)
    model = model.to(device)
    data = replace(data, **{n: part.to(device) for n, part in data.tensors().items()})
    y = data.y_train
    own_configurations = [c for c, _ in members]
    total_steps = epochs * (n // batch_size)
    steps = Steps(model, own_configurations, total_steps, warmup, optimizer)
    dropout = Dropout(model, own_configurations, seeds)
    started = time.perf_counter()
    with locked(checkpoint) as file:
        saved = None if file is None else (file, same)
        alive, survived, history = _epochs(
            data, model, steps, dropout, seeds, epochs, batch_size, saved
        )
    curves = _curves(history, classes=not y.is_floating_point())
    table = pd.DataFrame([c.row() | {"seed": seed} for c, seed in members])
    table["status"] = np.where(alive.cpu(), "finished", "diverged")
    table["epochs"] = survived.cpu().numpy()
    last = curves[curves.epoch == len(history)].set_index("run").drop(columns="epoch")
    table = table.join(last)
    tested = evaluate(model, data.x_test, data.y_test, batch_size, data.lengths_test)
    table["test_loss"] = tested[0].cpu().numpy()
    if not y.is_floating_point():
        table["test_accuracy"] = tested[1].cpu().numpy()
    return Fit(table, curves, model, time.perf_counter() - started)


def _epochs(
    data: Split,
    model: Ensemble,
    steps: Steps,
    dropout: Dropout,
    seeds: Sequence[int],
    epochs: int,
    batch_size: int,
    saved: tuple[Path, Setting] | None,
) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Train, from the checkpoint where there is one: (alive, survived, history)."""
    x, y, lengths = data.x_train, data.y_train, data.lengths_train
    n, device = x.shape[1], x.device
    per_epoch = n // batch_size
    own = torch.arange(len(x), device=device)[:, None]  # a seed's split, or the one
    alive = torch.ones(model.size, dtype=torch.bool, device=device)
    survived = torch.zeros(model.size, dtype=torch.int64, device=device)
    history: list[Tensor] = []
    parts = {"model": model, "optimizer": steps.optimizer, "schedule": steps.schedule}
    if saved is not None and saved[0].exists():
        alive, survived, history = load(*saved, parts, device)
    # disable=None: shown on a terminal only
    bar = tqdm.tqdm(range(len(history), epochs), "fit", disable=None, unit="epoch")
    for epoch in bar:
        if not bool(alive.any()):
            break
        orders = torch.from_numpy(np.stack([order(s, epoch, n) for s in seeds]))
        orders = orders.to(device)  # (G, n)
        dropout.start(epoch)
        model.train()
        total = torch.zeros(model.size, device=device)
        for step in range(per_epoch):
            batch = orders[:, step * batch_size : (step + 1) * batch_size]
            masks = dropout.masks(batch_size, x.shape[-1])
            long = None if lengths is None else lengths[own, batch]
            losses = means(model(x[own, batch], masks, long), y[own, batch])
            alive = alive & losses.isfinite()
            if epoch == step == 0 and not bool(alive.any()):
                raise ValueError(
                    "no configuration of grid has a finite loss at the first step: "
                    "check the scale of data, dt and imag_scale"
                )
            steps.take(losses, alive)
            total += losses.detach()
        loss, right = evaluate(
            model, data.x_valid, data.y_valid, batch_size, data.lengths_valid
        )
        survived += alive
        history.append(torch.stack([total / per_epoch, loss, right]).cpu())
        if saved is not None:
            save(*saved, parts, (alive, survived, history))
    bar.close()
    return alive, survived, history


def _curves(history: list[Tensor], classes: bool) -> pd.DataFrame:
    E = history[0].shape[1]
    names = ("train_loss", "valid_loss", "valid_accuracy")[: 3 if classes else 2]
    values = torch.stack(history)  # (epochs, 3, E)
    index = pd.MultiIndex.from_product(
        [range(1, len(history) + 1), range(E)], names=["epoch", "run"]
    )
    columns = {name: values[:, k].flatten().numpy() for k, name in enumerate(names)}
    return pd.DataFrame(columns, index=index).reset_index()

"""Train a whole grid of configurations and seeds at once: `fit`.

The grid is one ensemble. A step of small models costs little more than a step of one
model. A step of large models, whose arithmetic uses the whole machine, costs as much as
a step of each.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import numpy as np
import torch
from torch import Tensor, nn

from ssmlib._imports import optional
from ssmlib._literals import OptimizerName, OtherLayerName, Pooling
from ssmlib.layers import S4D
from ssmlib.models import Ensemble
from ssmlib.models.options import Shape
from ssmlib.tasks.split import Split
from ssmlib.training.arguments import order
from ssmlib.training.batches import on
from ssmlib.training.checkpoint import (
    Setting,
    check_unchanged,
    load,
    save,
    unsaved,
)
from ssmlib.training.dropout import Dropout
from ssmlib.training.files import locked
from ssmlib.training.isolation import isolated
from ssmlib.training.losses import evaluate, means
from ssmlib.training.plan import Plan, plan
from ssmlib.training.result import Fit, Progress, curves_of, table_of
from ssmlib.training.slices import Slice
from ssmlib.training.start import progress as begun
from ssmlib.training.steps import Steps

if TYPE_CHECKING:
    import pandas as pd
    import tqdm
else:
    pd = optional("pandas", "train")
    tqdm = optional("tqdm", "train")


@isolated()
def fit(
    data: Split | Sequence[Split],
    grid: Mapping | Sequence[Mapping],
    *,
    seeds: Sequence[int] = (0,),
    epochs: int = 10,
    batch_size: int = 256,
    optimizer: OptimizerName = "adamw",
    warmup: float = 0.1,
    clip: float | None = None,
    layer: OtherLayerName | Callable[..., nn.Module] = S4D,
    pooling: Pooling = "last",
    checkpoint: str | Path | None = None,
    start: Fit | None = None,
    device: str = "cpu",
    **shape: Unpack[Shape],
) -> Fit:
    """Train every configuration of a grid with every seed, all at once.

    Integer inputs are tokens, for which an embedding is trained. Integer targets are
    classes (cross-entropy); floating-point targets are regressed (mean square). With
    pooling "none" there is one target per step. A seed draws the parameters of a model
    and the order of its batches. The rest of an epoch after its whole batches is left
    out.

    A, B and dt train at ssm_lr and without decay. A model whose loss is not finite any
    more is left as it is and reported as diverged; the others continue. Parameters and
    optimizer need memory in proportion to configurations times seeds. On a CPU, a few
    models at a time are computed if all would need much memory, so that other memory
    does not depend on their number. A progress bar is shown on a terminal.

    With glibc, tensors above 32 MiB are faster if, before Python starts, the
    environment variable ``MALLOC_MMAP_MAX_`` is set to 0 and
    ``MALLOC_TRIM_THRESHOLD_`` to 2147483647. `ssmbook.start` does the same in a
    notebook. Freed memory is then not returned to the system.

    PyTorch's global state (default dtype and device, autocast, recording of gradients,
    precision of float32 products) changes nothing, but `torch.set_num_threads` changes
    rounding.

    Args:
        data: a split of `tasks`, or one per seed. If it has lengths, steps after them
            do not count.
        grid: a list of configurations, or a mapping of lists to be multiplied out, as
            `configurations` reads it.
        seeds: distinct non-negative integers, at least one.
        epochs: number of epochs of this call, at least 1.
        batch_size: sequences per batch; all training sequences if there are fewer.
        optimizer: "adamw", or "sgd" for plain gradient descent at constant rates.
        warmup: steps in which the rates of "adamw" rise, as a share of all steps in [0,
            1), or as an int that is their number; after them the rates fall as a half
            cosine.
        clip: largest norm of the gradient of a model, over the parameters whose rate in
            that model is not 0; a longer gradient is scaled to it. None for no limit.
        layer: as `models.Model`.
        pooling: as `models.Model`: "last", "mean" or "none".
        checkpoint: a file that is written after every epoch. A call that finds it
            continues from it and ends with the same bits. Layers must therefore store
            all that changes in training in parameters and buffers of their state dict,
            and draw no numbers from global random states. The comparison of two fits
            does not cover values that a layer reads from outside its code and
            attributes, such as `os.environ`, a file, or `globals()` by a computed name.
        start: an earlier fit of the same grid, seeds and shape, from whose parameters
            the training begins, with a new schedule and new moments. The epochs are
            counted on from it, also for the order of batches, and its curves come
            first. Models that diverged are not trained again.
        device: "cpu", "cuda" or another device of PyTorch. On "cuda", data that take
            more than a quarter of the free memory are moved batch by batch.
        **shape: d_model, d_state, n_layers, linear, mix, norm, prenorm, bias and
            tied_dropout as `models.Model`, the same for all configurations.

    Raises:
        TypeError: for data or an option of another type, or an unknown option.
        ValueError: for bad data or options; for a checkpoint that is damaged, in use,
            or of another fit (another grid, seed, data set, option, layer, version,
            device or number of threads, which the error names); for a checkpoint with a
            layer that changes another attribute in training; for a start of another
            grid, seed or shape; for a layer that draws random numbers; or if no loss is
            finite at the first step.
    """
    _ = pd.DataFrame, tqdm.tqdm  # raises here, not after the training
    planned = plan(
        data,
        grid,
        seeds=seeds,
        epochs=epochs,
        batch_size=batch_size,
        optimizer=optimizer,
        warmup=warmup,
        clip=clip,
        layer=layer,
        pooling=pooling,
        start=start,
        device=device,
        shape=shape,
    )
    model = planned.model()
    same = None if checkpoint is None else planned.setting(model)
    model, planned = model.to(planned.device), planned.on_device()
    members = planned.recipe.members
    own = [c for c, _ in members]
    total = planned.epochs * planned.steps_per_epoch
    steps = Steps(model, own, total, planned.warmup, planned.optimizer, planned.clip)
    dropout = Dropout(model, own, planned.seeds)
    started = time.perf_counter()
    with locked(checkpoint) as file:
        saved = None if file is None or same is None else (file, same)
        progress = _train(planned, model, steps, dropout, saved)
    steps.end()
    curves = curves_of(progress.history, planned.classes)
    rows = [c.row() | {"seed": seed} for c, seed in members]
    table = table_of(rows, progress, curves, _evaluated(planned, model, "test"))
    seconds = time.perf_counter() - started
    return Fit(table, curves, model, seconds, planned.recipe.packed())


def _train(
    planned: Plan,
    model: Ensemble,
    steps: Steps,
    dropout: Dropout,
    saved: tuple[Path, Setting] | None,
) -> Progress:
    """Train all epochs, from the checkpoint where there is one."""
    device = planned.device
    progress = begun(planned.start, model.size, device)
    parts = {"model": model, "optimizer": steps.optimizer, "schedule": steps.schedule}
    if saved is not None and saved[0].exists():
        progress = Progress(*load(*saved, parts, device))
    before = {} if saved is None else unsaved(model)
    epochs = range(len(progress.history), planned.done + planned.epochs)
    # disable=None: shown on a terminal only
    bar = tqdm.tqdm(epochs, "fit", disable=None, unit="epoch")
    for epoch in bar:
        if not bool(progress.alive.any()):
            break
        loss = _epoch(epoch, planned, model, steps, dropout, progress)
        valid = _evaluated(planned, model, "valid")
        progress.survived += progress.alive
        progress.history.append(torch.stack([loss, *valid]).cpu())
        if saved is not None:
            check_unchanged(before, model)
            state = (progress.alive, progress.survived, progress.history)
            save(*saved, parts, state)
    bar.close()
    return progress


def _epoch(
    epoch: int,
    planned: Plan,
    model: Ensemble,
    steps: Steps,
    dropout: Dropout,
    progress: Progress,
) -> Tensor:
    """Train one epoch, note which models are alive, and return mean losses (E,)."""
    x, size = planned.data.x_train, planned.batch_size
    orders = np.stack([order(s, epoch, x.shape[1]) for s in planned.seeds])
    batches = torch.from_numpy(orders).to(x.device)  # (G, n)
    slices = planned.slices(model)
    dropout.start(epoch)
    model.train()
    total = torch.zeros(model.size, device=planned.device)
    for step in range(planned.steps_per_epoch):
        batch = batches[:, step * size : (step + 1) * size]
        steps.begin()
        each = [_losses(planned, model, part, batch, dropout) for part in slices]
        losses = torch.cat(each)
        progress.alive = progress.alive & losses.isfinite()
        if epoch == step == 0 and not bool(progress.alive.any()):
            raise ValueError(
                "no configuration of grid has a finite loss at the first step: "
                "check the scale of data, dt and imag_scale"
            )
        steps.take(progress.alive)
        total += losses
    return total / planned.steps_per_epoch


def _losses(
    planned: Plan, model: Ensemble, part: Slice, batch: Tensor, dropout: Dropout
) -> Tensor:
    """Add the gradients of a slice of the models, and return their losses.

    The memory of the slice is free again when the next one begins.
    """
    data, batch, device = planned.data, batch[part.seeds], planned.device
    x, y, lengths = data.x_train, data.y_train, data.lengths_train
    seeds = torch.arange(len(planned.seeds), device=x.device)[part.seeds]
    own = seeds[:, None] % len(x)  # a seed's split, or the one
    masks = dropout.masks(planned.batch_size, x.shape[-1], part)
    long = None if lengths is None else on(device, lengths[own, batch])
    out = model(on(device, x[own, batch]), masks, long, part.members)
    losses = means(out, on(device, y[own, batch]))
    losses.sum().backward()
    return losses.detach()


def _evaluated(planned: Plan, model: Ensemble, name: str) -> tuple[Tensor, Tensor]:
    """Return the losses and accuracies of the models in a part of the data."""
    tensors, slices = planned.data.tensors(), planned.slices(model)
    x, y = tensors[f"x_{name}"], tensors[f"y_{name}"]
    lengths = tensors.get(f"lengths_{name}")
    return evaluate(model, x, y, planned.batch_size, lengths, slices)

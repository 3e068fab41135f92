"""The arguments of a fit, checked before anything is trained."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Mapping, Sequence
from numbers import Integral

import numpy as np
import torch
from torch import Tensor

from ssmlib import _checks
from ssmlib.models import Model
from ssmlib.training.grid import KEYS, number
from ssmlib.training.losses import IGNORED

#: arguments of `Model` that a fit takes from its data, its grid or its own arguments
_TAKEN = {"self", "channels", "outputs", "tokens", "layer", "pooling", "init", "seed"}
_TAKEN |= {"later_dt", "frozen", "dropout", "layer_options", "dtype", "device"}
#: ids of classes or tokens that are allowed whatever the data, and for each value
FEW, GAPS = 2**20, 100


def distinct(seeds: Sequence[int]) -> list[int]:
    """Return the seeds as a list.

    Args:
        seeds: integers in 0 .. 2**64 - 1.

    Raises:
        TypeError: if seeds are not a sequence of integers.
        ValueError: for no seeds, equal seeds, or a seed out of range.
    """
    if not isinstance(seeds, Sequence) or isinstance(seeds, str | bytes):
        raise TypeError(f"seeds must be a sequence of ints, got {seeds!r}")
    seeds = [_checks.integer("seeds", seed, least=0) for seed in seeds]
    if not seeds or len(set(seeds)) < len(seeds):
        raise ValueError(f"seeds must be at least one, and distinct, got {seeds}")
    if max(seeds) >= 2**64:
        raise ValueError(f"seeds must be below 2**64, got {max(seeds)}")
    return seeds


def check_shape(shape: Mapping) -> None:
    """Check the names of the options of a whole fit.

    Args:
        shape: the options by name.

    Raises:
        TypeError: for an unknown name.
    """
    known = [n for n in inspect.signature(Model).parameters if n not in _TAKEN]
    for name in shape:
        if name in known:
            continue
        near = difflib.get_close_matches(name, known, 1)
        hint = f"did you mean {near[0]}?" if near else f"options are {', '.join(known)}"
        if name in KEYS:
            hint = f"{name} is a key of grid"
        raise TypeError(f"fit() got an unexpected keyword argument {name!r}: {hint}")


def usable(device: str | torch.device) -> torch.device:
    """Return the device.

    Args:
        device: a device or its name.

    Raises:
        ValueError: for a device that this PyTorch cannot train on.
    """
    try:
        found = torch.device(device)
    except (RuntimeError, TypeError):
        raise ValueError(
            "device must be one that this PyTorch has, as 'cpu', 'cuda' or 'cuda:0', "
            f"got {device!r}"
        ) from None
    try:
        torch.zeros(1, device=found)
    except (RuntimeError, AssertionError, TypeError, NotImplementedError) as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(
            f"device must be one that this PyTorch has, got {device!r} ({reason})"
        ) from None
    if found.type == "meta":
        raise ValueError("device must hold values, got 'meta'")
    return found


def warm(warmup: float, total: int) -> float:
    """Return the warmup: an int for a number of steps, a float for a share of them.

    Args:
        warmup: as `fit`; 0 means the same as 0.0.
        total: number of steps.

    Raises:
        TypeError: for something else than a number.
        ValueError: for a share outside [0, 1), or a number outside 0 .. total.
    """
    if isinstance(warmup, Integral) and not isinstance(warmup, bool):
        if not 0 <= warmup <= total:
            raise ValueError(
                f"warmup must be a number of steps in 0 .. {total}, the number of all "
                f"steps, or a share of them in [0, 1), got {warmup}"
            )
        return int(warmup)
    if not 0 <= number("warmup", warmup) < 1:
        raise ValueError(
            f"warmup must be in [0, 1), got {warmup}; an int is a number of steps"
        )
    return float(warmup)


def check_ids(what: str, ids: int, seen: int, numbers: int) -> None:
    """Check that few ids are unused, and that a model with a row per id fits.

    Args:
        what: the name of the ids, for the message.
        ids: the largest id plus 1.
        seen: number of values in the data.
        numbers: number of float64 values that a model has for them.

    Raises:
        ValueError: for ids of which most are missing, or too many for memory.
    """
    try:
        _checks.fits(what, ids - 1, numbers)
        fits = True
    except ValueError:
        fits = False
    if not fits or ids > max(FEW, GAPS * seen):
        raise ValueError(
            f"{what} must be numbered from 0 with few gaps, got {ids - 1} in data of "
            f"{seen} values: a model has a row for each number, and these take "
            f"{8 * numbers / 1e9:.3g} GB of memory; number them again"
        )


def order(seed: int, epoch: int, n: int) -> np.ndarray:
    """Return the order in which an epoch reads the training sequences.

    Args:
        seed: of the model.
        epoch: number of the epoch, from 0.
        n: number of sequences.

    Returns:
        (n,) int64.
    """
    return np.random.default_rng([seed, epoch, 1]).permutation(n)


def check_batches(y: Tensor, seeds: Sequence[int], epochs: range, size: int) -> None:
    """Check that every training batch has a target that is not ignored.

    A batch without one has no loss, and its model would count as diverged.

    Args:
        y: (G, n, ...), targets.
        seeds: one per model of a configuration.
        epochs: numbers of the epochs, from 0.
        size: sequences per batch.

    Raises:
        ValueError: if all targets of a batch are ignored.
    """
    if y.is_floating_point():
        return
    silent = (y == IGNORED).flatten(2).all(2) if y.ndim > 2 else y == IGNORED
    silent = silent.cpu().numpy().repeat(len(seeds) // len(y), 0)  # (seeds, n)
    n = silent.shape[1]
    for own, seed in zip(silent, seeds, strict=True):
        if own.sum() < size:
            continue
        for epoch in epochs:
            batches = own[order(seed, epoch, n)][: n // size * size].reshape(-1, size)
            if batches.all(1).any():
                raise ValueError(
                    f"y_train must hold targets in every batch, but all are {IGNORED} "
                    f"in one of epoch {epoch + 1} of seed {seed}: remove sequences "
                    "without targets, or raise batch_size"
                )

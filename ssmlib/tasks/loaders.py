"""The batches of loaders as tensors, for `Split.from_loaders`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from ssmlib import _checks

#: sequences per batch in which a data set is read
BATCH = 256
NAMES = ("x", "y", "lengths")
#: a class target that no loss counts
IGNORED = -100


def collected(loaders: Mapping[str, Iterable | Dataset]) -> dict[str, Tensor]:
    """Read each part once, in its order, and return its tensors on the CPU.

    Args:
        loaders: an iterable of batches, or a `Dataset`, by the name of the part.

    Returns:
        The tensors by name: "x_train" and so on, the arguments of `Split`. If there are
        lengths, sequences are padded to the longest one of all parts.

    Raises:
        TypeError: for a part that cannot be iterated, or a batch of another type.
        ValueError: for a part without batches, or for batches that differ in their
            number of tensors, in dtype or in shape.
    """
    parts = {name: _batches(name, loader) for name, loader in loaders.items()}
    longest = max(b[0].shape[-1] for batches in parts.values() for b in batches)
    found = {}
    for name, batches in parts.items():
        batches = [_padded(batch, longest) for batch in batches]
        for k, batch in enumerate(batches):
            _check_alike(f"batch {k} of {name}", batch, batches[0])
        for what, *tensors in zip(NAMES, *batches, strict=False):
            found[f"{what}_{name}"] = torch.cat(tensors)
    return found


def _batches(name: str, loader: Iterable | Dataset) -> list[list[Tensor]]:
    """Return the batches of a part, checked one by one and copied."""
    if isinstance(loader, Dataset):
        # A generator of its own, so that no global random number is drawn.
        loader = DataLoader(loader, BATCH, generator=torch.Generator())
    try:
        batches = iter(loader)
    except TypeError:
        raise TypeError(
            f"{name} must be a loader, an iterable of batches or a Dataset, got "
            f"{type(loader).__name__}"
        ) from None
    found = [_batch(f"batch {k} of {name}", b) for k, b in enumerate(batches)]
    if not found:
        raise ValueError(
            f"{name} must have at least one batch, got none: an iterator can be read "
            "once only"
        )
    return found


def _batch(name: str, batch) -> list[Tensor]:
    """Return a copy of one batch, since a loader may use its memory again."""
    of_tensors = isinstance(batch, tuple | list) and all(
        isinstance(part, Tensor) for part in batch
    )
    if not of_tensors:
        got = type(batch).__name__
        if isinstance(batch, tuple | list):
            got += f" of {', '.join(type(part).__name__ for part in batch)}"
        raise TypeError(
            f"{name} must be (x, y) or (x, y, lengths), tensors with one entry per "
            f"sequence, got {got}"
        )
    if len(batch) not in (2, 3):
        raise ValueError(
            f"{name} must be (x, y) or (x, y, lengths), got {len(batch)} tensors"
        )
    shapes = [tuple(part.shape) for part in batch]
    if len(shapes[0]) < 2 or any(shape[:1] != shapes[0][:1] for shape in shapes):
        raise ValueError(
            f"{name} must have one entry per sequence in each tensor, x with the steps "
            f"on its last axis, got shapes {', '.join(map(str, shapes))}"
        )
    if len(batch) == 3:
        _checks.within(f"lengths of {name}", batch[2].cpu(), 1, shapes[0][-1])
    with torch.inference_mode(False):
        return [part.detach().cpu().clone() for part in batch]


def _padded(batch: list[Tensor], longest: int) -> list[Tensor]:
    """Pad sequences with lengths: x with 0, and classes per step with `IGNORED`."""
    if len(batch) == 2:
        return batch
    x, y, lengths = batch
    more = (0, longest - x.shape[-1])
    if y.dtype == torch.int64 and y.shape == (len(x), x.shape[-1]):
        y = nn.functional.pad(y, more, value=IGNORED)
    return [nn.functional.pad(x, more), y, lengths]


def _check_alike(name: str, batch: list[Tensor], first: list[Tensor]) -> None:
    """Raise ValueError for a batch that cannot follow the first one."""
    if len(batch) != len(first):
        raise ValueError(
            f"{name} must have {len(first)} tensors as the first one, got {len(batch)}"
        )
    for what, part, one in zip(NAMES, batch, first, strict=False):
        if part.dtype != one.dtype or part.shape[1:] != one.shape[1:]:
            raise ValueError(
                f"{what} of {name} must be {one.dtype} (n, ...) with "
                f"{tuple(one.shape[1:])} as in the first batch, got {part.dtype} with "
                f"{tuple(part.shape[1:])}; sequences of different lengths need lengths"
            )

"""The data that every task returns: training, validation and test part."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ssmlib import _checks
from ssmlib.tasks.loaders import collected

PARTS = ("train", "valid", "test")


@dataclass(frozen=True)
class Split:
    """A data set in three parts: training, validation and test.

    The validation part chooses between models. The test part is read once, at the end.

    Args:
        x_train: (n, L) or (n, channels, L), floating point; or int64 (n, L) for tokens,
            0 for padding.
        y_train: int64 for classes, (n,), or (n, L) for one class per step, -100 for
            none; otherwise floating point, (n,), (n, d) or (n, d, L).
        x_valid: as x_train, the validation part.
        y_valid: as y_train.
        x_test: as x_train, the test part.
        y_test: as y_train.
        lengths_train: int64 (n,) in 1 .. L, the number of steps of each sequence that
            count; None if all count.
        lengths_valid: as lengths_train.
        lengths_test: as lengths_train.
    """

    x_train: Tensor
    y_train: Tensor
    x_valid: Tensor
    y_valid: Tensor
    x_test: Tensor
    y_test: Tensor
    lengths_train: Tensor | None = None
    lengths_valid: Tensor | None = None
    lengths_test: Tensor | None = None

    @classmethod
    def from_loaders(
        cls,
        train: Iterable | Dataset,
        valid: Iterable | Dataset,
        test: Iterable | Dataset,
    ) -> Split:
        """Read three loaders once each, in their order, and return their data.

        A batch is (x, y) or (x, y, lengths), with the shapes and dtypes of the parts of
        a split. With lengths, shorter sequences are padded: x with 0, and classes per
        step with -100. A loader that shuffles, augments, or drops its last batch does
        so this once. The data are copied to the memory of the CPU.

        Args:
            train: a `DataLoader` or another iterable of batches, or a `Dataset` of
                single sequences.
            valid: as train.
            test: as train.

        Raises:
            TypeError: for a part that cannot be iterated, or a batch of another type.
            ValueError: for a part without batches, lengths outside 1 .. L, or batches
                that differ in their number of tensors, in dtype or in shape.
        """
        return cls(**collected({"train": train, "valid": valid, "test": test}))

    def tensors(self) -> dict[str, Tensor]:
        """Return the tensors by name: "x_train" and so on."""
        return {name: value for name, value in vars(self).items() if value is not None}

    def parts(self) -> Iterator[tuple[str, Tensor, Tensor]]:
        """Yield ("train", x, y), then "valid" and "test"."""
        for name in PARTS:
            yield name, getattr(self, f"x_{name}"), getattr(self, f"y_{name}")

    def map_x(self, change: Callable[[Tensor], Tensor]) -> Split:
        """Return the same split with a function applied to every x.

        Args:
            change: takes the x of a part and returns the new one.
        """
        return replace(self, **{f"x_{name}": change(x) for name, x, _ in self.parts()})

    def unit_power(self) -> Split:
        """Scale every x so that the training part has mean square 1.

        Only the steps that `lengths_train` counts are used.

        Raises:
            ValueError: for tokens, or a training part without power.
        """
        if not self.x_train.is_floating_point():
            raise ValueError(f"x must be floating point, got {self.x_train.dtype}")
        x, share = self.counted("train"), 1.0
        if self.lengths_train is not None:
            share = float(self.lengths_train.double().mean()) / x.shape[-1]
        largest = float(x.abs().max()) if x.numel() else 0.0
        if not 0 < largest < math.inf:
            raise ValueError(
                "x_train must have a finite mean square above 0, got its root "
                f"{largest:g}"
            )
        # A power of two: squares fit, and no other rounding changes.
        unit = 2.0 ** (math.frexp(largest)[1] - 1)
        small = (x if x.dtype.itemsize > 2 else x.float()) / unit
        size = float((small.square().mean() / share).sqrt())
        return self.map_x(lambda x: x / unit / size)

    def counted(self, name: str) -> Tensor:
        """Return the x of a part, 0 at the steps after the length of each sequence.

        Args:
            name: "train", "valid" or "test".
        """
        x, lengths = getattr(self, f"x_{name}"), getattr(self, f"lengths_{name}")
        if lengths is None:
            return x
        valid = torch.arange(x.shape[-1], device=x.device) < lengths[:, None]
        return torch.where(valid.view(len(x), *[1] * (x.ndim - 2), -1), x, 0)

    def without_lengths(self, name: str) -> Split:
        """Return the split itself if all steps count.

        Args:
            name: name of the split, for the message.

        Raises:
            ValueError: if a part has lengths.
        """
        if any(getattr(self, f"lengths_{part}") is not None for part in PARTS):
            raise ValueError(
                f"{name} must be of sequences whose steps all count, got lengths"
            )
        return self


def stratified(y: Tensor, seed: int) -> Tensor:
    """Return a random division in which each part has the same shares of classes.

    A fifth of each class is for validation, and a fifth for the test.

    Args:
        y: (n,), the classes.
        seed: draws the division.

    Returns:
        (n,) int64: 0 for training, 1 for validation, 2 for test.
    """
    shuffled = torch.from_numpy(np.random.default_rng(seed).permutation(len(y)))
    part = torch.zeros(len(y), dtype=torch.int64, device="cpu")
    for label in y.unique():
        members = shuffled[y[shuffled] == label]
        fifth = round(0.2 * len(members))
        part[members[:fifth]] = 2
        part[members[fifth : 2 * fifth]] = 1
    return part


def tenth(y: Tensor, seed: int) -> Tensor:
    """Return a random tenth of each class, for validation.

    A tenth is rounded up. A class with one sequence is left out.

    Args:
        y: (n,), the classes.
        seed: draws the sequences.

    Returns:
        (n,) bool.
    """
    rng = np.random.default_rng(seed)
    chosen = torch.zeros(len(y), dtype=torch.bool, device="cpu")
    for label in y.unique():
        members = torch.nonzero(y == label).flatten()
        size = -(-len(members) // 10) if len(members) > 1 else 0
        chosen[members[torch.from_numpy(rng.permutation(len(members)))[:size]]] = True
    return chosen


def evenly(x: Tensor, n: int) -> Tensor:
    """Return at most n sequences at even distances, with the first and the last one.

    Args:
        x: (m, ...), the sequences.
        n: at least 1.

    Raises:
        TypeError: if n is not an integer.
        ValueError: for n < 1.
    """
    count = min(_checks.integer("n", n), len(x))
    exact = torch.float32 if len(x) <= 2**24 else torch.float64
    return x[torch.linspace(0, len(x) - 1, count, dtype=exact, device="cpu").long()]


def drawn(data: Split, n: int, seed: int) -> Split:
    """Return a split with at most n of its training sequences, drawn by a seed.

    Args:
        data: the split. Its validation and test parts are unchanged.
        n: at least 1. If there are fewer sequences, all are returned in a random order.
        seed: determines the order.

    Raises:
        TypeError: if n or seed is not an integer.
        ValueError: for an n below 1 or a negative seed.
    """
    _checks.integer("n", n)
    order = np.random.default_rng(_checks.seed(seed))
    order = order.permutation(len(data.x_train))[:n]
    lengths = data.lengths_train
    kept = {} if lengths is None else {"lengths_train": lengths[order]}
    x, y = data.x_train[order], data.y_train[order]
    return replace(data, x_train=x, y_train=y, **kept)

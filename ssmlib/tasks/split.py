"""The data that every task returns: training, validation and test part."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ssmlib import _checks

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
        data: the split; validation and test part stay.
        n: at least 1; all sequences, in another order, if there are fewer.
        seed: of the order.

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


def prepared(data: Split, *, sequence: bool) -> tuple[Split, int]:
    """Return the split as a model reads it, and its number of outputs.

    The inputs become float32 with a channel axis; tokens do not change.

    Args:
        data: the split.
        sequence: whether there is one target per step.

    Returns:
        The split, and the number of classes or of channels of y.

    Raises:
        TypeError: if data is not a `Split` of tensors.
        ValueError: for data that a model cannot be trained on; the message names the
            part.
    """
    _check_tensors(data)
    for name, x, y in data.parts():
        tokens = x.dtype == torch.int64 and x.ndim == 2
        values = x.is_floating_point() and x.ndim in (2, 3)
        if 0 in x.shape or not (tokens or values):
            raise ValueError(
                f"x_{name} must be floating point, (n, L) or (n, channels, L), or "
                f"tokens, int64 (n, L), with no axis of size 0, got {x.dtype} "
                f"{tuple(x.shape)}"
            )
        if tokens and int(x.min()) < 0:
            raise ValueError(f"x_{name} must hold tokens >= 0, got {int(x.min())}")
        if x.dtype != data.x_train.dtype:
            raise ValueError(
                f"x_{name} must have the dtype of x_train, {data.x_train.dtype}, got "
                f"{x.dtype}"
            )
        if x.shape[1:] != data.x_train.shape[1:]:
            raise ValueError(
                f"x_train and x_{name} must have the same channels and length, got "
                f"{tuple(data.x_train.shape)} and {tuple(x.shape)}"
            )
        if y.ndim == 0 or 0 in y.shape[1:]:
            raise ValueError(
                f"y_{name} must be (n, ...) with no axis of size 0, got "
                f"{tuple(y.shape)}"
            )
        _check_lengths(data, name, x, y, sequence)
        if len(y) != len(x):
            raise ValueError(
                f"y_{name} must have one target a sequence, {len(x)}, got {len(y)}"
            )
        if sequence and y.shape[-1] != x.shape[-1]:
            raise ValueError(
                f"y_{name} must be as long as x_{name}, {x.shape[-1]}, for a "
                f"target a step, got {tuple(y.shape)}"
            )
        if y.dtype != data.y_train.dtype or y.shape[1:] != data.y_train.shape[1:]:
            raise ValueError(
                f"y_{name} must be of y_train's dtype and shape, {data.y_train.dtype} "
                f"(n, ...) with {tuple(data.y_train.shape[1:])}, got {y.dtype} "
                f"{tuple(y.shape)}"
            )
    outputs = _outputs(data, sequence)
    if data.y_train.is_floating_point() and data.y_train.ndim == (2 if sequence else 1):
        data = replace(data, **{f"y_{n}": y.unsqueeze(1) for n, _, y in data.parts()})
    ready = data.map_x(_as_channels)
    for name, x, _ in ready.parts():
        if x.is_floating_point() and not bool(torch.isfinite(x).all()):
            raise ValueError(
                f"x_{name} must be within the range of float32, got values up to "
                f"{float(getattr(data, f'x_{name}').abs().max()):g}: scale it"
            )
    return ready, outputs


def _as_channels(x: Tensor) -> Tensor:
    if x.dtype == torch.int64:
        return x
    return (x if x.ndim == 3 else x.unsqueeze(1)).float()


def _check_tensors(data: Split) -> None:
    """Raise ValueError or TypeError unless all are finite, dense and on one device."""
    if not isinstance(data, Split):
        raise TypeError(f"data must be a Split, got {type(data).__name__}")
    for name, value in vars(data).items():
        if value is None and name.startswith("lengths"):
            continue
        if _checks.is_tensor(name, value).layout != torch.strided or value.is_meta:
            raise ValueError(
                f"{name} must be a dense tensor with values, got {value.layout} on "
                f"{value.device}"
            )
        if value.device != data.x_train.device:
            raise ValueError(
                f"{name} must be on the device of x_train, {data.x_train.device}, got "
                f"{value.device}"
            )
        if value.is_floating_point():
            _checks.finite(name, value)


def _check_lengths(data: Split, name: str, x: Tensor, y: Tensor, sequence: bool):
    lengths = getattr(data, f"lengths_{name}")
    if (lengths is None) != (data.lengths_train is None):
        raise ValueError("lengths must be given for each part, or for none")
    if lengths is None:
        return
    if lengths.dtype != torch.int64 or lengths.shape != (len(x),):
        raise ValueError(
            f"lengths_{name} must be int64 ({len(x)},), got {lengths.dtype} "
            f"{tuple(lengths.shape)}"
        )
    _checks.within(f"lengths_{name}", lengths.cpu(), 1, x.shape[-1])
    if sequence:
        beyond = torch.arange(x.shape[-1], device=y.device) >= lengths[:, None]
        if y.is_floating_point() or bool((y != -100)[beyond].any()):
            raise ValueError(
                f"y_{name} must be classes, -100 beyond each length, for a target a "
                "step with lengths"
            )


def stacked(data: Split | Sequence[Split], n: int, *, sequence: bool):
    """Return one split or several as one, each part with G in front: 1 or n.

    Args:
        data: one split, or a sequence of n splits.
        n: number of splits in a sequence.
        sequence: whether there is one target per step.

    Returns:
        The stacked split, prepared as by `prepared`, and its number of outputs.

    Raises:
        TypeError: as `prepared`.
        ValueError: as `prepared`, for another number of splits, or splits that differ
            in shape, dtype or device.
    """
    if not isinstance(data, Split | Sequence) or isinstance(data, str):
        raise TypeError(
            f"data must be a Split or a sequence of them, got {type(data).__name__}"
        )
    many = [data] if isinstance(data, Split) else list(data)
    if not isinstance(data, Split) and len(many) != n:
        raise ValueError(
            f"data must be one split, or one for each of {n} seeds, got {len(many)}"
        )
    ready = [prepared(split, sequence=sequence) for split in many]
    parts = {}
    names = [set(split.tensors()) for split, _ in ready]
    if any(own != names[0] for own in names):
        raise ValueError("lengths must be given for each of the splits, or for none")
    for name in ready[0][0].tensors():
        own = [getattr(split, name) for split, _ in ready]
        if len({(part.shape, part.dtype) for part in own}) > 1:
            raise ValueError(
                f"{name} must be of one shape and dtype in all splits, got "
                f"{[(tuple(part.shape), str(part.dtype)) for part in own]}"
            )
        if len({part.device for part in own}) > 1:
            raise ValueError(
                f"{name} must be on one device in all splits, got "
                f"{[str(part.device) for part in own]}"
            )
        parts[name] = torch.stack(own).detach()
    return Split(**parts), max(outputs for _, outputs in ready)


def _outputs(data: Split, sequence: bool) -> int:
    y = data.y_train
    if y.is_floating_point():
        dims = (2, 3) if sequence else (1, 2)
        if y.ndim not in dims:
            raise ValueError(
                f"y_train must have {dims[0]} or {dims[1]} dimensions, got "
                f"{tuple(y.shape)}"
            )
        return 1 if y.ndim == dims[0] else y.shape[1]
    ndim, shape = (2, "(n, L)") if sequence else (1, "(n,)")
    if y.dtype != torch.int64 or y.ndim != ndim:
        raise ValueError(
            f"y_train must be int64 {shape} for classes"
            + " a step" * sequence
            + f", or floating point for regression, got {y.dtype} {tuple(y.shape)}"
        )
    most = 0
    for name, _, part in data.parts():
        labels = part[part != -100] if sequence else part
        if not labels.numel():
            raise ValueError(f"y_{name} must hold a class, got -100 alone")
        if int(labels.min()) < 0:
            raise ValueError(
                f"y_{name} must hold classes numbered from 0"
                + ", or -100 for no target" * sequence
                + f", got {int(labels.min())}"
            )
        if name == "train" and len(labels.unique()) < 2:
            raise ValueError(
                f"y_train must hold at least two classes, got {int(labels.min())} alone"
            )
        most = max(most, int(labels.max()))
    return most + 1

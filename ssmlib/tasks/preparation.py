"""Checks and preparation of a split for training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ssmlib import _checks
from ssmlib.tasks.split import Split


def prepared(data: Split, *, sequence: bool) -> tuple[Split, int]:
    """Return the split as a model reads it, and its number of outputs.

    The inputs become float32 with a channel axis; tokens do not change. With one target
    per step, the test part may have another length than the others.

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
        # A model with a target per step may be tested at another length.
        free = sequence and name == "test"
        alike = slice(1, -1 if free else None)
        if x.ndim != data.x_train.ndim or x.shape[alike] != data.x_train.shape[alike]:
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
        same = (
            y.ndim == data.y_train.ndim and y.shape[alike] == data.y_train.shape[alike]
        )
        if y.dtype != data.y_train.dtype or not same:
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

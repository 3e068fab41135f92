"""Powers of two that bring numbers to where their squares and sums are accurate.

Squares of float64 numbers beyond 1e154 overflow and those below 1e-154 underflow. A
product with a power of two is exact, so that a shift does not change any rounding.
A shift of k stands for a factor of 2^(600 k).
"""

from __future__ import annotations

from typing import overload

import numpy as np
import torch
from torch import Tensor

STEP = 2.0**600
_EDGE = 2.0**250
#: values so many times larger than their range round their mean by a share of it
_FAR = 2.0**20


def largest(x: Tensor | np.ndarray | float) -> float:
    """Return the largest absolute value, of real and imaginary parts if complex."""
    if not isinstance(x, Tensor):
        return float(np.abs(x).max())
    x = x.detach()
    if x.is_complex():
        x = torch.view_as_real(x.resolve_conj())
    if not x.numel():
        return 0.0
    low, high = x.aminmax()
    return max(-float(low), float(high))


def shift(*values: Tensor | np.ndarray | float) -> int:
    """Return the shift, -1, 0 or 1, that finite values need before they are squared."""
    size = max(map(largest, values))
    return -int(size > _EDGE) + int(0 < size < 1 / _EDGE)


def shifts(sizes: Tensor) -> Tensor:
    """Return the shift of each of several sizes >= 0: their shape, int64."""
    return ((sizes > 0) & (sizes < 1 / _EDGE)).long() - (sizes > _EDGE).long()


def offsets(x: Tensor) -> Tensor:
    """Return what to subtract from values before their mean is taken.

    A mean is rounded in proportion to the size of the values. It is then not the mean
    of values whose range is far smaller, and their distances from it do not sum to
    zero. The difference of two of these values is exact.

    Args:
        x: (..., n) float64, finite.

    Returns:
        (..., 1): the lowest value where the range is far smaller than the size, else 0.
    """
    low, high = x.detach().aminmax(dim=-1, keepdim=True)
    near = high - low < torch.maximum(-low, high) / _FAR
    return torch.where(near, low, 0.0)


def offset(x: np.ndarray) -> float:
    """Return the one of `offsets` for all values of an array together."""
    return float(offsets(torch.from_numpy(x.ravel())))


@overload
def shifted(x: Tensor, by: int | Tensor) -> Tensor: ...
@overload
def shifted(x: np.ndarray, by: int | Tensor) -> np.ndarray: ...
@overload
def shifted(x: float, by: int | Tensor) -> float: ...
def shifted(x, by: int | Tensor):
    """Return x, an array or a float64 tensor, times 2^(600 by), |by| <= 1."""
    if isinstance(by, Tensor):
        one = torch.ones_like(by, dtype=torch.float64)
        return x * torch.where(by > 0, STEP * one, torch.where(by < 0, one / STEP, 1))
    return x if by == 0 else x * STEP**by


@overload
def restored(
    name: str, value: Tensor, *by: int | Tensor, dtype: torch.dtype = ...
) -> Tensor: ...
@overload
def restored(
    name: str, value: float, *by: int | Tensor, dtype: torch.dtype = ...
) -> float: ...
def restored(name: str, value, *by: int | Tensor, dtype: torch.dtype = torch.float64):
    """Return the value divided by the factors of all shifts.

    Args:
        name: the quantity that has this value, for the message.
        value: a float or a float64 tensor.
        by: the shifts; those of a tensor are shaped like the value.
        dtype: the real dtype of the result, if it is a tensor.

    Raises:
        ValueError: if a finite value becomes infinite, or the largest of the values
            so small that the dtype holds fewer digits of it.
    """
    left, found = sum(by), value
    for _ in range(int(largest(left))):
        step = left.sign() if isinstance(left, Tensor) else (left > 0) - (left < 0)
        found, left = shifted(found, -step), left - step
    limits = torch.finfo(dtype)
    size = largest(found)
    if not size <= limits.max or (size < limits.tiny and largest(value) > 0):
        kind = str(dtype).removeprefix("torch.")
        wide = ", or convert it to float64" if dtype != torch.float64 else ""
        raise ValueError(
            f"{name} must be within {kind}'s range, {limits.tiny:.3g} to "
            f"{limits.max:.3g}: scale the input{wide}"
        )
    return found.to(dtype) if isinstance(found, Tensor) else found

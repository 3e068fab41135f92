"""What every public function says about a bad argument."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from numbers import Integral

import torch
from torch import Tensor


def integer(name: str, value: int, least: int = 1) -> int:
    """The value, if it is an integer of at least `least`; a symbol, while tracing."""
    if isinstance(value, torch.SymInt):
        return value
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be an int, got {type(value).__name__}")
    if value < least:
        raise ValueError(f"{name} must be at least {least}, got {value}")
    return int(value)


def readable(tensor: Tensor) -> bool:
    """Whether the values may be looked at: not while tracing, on meta or in `vmap`."""
    wrapped = torch._C._functorch.is_functorch_wrapped_tensor(tensor)
    return not (torch.compiler.is_compiling() or tensor.is_meta or wrapped)


def finite(name: str, value: Tensor) -> Tensor:
    """The value, if it holds neither NaN nor infinity."""
    if readable(value) and not bool(torch.isfinite(value).all()):
        raise ValueError(f"{name} must be finite, got NaN or infinity")
    return value


def positive(name: str, value: float | Tensor) -> float | Tensor:
    """The value, a number or a tensor, if all of it is positive and finite."""
    if isinstance(value, Tensor):
        finite(name, value)
        if readable(value) and not bool((value > 0).all()):
            least = float(value.detach().min())
            raise ValueError(f"{name} must be positive, got {least:g}")
    elif not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name} must be positive and finite, got {value}")
    return value


def stable(name: str, eigenvalues: Tensor) -> Tensor:
    """Eigenvalues whose real parts are at most zero."""
    finite(name, eigenvalues)
    if readable(eigenvalues) and bool((eigenvalues.real > 0).any()):
        worst = float(eigenvalues.real.max())
        raise ValueError(f"{name} must have real parts <= 0, got {worst:g}")
    return eigenvalues


def one_of(name: str, value: str, allowed) -> str:
    """The value, if it is one of those allowed."""
    if not isinstance(value, Hashable) or value not in allowed:
        known = ", ".join(sorted(map(str, allowed)))
        raise ValueError(f"{name} must be one of {known}; got {value!r}")
    return value


def within(name: str, values: Tensor, low: int, high: int) -> Tensor:
    """Integers in low .. high; looked at on a CPU only, where that costs nothing."""
    if readable(values) and values.device.type == "cpu" and values.numel():
        least, most = int(values.min()), int(values.max())
        if least < low or most > high:
            raise ValueError(
                f"{name} must be in {low} .. {high}, got {least} to {most}"
            )
    return values


def several(name: str, values, allowed) -> tuple[str, ...]:
    """The values as a tuple, if each is one of those allowed; no bare string."""
    if isinstance(values, str) or not isinstance(values, Sequence):
        raise TypeError(f"{name} must be a tuple of names, got {values!r}")
    return tuple(one_of(name, value, allowed) for value in values)


def sequences(name: str, x: Tensor) -> Tensor:
    """Real, finite sequences of shape (n, L)."""
    if not isinstance(x, Tensor):
        raise TypeError(f"{name} must be a tensor, got {type(x).__name__}")
    if not x.is_floating_point():
        raise TypeError(f"{name} must be real floating point, got {x.dtype}")
    if x.ndim != 2 or 0 in x.shape:
        raise ValueError(
            f"{name} must have shape (n, L) with n, L >= 1, got {tuple(x.shape)}"
        )
    return finite(name, x)


def moment(name: str, R: Tensor) -> Tensor:
    """A second moment (L, L), or its first row (L,), in float64."""
    if (
        R.is_complex()
        or R.ndim not in (1, 2)
        or R.shape[0] != R.shape[-1]
        or not len(R)
    ):
        raise ValueError(f"{name} must be real, (L, L) or (L,), got {tuple(R.shape)}")
    return finite(name, R).double()

"""What every public function says about a bad argument."""

from __future__ import annotations

import cmath
import math
from collections.abc import Hashable, Sequence
from numbers import Integral, Real
from typing import TypeVar, overload

import numpy as np
import torch
from torch import Tensor
from torch._C import _functorch  # pyright: ignore[reportAttributeAccessIssue]
from torch.masked import MaskedTensor

from ssmlib import _overlap
from ssmlib._scalars import boolean as boolean  # callers find all checks here
from ssmlib._scalars import exact, number, short
from ssmlib._scalars import fits as fits
from ssmlib._scalars import inside as inside
from ssmlib._scalars import integer as integer
from ssmlib._scalars import seed as seed
from ssmlib._scalars import seed_or_drawn as seed_or_drawn

#: kinds of names: texts, most of them
Name = TypeVar("Name")

#: classes of a value that stands for none, of Python and of pandas
_MISSING = {"NoneType", "NAType", "NaTType"}


def array(name: str, values) -> np.ndarray:
    """Real numbers, in a sequence, an array or a tensor, as a float64 array."""
    if isinstance(values, Tensor):
        wide = dense(name, values).is_complex() or not values.is_floating_point()
        values = as_numpy(values if wide else values.double())
    parts = values if isinstance(values, list | tuple) else [values]
    if any(map(np.ma.is_masked, parts)):
        raise ValueError(
            f"{name} must have no masked values: fill them, or leave them out by "
            "compressed()"
        )
    try:
        found = np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{name} must be an array of numbers: {error}") from error
    mixed = found.dtype == object and all(isinstance(v, Real) for v in found.flat)
    if found.dtype.kind not in "fiub" and not mixed:
        gaps = any(type(v).__name__ in _MISSING for v in found.flat)
        missing = " with a missing value" if gaps else ""
        raise TypeError(f"{name} must hold real numbers, got {found.dtype}{missing}")
    return _float64(name, found, values)


def _float64(name: str, found: np.ndarray, values) -> np.ndarray:
    """An array as float64, if that holds each of its integers."""
    try:
        read = found.astype(float)
    except OverflowError:
        read = np.full(found.shape, np.inf)  # an integer that is refused below
    if not (np.abs(read) >= 2.0**53).any():
        return read
    if found.dtype.kind != "f" or isinstance(values, list | tuple):
        each = np.asarray(values, dtype=object)  # a float in a list makes all floats
        for value in each.flat:
            if isinstance(value, Integral) and not exact(value):
                raise ValueError(
                    f"{name} must hold integers that float64 represents, as all up to "
                    f"2**53, got {short(value)}: subtract an offset first"
                )
    return read


def as_numpy(value: Tensor) -> np.ndarray:
    """A dense tensor's values, also those of a conjugate or negative view."""
    return value.detach().cpu().resolve_conj().resolve_neg().numpy()


def is_tensor(name: str, value: Tensor) -> Tensor:
    """The value, if it is a tensor of plain numbers."""
    if not isinstance(value, Tensor):
        raise TypeError(f"{name} must be a tensor, got {type(value).__name__}")
    if isinstance(value, MaskedTensor):
        raise TypeError(
            f"{name} must be a tensor without a mask, got a MaskedTensor: fill its "
            "masked values by to_tensor(value), or leave them out"
        )
    if value.is_quantized:
        raise TypeError(
            f"{name} must be a tensor of plain numbers, got the quantized "
            f"{value.dtype}: dequantize() it"
        )
    return value


def real(name: str, value: Tensor) -> Tensor:
    """A tensor of real numbers, integers included, as float64."""
    if is_tensor(name, value).is_complex() or value.dtype == torch.bool:
        raise TypeError(f"{name} must be real, got {value.dtype}")
    if not value.is_floating_point() and value.element_size() == 8 and readable(value):
        array(name, value)  # refuses integers that float64 rounds
    return value.double()


def numbers(name: str, values, device: torch.device) -> Tensor:
    """Real numbers, one or (k,), k >= 1, in any form, as float64 on a device."""
    if isinstance(values, Tensor):
        found = real(name, values).to(device)
    elif isinstance(values, (bool, np.bool_)):
        raise TypeError(f"{name} must be a real number, got bool")
    else:
        found = torch.from_numpy(array(name, values)).to(device)
    if found.ndim > 1 or not found.numel():
        raise ValueError(f"{name} must be a number or (k,), got {tuple(found.shape)}")
    return finite(name, found)


def is_complex(name: str, value: Tensor) -> Tensor:
    """A tensor of complex numbers as complex128."""
    if not is_tensor(name, value).is_complex():
        raise TypeError(f"{name} must be complex, got {value.dtype}")
    return value.to(torch.complex128)


def readable(tensor: Tensor) -> bool:
    """Whether the values may be looked at: not while tracing, on meta or in `vmap`."""
    wrapped = _functorch.is_functorch_wrapped_tensor(tensor)
    return not (torch.compiler.is_compiling() or tensor.is_meta or wrapped)


def finite(name: str, value: Tensor) -> Tensor:
    """The value, if it holds neither NaN nor infinity."""
    # A sum shows both in one pass; it may also overflow, which the second look tells.
    if (
        readable(value)
        and not cmath.isfinite(value.detach().sum().item())
        and not bool(torch.isfinite(value).all())
    ):
        raise ValueError(f"{name} must be finite, got NaN or infinity")
    return value


def not_negative(name: str, value: float) -> float:
    """The value as a float, if it is one number, at least 0."""
    if number(name, value) < 0:
        raise ValueError(f"{name} must be at least 0, got {value}")
    return float(value)


@overload
def positive(name: str, value: float) -> float: ...
@overload
def positive(name: str, value: Tensor) -> Tensor: ...
def positive(name: str, value: float | Tensor) -> float | Tensor:
    """The value, a number or a tensor, if all of it is positive and finite."""
    if not isinstance(value, Tensor):
        value = number(name, value)
        if value <= 0:
            raise ValueError(f"{name} must be positive and finite, got {value}")
        return value
    if value.is_complex() or value.dtype == torch.bool:
        raise TypeError(f"{name} must be real, got {value.dtype}")
    # One look at the values, since on a GPU each one waits for it.
    if readable(value) and not bool(((value > 0) & (value < math.inf)).all()):
        finite(name, value)
        least = float(value.detach().min())
        raise ValueError(f"{name} must be positive, got {least:g}")
    return value


def stable(name: str, eigenvalues: Tensor) -> Tensor:
    """Eigenvalues whose real parts are at most zero."""
    finite(name, eigenvalues)
    if readable(eigenvalues) and bool((eigenvalues.real > 0).any()):
        worst = float(eigenvalues.detach().real.max())
        raise ValueError(f"{name} must have real parts <= 0, got {worst:g}")
    return eigenvalues


def modes(name: str, A: Tensor) -> Tensor:
    """Eigenvalues (m,), m >= 1, with real parts at most zero, complex128."""
    A = is_complex(name, A)
    if A.ndim != 1 or A.numel() == 0:
        raise ValueError(
            f"{name} must have shape (m,) with m >= 1, got {tuple(A.shape)}"
        )
    return stable(name, A)


def one_of(name: str, value: Name, allowed) -> Name:
    """The value, if it is one of those allowed."""
    if not isinstance(value, Hashable) or value not in allowed:
        known = ", ".join(sorted(map(str, allowed)))
        raise ValueError(f"{name} must be one of {known}; got {value!r}")
    return value


def one_dtype(allowed, **values: Tensor) -> torch.dtype:
    """The dtype that all tensors share, one of those allowed."""
    found = {is_tensor(name, value).dtype for name, value in values.items()}
    if len(found) > 1 or not found <= set(allowed):
        known = " or ".join(str(dtype).removeprefix("torch.") for dtype in allowed)
        got = ", ".join(str(value.dtype) for value in values.values())
        raise TypeError(
            f"{' and '.join(values)} must share one dtype, {known}, got {got}"
        )
    return found.pop()


def a_dtype(value: torch.dtype, allowed) -> torch.dtype:
    """The value of an argument `dtype`, if it is one of those allowed."""
    if value not in allowed:
        known = " or ".join(str(dtype).removeprefix("torch.") for dtype in allowed)
        raise TypeError(f"dtype must be {known}, got {value}")
    return value


def broadcast(**shapes: torch.Size) -> None:
    """Refuse shapes that do not broadcast; most are equal, which costs nothing."""
    if torch.compiler.is_compiling() or len(set(shapes.values())) == 1:
        return
    try:
        torch.broadcast_shapes(*shapes.values())
    except RuntimeError as error:
        got = ", ".join(str(tuple(shape)) for shape in shapes.values())
        raise ValueError(
            f"{' and '.join(shapes)} must broadcast, got shapes {got}"
        ) from error


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


def dense(name: str, x: Tensor) -> Tensor:
    """The value, if it is a tensor that holds its values in full."""
    if not isinstance(x, Tensor):
        raise TypeError(
            f"{name} must be a tensor, got {type(x).__name__}; torch.as_tensor makes "
            "one from an array or a list"
        )
    is_tensor(name, x)
    if x.is_meta or x.layout != torch.strided or x.is_nested:
        kind = "a nested tensor" if x.is_nested else str(x.layout)
        raise ValueError(
            f"{name} must be a dense tensor with values, got {kind} on {x.device}"
        )
    return x


def sequences(name: str, x: Tensor) -> Tensor:
    """Real, finite sequences of shape (n, L)."""
    if not is_tensor(name, x).is_floating_point():
        raise TypeError(f"{name} must be real floating point, got {x.dtype}")
    if x.dtype.itemsize == 1:
        raise TypeError(
            f"{name} must have a dtype of at least 16 bits, got {x.dtype}: convert it"
        )
    dense(name, x)
    if x.ndim != 2 or 0 in x.shape:
        raise ValueError(
            f"{name} must have shape (n, L) with n, L >= 1, got {tuple(x.shape)}"
        )
    finite(name, _overlap.values(x) if readable(x) else x)
    return x


def moment(name: str, R: Tensor) -> Tensor:
    """A second moment (L, L), or its first row (L,), in float64."""
    R = dense(name, real(name, R))
    if R.ndim not in (1, 2) or R.shape[0] != R.shape[-1] or not len(R):
        raise ValueError(f"{name} must be real, (L, L) or (L,), got {tuple(R.shape)}")
    finite(name, R)
    return symmetric(name, R) if R.ndim == 2 else R


def symmetric(name: str, R: Tensor, rtol: float = 1e-9, atol: float = 1e-12) -> Tensor:
    """A square float64 matrix, symmetric to rtol, and to atol of its largest entry."""
    if R.ndim != 2 or R.shape[0] != R.shape[1] or not len(R):
        raise ValueError(f"{name} must have shape (m, m), got {tuple(R.shape)}")
    finite(name, R)
    near = atol * float(R.detach().abs().max()) if readable(R) else 0.0
    if readable(R) and not torch.allclose(R, R.mT, rtol=rtol, atol=near):
        raise ValueError(f"{name} must be symmetric")
    return R

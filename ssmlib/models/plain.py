"""Values as types that a file may hold if it is read without executing anything."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from numbers import Complex, Integral, Real
from typing import Any

import numpy as np
from torch import Tensor

#: types of values that a type of Python's own can stand for
EQUAL: dict[type, Callable[[Any], Any]] = {
    str: str,
    np.bool_: bool,
    Integral: int,
    Real: float,
    Complex: complex,
}


def plain(value, *, strict: bool = True) -> Any:
    """Return a value as tensors and Python's numbers, texts, tuples, lists and dicts.

    Args:
        value: of such types, or of types that are equal to them, as NumPy's numbers. Of
            a state dict, the metadata are included.
        strict: whether another type is an error; if not, its values stay as they are.

    Raises:
        TypeError: for a value of another type.
    """
    if value is None or type(value) in (bool, int, float, complex, str):
        return value
    if isinstance(value, dict):
        pairs = ((plain(k, strict=strict), v) for k, v in value.items())
        found = {k: plain(v, strict=strict) for k, v in pairs}
        if not isinstance(value, OrderedDict):
            return found
        ordered: Any = OrderedDict(found)
        if hasattr(value, "_metadata"):  # of `nn.Module.state_dict`
            ordered._metadata = plain(value._metadata, strict=strict)  # pyright: ignore[reportAttributeAccessIssue]
        return ordered
    if isinstance(value, list | tuple):
        parts = [plain(part, strict=strict) for part in value]
        return parts if isinstance(value, list) else tuple(parts)
    if isinstance(value, np.ndarray) and not value.ndim:
        return plain(value.item(), strict=strict)
    for kind, made in EQUAL.items():
        if isinstance(value, kind):
            return made(value)
    if strict and not isinstance(value, Tensor):
        raise TypeError(f"got a value of the class {type(value).__name__}")
    return value

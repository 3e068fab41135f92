"""Checks of one number: its type, its range, and the memory that it asks for."""

from __future__ import annotations

import functools
import math
import os
from numbers import Integral, Real

import numpy as np
import torch
from torch import Tensor


def integer(name: str, value: int, least: int = 1, most: int | None = None) -> int:
    """The value, if it is an integer in least .. most; a symbol, while tracing."""
    if isinstance(value, torch.SymInt):
        return value
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be an int, got {type(value).__name__}")
    if value < least:
        raise ValueError(f"{name} must be at least {least}, got {short(value)}")
    if most is not None and value > most:
        raise ValueError(f"{name} must be at most {most}, got {short(value)}")
    return int(value)


def boolean(name: str, value: bool) -> bool:
    """The value, if it is True or False; a text such as "False" would count as true."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be True or False, got {value!r}")
    return bool(value)


def seed(value: int) -> int:
    """A seed, if a generator of torch takes it."""
    return integer("seed", value, least=0, most=2**64 - 1)


def seed_or_drawn(value: int | None) -> int:
    """A seed; for None one that is drawn from torch's own generator on the CPU."""
    if value is None:
        return int(torch.randint(2**63 - 1, (), device="cpu"))
    return seed(value)


def number(name: str, value: float) -> float:
    """The value as a float, if it is one real and finite number."""
    if isinstance(value, (Tensor, np.ndarray)) and value.ndim == 0:
        if isinstance(value, np.ndarray) and np.ma.is_masked(value):
            raise ValueError(f"{name} must be a real number, got a masked value")
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a real number, got {type(value).__name__}")
    try:
        found = float(value)
    except OverflowError:
        raise ValueError(
            f"{name} must be within float64's range, got a number beyond it"
        ) from None
    if not math.isfinite(found):
        raise ValueError(f"{name} must be finite, got {value}")
    return found


def inside(name: str, value: float, low: float, high: float) -> float:
    """The value as a float, if it is one number strictly between low and high."""
    if not low < number(name, value) < high:
        raise ValueError(f"{name} must be in ({low}, {high}), got {value}")
    return float(value)


@functools.cache
def _memory() -> float:
    """Bytes of this machine's memory; infinite where the system does not say."""
    try:
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, OSError, ValueError):
        return math.inf


def fits(name: str, value: int, numbers: int) -> int:
    """The value, if as many float64 numbers as it asks for fit into memory."""
    if not torch.compiler.is_compiling() and 8 * numbers > _memory():
        size = 8 * numbers / 1e9 if numbers < 2**1000 else math.inf
        raise ValueError(
            f"{name} = {short(value)} takes {size:.3g} GB of memory, which has "
            f"{_memory() / 1e9:.3g} GB: choose a smaller {name}"
        )
    return value


def exact(value: Integral) -> bool:
    """Return whether float64 represents an integer exactly."""
    try:
        return int(float(value)) == int(value)
    except OverflowError:
        return False


def short(value: Integral | int) -> str:
    """Return an integer as text, or the number of its binary digits if it is long."""
    size = int(value).bit_length()
    return str(value) if size <= 128 else f"one of {size} bits"

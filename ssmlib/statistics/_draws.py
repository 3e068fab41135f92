"""Real numbers, one per draw, as the functions of `statistics` accept them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ssmlib import _checks

#: real numbers, as a list or an array
Numbers = Sequence[float] | np.ndarray


def checked(name: str, values: Numbers, least: int) -> np.ndarray:
    """Return draws as an array, and refuse what is no (n,) of finite numbers.

    Args:
        name: the argument, for the message.
        values: what was given for it.
        least: the smallest n.

    Raises:
        TypeError: if a value is not a real number.
        ValueError: for another shape, fewer draws, or values that are not finite.
    """
    draws = _checks.array(name, values)
    if draws.ndim != 1 or len(draws) < least:
        raise ValueError(
            f"{name} must be (n,) with n >= {least}, got shape {draws.shape}"
        )
    if not np.isfinite(draws).all():
        raise ValueError(f"{name} must be finite, got NaN or infinity")
    return draws

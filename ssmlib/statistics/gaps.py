"""How far two results are from each other; this has no standard error."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from ssmlib import _checks, _scale


def largest_gap(found: Tensor | np.ndarray, exact: Tensor | np.ndarray) -> float:
    """Return the largest difference of two results, relative to the largest value.

    Args:
        found: numbers of any shape, real or complex, in any dtype.
        exact: of the same shape, not zero throughout.

    Returns:
        The largest absolute difference over the largest absolute value of exact, both
        in double precision.

    Raises:
        TypeError: if one holds something else than numbers.
        ValueError: for different shapes, no numbers, numbers that are not finite, or if
            exact is zero throughout.
    """
    found, exact = _wide("found", found), _wide("exact", exact)
    if found.shape != exact.shape:
        raise ValueError(
            f"found must have the shape {tuple(exact.shape)} of exact, got "
            f"{tuple(found.shape)}"
        )
    if not exact.any():
        raise ValueError("exact must not be zero throughout")
    shift = _scale.shift(np.abs(exact))
    found, exact = _scale.shifted(found, shift), _scale.shifted(exact, shift)
    with np.errstate(over="ignore"):  # then the result is infinite
        return float(np.abs(found - exact).max() / np.abs(exact).max())


def _wide(name: str, values: Tensor | np.ndarray) -> np.ndarray:
    """Finite numbers, real or complex, in double precision."""
    if isinstance(values, Tensor) and values.is_complex():
        found = _checks.as_numpy(_checks.dense(name, values)).astype(complex)
    elif not isinstance(values, Tensor) and np.iscomplexobj(values):
        found = np.asarray(values, dtype=complex)
    else:
        found = _checks.array(name, values)
    if not found.size:
        raise ValueError(f"{name} must hold at least one number, got {found.shape}")
    if not np.isfinite(found).all():
        raise ValueError(f"{name} must be finite, got NaN or infinity")
    return found

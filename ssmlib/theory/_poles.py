"""Checked eigenvalues of a discrete map, and the few steps that all memory shares."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ssmlib import _checks

#: complex numbers, as an array
Complex = npt.NDArray[np.complexfloating]

#: distance up to which two eigenvalues count as one
TOL = 1e-10


def spectrum(eigenvalues: Tensor, *, closed_disc: bool = False) -> Complex:
    """Checked eigenvalues, complex128."""
    if not isinstance(eigenvalues, Tensor) or not eigenvalues.is_complex():
        kind = getattr(eigenvalues, "dtype", type(eigenvalues).__name__)
        raise TypeError(f"eigenvalues must be a complex tensor, got {kind}")
    if eigenvalues.ndim != 1 or not eigenvalues.numel():
        raise ValueError(
            f"eigenvalues must have shape (n,), n >= 1, got {tuple(eigenvalues.shape)}"
        )
    _checks.finite("eigenvalues", eigenvalues)
    found = _checks.as_numpy(eigenvalues.to(torch.complex128))
    largest = np.abs(found).max()
    if closed_disc and largest > 1 + 4 * np.finfo(float).eps:  # exp(i t), rounded
        raise ValueError(f"eigenvalues must have |lambda| <= 1, got {largest:.17g}")
    if not closed_disc and largest >= 1:
        raise ValueError(
            f"eigenvalues must have |lambda| < 1, got {largest:.17g}: the past is "
            "infinite here; finite_memory_function takes |lambda| = 1"
        )
    return found


def first_of_each(found: Complex, tol: float) -> np.ndarray:
    """Indices of one of each cluster, in order; a closed set stays closed."""
    order = np.lexsort((found.imag < 0, found.real, np.abs(found.imag)))
    chosen: list[int] = []
    for k in order:
        if not chosen or np.abs(found[chosen] - found[k]).min() > tol:
            chosen.append(k)
    return np.sort(np.array(chosen))


def distinct_poles(eigenvalues: Tensor, *, closed_disc: bool = False) -> Complex:
    """Checked eigenvalues without repetition, complex128."""
    found = spectrum(eigenvalues, closed_disc=closed_disc)
    return found[first_of_each(found, TOL)]


def impulse(T: int, dtype: npt.DTypeLike = np.float64) -> np.ndarray:
    """1 at delay 0, then zeros: (T,)."""
    found = np.zeros(T, dtype)
    found[0] = 1
    return found


def delays(T: int, rows: int) -> int:
    """A checked number of delays, of which the work takes some complex rows."""
    return _checks.fits("T", _checks.integer("T", T), 4 * T * rows)


def short(poles: Complex) -> np.ndarray:
    """1 - |lambda|^2, with all its digits: the squares of float64 are exact in it."""
    parts = [(Fraction(float(z.real)), Fraction(float(z.imag))) for z in poles]
    return np.array([float(1 - re * re - im * im) for re, im in parts])

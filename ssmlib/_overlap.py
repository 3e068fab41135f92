"""Views whose rows overlap: windows of a series, of which memory holds each value once.

An operation that forms all n L entries of such a view needs far more memory than the
series has.
"""

from __future__ import annotations

from torch import Tensor


def series(x: Tensor) -> tuple[Tensor, int] | None:
    """Return the series of which the rows of a view are windows.

    Args:
        x: (n, L), strided.

    Returns:
        The series (k (n - 1) + L,) as a view, and k < L, the steps from one window to
        the next: x[i] is series[k i : k i + L]. None if the rows do not overlap.
    """
    (n, L), (across, along) = x.shape, x.stride()
    if n == 1 or L == 1 or not along or not across or across % along:
        return None
    k = across // along
    return (x.as_strided((k * (n - 1) + L,), (along,)), k) if k < L else None


def values(x: Tensor) -> Tensor:
    """Return the values of an array: of overlapping rows or columns, the series.

    Args:
        x: (n, L), strided.
    """
    found = series(x) or series(x.mT)
    return x if found is None else found[0]

"""The second moment of data, its largest eigenvalue, and the timescale for it.

All functions use the raw second moment E[x x^T], not the covariance. A mean that is not
zero therefore changes the result; chapter `real-sequences` shows how much.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ssmlib import _checks, _lags, _lanczos, _overlap, _scale

# Data in other formats are converted to float64 in blocks of this many numbers.
_BLOCK = 2**22
# Up to these sizes a dense eigensolver costs little. Data may be white, and Lanczos
# is slow in a cluster of eigenvalues; a stationary moment has no such cluster.
_DENSE, _DENSE_TOEPLITZ = 1024, 256


def windows(series: Tensor, L: int, stride: int = 1) -> Tensor:
    """Return the windows of length L of one series, as a view.

    Args:
        series: (T,), real floating point.
        L: length of a window, at most T.
        stride: steps from one window to the next.

    Returns:
        (n, L), in the dtype of the series.

    Raises:
        TypeError: if the series is not a real floating-point tensor.
        ValueError: if L is longer than the series, or a value is not finite.
    """
    if _checks.dense("series", series).ndim != 1:
        raise ValueError(f"series must have shape (T,), got {tuple(series.shape)}")
    _checks.integer("L", L)
    _checks.integer("stride", stride)
    if L > series.numel():
        raise ValueError(
            f"L must be at most the length of the series, {series.numel()}, got {L}"
        )
    return _checks.sequences("series", series[None])[0].unfold(0, L, stride)


def standardize(x: Tensor) -> Tensor:
    """Bring each sequence to mean 0 and mean square 1.

    Args:
        x: (n, L), real floating point. Sums and squares are in float64.

    Returns:
        (n, L) in x's dtype.

    Raises:
        TypeError: if x is not a real floating-point tensor.
        ValueError: if a value is not finite, or a sequence is constant, which has no
            such scale.
    """
    _checks.sequences("x", x)
    return torch.cat([_standardized(part).to(x.dtype) for part in _blocks(x)])


def _standardized(x: Tensor) -> Tensor:
    x = x.double()
    x = _scale.shifted(x, _scale.shifts(x.abs().amax(-1, keepdim=True)))
    near = x - _scale.offsets(x)
    centered = near - near.mean(-1, keepdim=True)
    size = centered.square().mean(-1, keepdim=True).sqrt()
    if bool((size <= 1e-12 * x.abs().amax(-1, keepdim=True)).any()):
        raise ValueError("x must hold no constant sequence to be standardized")
    return centered / size


def _blocks(x: Tensor) -> tuple[Tensor, ...]:
    """Return x in blocks of rows, so that no copy in float64 is large."""
    return x.split(max(1, _BLOCK // x.shape[1]))


def second_moment(x: Tensor) -> Tensor:
    """Return the mean of x_i x_i^T over sequences x_i, symmetric.

    Args:
        x: (n, L), real floating point. Products and sums are in float64.

    Returns:
        (L, L) in x's dtype.

    Raises:
        TypeError: if x is not a real floating-point tensor.
        ValueError: if a value is not finite, or the moment is outside the range of
            x's dtype.
    """
    _checks.sequences("x", x)
    shift = _scale.shift(_overlap.values(x))
    gram = _gram(x, shift) / x.shape[0]
    return _scale.restored("the second moment of x", gram, shift, shift, dtype=x.dtype)


def _gram(x: Tensor, shift: int) -> Tensor:
    """x^T x of shifted x (n, L): (L, L) float64."""
    # A product would copy all of a view whose rows overlap.
    if x.dtype == torch.float64 and shift == 0 and _overlap.values(x) is x:
        return x.mT @ x
    parts = (_scale.shifted(part.double(), shift) for part in _blocks(x))
    grams = (part.mT @ part for part in parts)
    return sum(grams, start=next(grams))


def toeplitz_moment(x: Tensor) -> Tensor:
    """Return the stationary estimate of the second moment's first row.

    r_k = (1/(nL)) sum_i sum_l x_il x_i,l+k. It is biased, and so positive semidefinite.

    Args:
        x: (n, L), real floating point. Products and sums are in float64.

    Returns:
        (L,) in x's dtype.

    Raises:
        TypeError: if x is not a real floating-point tensor.
        ValueError: if a value is not finite, or the moment is outside the range of
            x's dtype.
    """
    _checks.sequences("x", x)
    n, L = x.shape
    size = _lags.fast_length(2 * L)
    shift = _scale.shift(_overlap.values(x))
    power = torch.zeros((), dtype=torch.float64, device=x.device)
    for part in _blocks(x):
        wave = torch.fft.rfft(_scale.shifted(part.double(), shift), n=size)
        power = power + wave.abs().square().sum(0)
    row = torch.fft.irfft(power, n=size)[:L] / (n * L)
    return _scale.restored("the second moment of x", row, shift, shift, dtype=x.dtype)


def _windows_gram(series: Tensor, n: int, L: int) -> Tensor:
    """Return x^T x, (L, L), of the n windows of a series (n + L - 1,), one per step.

    Down a diagonal, a product enters and one leaves: O(L^2 + n log n), where a
    product of matrices takes O(n L^2).
    """
    row = _lags.sums(series, L, n)
    left, entered = series[: L - 1], series[n:]  # (L-1,) each
    diagonals = row.expand(L, L).clone()  # of row i, from its own place on
    for sign, own in ((-1, left), (1, entered)):
        shifted = torch.cat([own, own.new_zeros(L)]).unfold(0, L, 1)[: L - 1]
        diagonals[1:] += (sign * own[:, None] * shifted).cumsum(0)
    gram = series.new_zeros(L, 2 * L)
    gram.as_strided((L, L), (2 * L + 1, 1)).copy_(diagonals)
    return gram[:, :L].triu() + gram[:, :L].triu(1).mT


def largest_eigenvalue(x: Tensor) -> float:
    """Return lambda_max of the second moment without forming it.

    Lanczos with two products by x per iteration, in float64 on x's device and in
    O(nL) memory. Of overlapping `windows` only the series is stored, and the products
    are Fourier transforms: for n windows k steps apart they take O(n k log(n k)) time
    and O(n k) memory, and one step apart hardly more than one window.

    Args:
        x: (n, L), real floating point.

    Raises:
        TypeError: if x is not a real floating-point tensor.
        ValueError: if a value is not finite, or the eigenvalue is outside float64's
            range.
    """
    _checks.sequences("x", x)
    top, shift = _top(x.detach())
    return _scale.restored("lambda_max of x", top, shift, shift)


def _top(x: Tensor) -> tuple[float, int]:
    """lambda_max of x, shifted, and the shift."""
    n, L = x.shape
    found = _overlap.series(x)
    if found is None:
        found = _overlap.series(x.mT)
        x = x if found is None else x.mT  # whose moment has the same lambda_max
    series, step = found or (x, 0)
    size = _scale.largest(series)
    shift = _scale.shift(size)
    if size == 0:
        return 0.0, shift  # ARPACK takes no operator that is zero
    if step == 1:
        series = _scale.shifted(series.double(), shift)
        return _windows_top(series, min(n, L)) / n, shift
    if min(n, L) <= (_DENSE_TOEPLITZ if step else _DENSE):
        gram = _gram(x if x.shape[1] <= x.shape[0] else x.mT, shift)
        return float(torch.linalg.eigvalsh(gram / n)[-1]), shift
    if step:
        series = _scale.shifted(series.double(), shift)
        return _lanczos.windows(_checks.as_numpy(series), x.shape[1], step) / n, shift
    x = _scale.shifted(x.double(), shift)
    return _lanczos.largest(L, lambda v: x.mT @ (x @ v) / n, x), shift


def _windows_top(series: Tensor, L: int) -> float:
    """lambda_max of x^T x for all windows x of a series, one step apart."""
    n = len(series) - L + 1
    if L <= _DENSE_TOEPLITZ:
        return float(torch.linalg.eigvalsh(_windows_gram(series, n, L))[-1])
    row = _checks.as_numpy(_lags.sums(series, L, n))
    left, entered = map(_checks.as_numpy, (series[: L - 1], series[n:]))
    return _lanczos.toeplitz(row, (-1, left), (1, entered))


def moment_largest_eigenvalue(R: Tensor) -> float:
    """Return lambda_max of a second moment.

    Products with a long first row go through the FFT.

    Args:
        R: (L, L), symmetric, or its first row (L,) if it is Toeplitz.

    Raises:
        TypeError: if R is not a real tensor.
        ValueError: for other shapes, an R that is not symmetric, values that are not
            finite, or an eigenvalue outside float64's range.
    """
    R = _checks.moment("R", R).detach()
    shift = _scale.shift(R)
    if _scale.largest(R) == 0:
        return 0.0  # ARPACK takes no operator that is zero
    top = _moment_top(_scale.shifted(R, shift))
    return _scale.restored("lambda_max of R", top, shift)


def moment_timescale(R: Tensor) -> float:
    """Return the dt of "Autocorrelation Matters" for a second moment.

    Args:
        R: as `moment_largest_eigenvalue`, of sequences of L steps.

    Returns:
        1 / sqrt(L lambda_max), in units of time per step.

    Raises:
        TypeError: as `moment_largest_eigenvalue`.
        ValueError: as `moment_largest_eigenvalue`, or if R is zero throughout.
    """
    top = moment_largest_eigenvalue(R)
    if top <= 0:
        raise ValueError("R must not be zero throughout: it has no timescale")
    return 1 / math.sqrt(len(R)) / math.sqrt(top)


def _moment_top(R: Tensor) -> float:
    if R.ndim == 2:
        return float(torch.linalg.eigvalsh(R)[-1])
    L = R.numel()
    if L <= _DENSE_TOEPLITZ:
        lag = torch.arange(L, device=R.device)
        return float(torch.linalg.eigvalsh(R[(lag[:, None] - lag).abs()])[-1])
    return _lanczos.toeplitz(_checks.as_numpy(R))


def timescale(x: Tensor, constant: float = 1.0) -> float:
    """Return the dt of "Autocorrelation Matters": constant / sqrt(L lambda_max).

    Args:
        x: (n, L), real floating point, in the scale in which a model reads it.
        constant: how large the output may be: ``E|y_L|^2 <= (m/2) constant^2`` for m
            modes and complex normal C.

    Returns:
        dt in units of time per step.

    Raises:
        TypeError: if x is not a real floating-point tensor.
        ValueError: if constant is not positive, a value is not finite, all data are
            zero, or dt is outside float64's range.

    Source: arXiv 2411.19455, Theorem 4.1 in our reading; chapter `timescale`.
    """
    constant = float(_checks.positive("constant", constant))
    _checks.sequences("x", x)
    top, shift = _top(x.detach())
    if top <= 0:
        raise ValueError("x must not be zero throughout: it has no timescale")
    return _scale.restored("dt of x", constant / math.sqrt(x.shape[1] * top), -shift)

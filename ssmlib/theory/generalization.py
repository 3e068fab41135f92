"""The measure of a kernel on data that bounds its output and its generalization."""

from __future__ import annotations

from torch import Tensor

from ssmlib import _checks, _scale


def output_measure(kernel: Tensor, x: Tensor) -> Tensor:
    """Return tau: a bound on the mean square of the last output, from moments per step.

    With the mean mu_s and the standard deviation sigma_s of the input at step s, tau is
    ``(sum_s |K_{L-1-s}| sigma_s + |sum_s K_{L-1-s} mu_s|)^2``. Whatever the correlation
    between steps, ``E y_{L-1}^2 <= tau``. An input that is the same at all steps, with
    mean 0, and a kernel of one sign attain it.

    Args:
        kernel: (..., L), real.
        x: sequences (n, L), real, n >= 2.

    Returns:
        (...) float64.

    Raises:
        TypeError: if kernel or x is not a real tensor.
        ValueError: for other shapes, values that are not finite, or a tau outside
            float64's range.

    Source: Liu and Li (arXiv 2405.02670), in our reading of its abstract and summaries.
    """
    kernel = _checks.finite("kernel", _checks.real("kernel", kernel))
    _checks.sequences("x", x)
    fits = kernel.numel() and kernel.ndim and kernel.shape[-1] == x.shape[-1]
    if not fits or len(x) < 2:
        raise ValueError(
            "kernel and x must have shapes (..., L) and (n, L) with n >= 2, got "
            f"{tuple(kernel.shape)} and {tuple(x.shape)}"
        )
    x, of_K, of_x = x.double(), _scale.shift(kernel), _scale.shift(x)
    x, kernel = _scale.shifted(x, of_x), _scale.shifted(kernel, of_K)
    weights = kernel.flip(-1)  # of step s in the last output
    spread = (weights.abs() * x.std(0, correction=0)).sum(-1)
    root = spread + (weights * x.mean(0)).sum(-1).abs()
    root = _scale.restored("sqrt(tau)", root, of_K, of_x)
    by = _scale.shift(root)
    return _scale.restored("tau", _scale.shifted(root, by).square(), by, by)

"""The delay task: how well the best linear readout of fixed poles delays an input."""

from __future__ import annotations

import torch
from torch import Tensor

from ssmlib import _checks
from ssmlib.theory.learning import least_error


def delay_error(F: Tensor, delay: int, r: Tensor, cut: float = 1e-9) -> float:
    """Return the lowest error of a delay over a whole sequence, relative to the target.

    The output is y_t = sum_{s <= t} K_s u_{t-s} with the kernel K = F c, t < L, and the
    target u_{t-d}, 0 before step d. With e = K less 1 at step d, the sum over t of
    E (y_t - target)^2 is ``sum_{s, s'} (L - max(s, s')) r_{|s - s'|} e_s e_s'``.

    Args:
        F: kernels (L, m), one per column, real: `conditioning.features`.
        delay: d in steps, in 0 .. L - 1.
        r: autocovariance of the stationary input (L,), by lag, real; `inputs` has it.
        cut: as `learning.least_error`.

    Returns:
        The least sum over c, over that of c = 0.

    Raises:
        TypeError: if F or r is not a real tensor, or delay not an integer.
        ValueError: for other shapes, a delay outside its range, or an r that is no
            autocovariance.
    """
    F, r = _checks.real("F", F), _checks.moment("r", r)
    if F.ndim != 2 or r.shape != F.shape[:1]:
        raise ValueError(
            "F and r must have shapes (L, m) and (L,), got "
            f"{tuple(F.shape)} and {tuple(r.shape)}"
        )
    L = len(r)
    d = _checks.integer("delay", delay, least=0, most=L - 1)
    s = torch.arange(L, device=F.device)
    later = torch.maximum(s[:, None], s)
    weight = (L - later) * r.double()[(s[:, None] - s).abs()]
    values, Q = torch.linalg.eigh(weight)
    if bool(values[0] < -1e-8 * values[-1]):
        raise ValueError("r must be an autocovariance: its Toeplitz matrix is negative")
    root = values.clamp(min=0).sqrt()[:, None] * Q.T
    return least_error(root @ F.double(), root[:, d], cut)

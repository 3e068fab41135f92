"""The real part of A, at most 0, as a function of a free parameter.

The parameter theta is `A_re`. The transforms differ near 0: `free` reaches 0, is
trained there and can leave it. `relu` reaches 0 and remains there, because its
derivative is 0. `exp` and `softplus` never reach 0. `stable` does not either; its
derivative falls like the power 3/2 of the real part, so that the gradients of long
memories are not larger than those of short ones. Its real parts are between -2 and 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


def _free(theta: Tensor) -> Tensor:
    """min(theta, 0), the gradient passed through; `project_` puts theta back."""
    return theta - theta.detach().clamp(min=0)


@dataclass(frozen=True)
class RealTransform:
    """A map from the parameter `A_re` to Re A, and its inverse.

    Attributes:
        value: theta -> Re A.
        parameter: the inverse of value, for Re A <= 0.
        zero: whether some theta gives Re A = 0.
        projected: whether theta is set back to <= 0 after each step.
        least: the lowest real part that some theta gives.
    """

    value: Callable[[Tensor], Tensor]
    parameter: Callable[[Tensor], Tensor]
    zero: bool
    projected: bool = False
    least: float = -math.inf


#: -1 / (theta^2 + this) is the real part of `stable`
_STABLE = 0.5


REAL_TRANSFORMS = {
    "free": RealTransform(_free, lambda A: A, zero=True, projected=True),
    "exp": RealTransform(lambda t: -torch.exp(t), lambda A: torch.log(-A), zero=False),
    "softplus": RealTransform(
        lambda t: -torch.nn.functional.softplus(t),
        # log(expm1(x)), which does not overflow
        lambda A: -A + torch.log(-torch.expm1(A)),
        zero=False,
    ),
    "relu": RealTransform(lambda t: -torch.relu(t), lambda A: -A, zero=True),
    # The "best" one of StableSSM (arXiv 2311.14495), with its constants
    "stable": RealTransform(
        lambda t: -1 / (t.square() + _STABLE),
        lambda A: torch.sqrt(-1 / A - _STABLE),
        zero=False,
        least=-1 / _STABLE,
    ),
}

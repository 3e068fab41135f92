"""S4D: a diagonal state for every feature, all of it trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor

from ssmlib.layers.diagonal import DiagonalSSM
from ssmlib.layers.modal import ModalSSM


class S4D(ModalSSM, DiagonalSSM):
    """Diagonal SSM, N/2 stored modes a feature: (B, H, L) -> (B, H, L).

    Parameters are real tensors: log_dt (H,); A_re, A_im, B_re, B_im (n_ssm, N/2); C_re
    and C_im (H, N/2), or (2, H, N/2) if bidirectional; D (H,). All copies of A and B
    begin equal, C ~ CN(0, 1), log dt uniform in its range.

    n_ssm: how many copies of A and B there are, H by default; feature h uses copy
    h mod n_ssm. real_transform: what Re A is of A_re. "free": A_re itself, at most 0:
    the map uses min(A_re, 0) and passes the gradient through, and the parameter is put
    back after every step of a `torch.optim` optimizer, so that 0 can be reached and
    left. Any other optimizer calls `project_` after its step. "exp": -exp(A_re);
    "softplus": -log(1 + exp(A_re)); "relu": -max(A_re, 0). B is trained; frozen=("B",)
    leaves it at its initial value.

    Weights of another implementation are copied in part by part: the `log_A_real` of
    the authors' code is A_re with real_transform="exp", its `A_imag` A_im, its B and C
    the pairs here, up to their leading dimensions.

    Other arguments and errors as `SSM`; ValueError for an n_ssm that does not divide
    H, and for a real part of 0 with "exp" or "softplus". Source: S4D
    (arXiv 2206.11893); chapter `state-space-models`.
    """

    ssm_parameters: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "A": ("A_re", "A_im"),
        "B": ("B_re", "B_im"),
        "dt": ("log_dt",),
    }
    readout_parameters = ("C_re", "C_im")

    def modes(self) -> tuple[Tensor, Tensor, Tensor]:
        """(log A_bar, B_bar, C), complex128."""
        return *self.discretize(self.A, self.B, self.dt), self.C

"""S4D: a diagonal state for every feature, all of it trained."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from ssmlib.layers.base import SSM


class S4D(SSM):
    """Diagonal SSM, N/2 stored modes a feature: (B, H, L) -> (B, H, L).

    Parameters are real tensors: log_dt (H,), A_re, A_im, B_re, B_im (H, N/2), C_re
    and C_im (H, N/2), or (2, H, N/2) if bidirectional, D (H,). A and B begin equal for
    all features, C ~ CN(0, 1), log dt uniform in its range.

    The real part of A is a free parameter held at or below 0: the map uses
    min(A_re, 0) and passes the gradient through, and `project_` (called by
    `optimizer` after every step) puts it back. So 0 can be reached, left and kept.

    Arguments and errors as `SSM`. Source: S4D (arXiv 2206.11893); chapter
    `state-space-models`.
    """

    ssm_parameters: ClassVar = {
        "A": ("A_re", "A_im"),
        "B": ("B_re", "B_im"),
        "dt": ("log_dt",),
    }
    readout_parameters = ("C_re", "C_im")
    nonpositive = ("A_re",)

    def initial_values(self, generator: torch.Generator) -> dict[str, Tensor]:
        """log dt and C are drawn first: they are the same whatever the scheme."""
        log_dt = self.init.log_dt(self.d_model, generator)
        C = self.draw_C(generator)
        A, B = (
            part.expand(self.d_model, -1)
            for part in self.init.modes(self.d_state, generator)
        )
        values = {"log_dt": log_dt, "A_re": A.real, "A_im": A.imag}
        values |= {"B_re": B.real, "B_im": B.imag}
        return values | {"C_re": C.real, "C_im": C.imag}

    @property
    def A(self) -> Tensor:
        """Stored eigenvalues (H, N/2), complex128, real parts <= 0."""
        excess = self.A_re.detach().clamp(min=0)
        return as_complex(self.A_re - excess, self.A_im)

    def modes(self) -> tuple[Tensor, Tensor, Tensor]:
        """(log A_bar, B_bar, C), complex128."""
        dt = torch.exp(self.log_dt.double()).unsqueeze(-1)  # (H, 1)
        B = as_complex(self.B_re, self.B_im)
        log_A_bar, B_bar = self.discretize(self.A, B, dt)
        return log_A_bar, B_bar, as_complex(self.C_re, self.C_im)


def as_complex(re: Tensor, im: Tensor) -> Tensor:
    """Complex128: a rounded A_bar would turn the state's phase by L * 6e-8."""
    return torch.complex(re.double(), im.double())

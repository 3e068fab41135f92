"""S4: a state matrix that is diagonal plus low rank, as HiPPO's are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Unpack

import torch
from torch import Tensor

from ssmlib._literals import HippoName
from ssmlib.discretization import dense_parts
from ssmlib.initialization import Initialization
from ssmlib.layers.modal import ModalOptions, ModalSSM
from ssmlib.layers.systems import Dense, System


class S4(ModalSSM):
    """SSM with state matrix diag(A) - P P*, N/2 stored modes: (B, H, L) -> (B, H, L).

    Parameters as `S4D`'s, and P_re, P_im (n_ssm, N/2) beside A's, at its rate and
    frozen with it. init: "legs" or "fout", or an `Initialization` of either; then A, P
    and B are HiPPO's in the eigenbasis of its normal part, B = 1 only where it is asked
    for. FouT's A has real parts of 0, which "exp" and "softplus" cannot make.

    The state is real, (B, H, N) float64: real parts of the modes, then imaginary parts;
    its matrix is 2 x 2 blocks less 2 [Re P; Im P] [Re P; Im P]^T. C is C itself, not
    C (1 - A_bar^L) of some length, so that every length and the recurrence are exact.
    Zero-order hold by one matrix exponential, the bilinear rule by one solve, the
    kernel by `kernels.dense_kernel`: O(N^3 log L + N L) a feature. A kernel cannot be
    exported with a length left open, for its number of products depends on it.

    Weights of the authors' code are copied in as `S4D` says, P alike, C with its
    truncation undone.

    Arguments and errors as `S4D`. Sources: S4 (arXiv 2111.00396), S4D
    (arXiv 2206.11893); chapter `diagonal-is-enough`.
    """

    ssm_parameters: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "A": ("A_re", "A_im", "P_re", "P_im"),
        "B": ("B_re", "B_im"),
        "dt": ("log_dt",),
    }
    readout_parameters = ("C_re", "C_im")
    state_form: ClassVar[type[System]] = Dense

    P_re: Tensor
    P_im: Tensor

    def __init__(
        self,
        d_model: int,
        d_state: int = 64,
        *,
        init: HippoName | Initialization = "legs",
        **options: Unpack[ModalOptions],
    ):
        super().__init__(d_model, d_state, init=init, **options)
        self.state_size = self.d_state

    def _begin(self, generator: torch.Generator) -> dict[str, Tensor]:
        parts = zip("ABP", self.init.hippo(self.d_state), strict=True)
        return {k: v for part in parts for k, v in self._copies(*part).items()}

    @property
    def P(self) -> Tensor:
        """Stored entries of the low-rank term (H, N/2), complex128."""
        return self._of_features(torch.complex(self.P_re.double(), self.P_im.double()))

    def matrix(self) -> Tensor:
        """The state matrix of each feature in real arithmetic: (H, N, N) float64."""
        A, P = self.A, self.P
        re, im = torch.diag_embed(A.real), torch.diag_embed(A.imag)
        blocks = torch.cat([torch.cat([re, -im], -1), torch.cat([im, re], -1)], -2)
        p = torch.cat([P.real, P.imag], -1)
        return blocks - 2 * p.unsqueeze(-1) * p.unsqueeze(-2)

    def system(self) -> Dense:
        """A_bar (H, N, N), B_bar (H, N), C (H, N) or (2, H, N), real."""
        B, C = self.B, self.C
        B = torch.cat([B.real, B.imag], -1)
        A_bar, B_bar = dense_parts(self.matrix(), B, self.dt, self.discretization)
        return Dense(A_bar, B_bar, 2 * torch.cat([C.real, -C.imag], -1))

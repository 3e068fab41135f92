"""S4: a state matrix that is diagonal plus low rank, as HiPPO's are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Unpack

import torch
from torch import Tensor

from ssmlib import _checks
from ssmlib._literals import HippoName
from ssmlib.discretization import dense_parts
from ssmlib.initialization import Initialization
from ssmlib.kernels.tables import plain_autograd
from ssmlib.layers._arguments import check_exporter
from ssmlib.layers.low_rank import low_rank_kernel
from ssmlib.layers.modal import ModalOptions, ModalSSM
from ssmlib.layers.systems import Dense, System

#: the parts of a class that define what the system is as a function of the parameters
_DEFINING = ("system", "_system", "matrix", "A", "P", "B", "C", "dt")


class S4(ModalSSM):
    """A layer (B, H, L) -> (B, H, L) with the state matrix diag(A) - P P*, as in HiPPO.

    Its parameters are those of `S4D`, and P_re and P_im (n_ssm, N/2), which train at
    the rate of A and are frozen together with A. A, P and B are HiPPO's in the
    eigenbasis of its normal part, unless B = 1 is requested. The matrix of FouT has
    real parts of 0, which "exp" and "softplus" cannot represent.

    The state is real, (B, H, N) float64: the real parts of the modes, then the
    imaginary parts. Its matrix is M - 2 [Re P; Im P] [Re P; Im P]^T, where M
    contains one 2 x 2 block per mode. The parameter C is C itself, not
    C (1 - A_bar^L) for some length, so that every length and the recurrence are exact.
    `system()` takes one matrix exponential for zero-order hold, or one solve for the
    bilinear rule. `kernel` takes neither: it starts from a matrix of low rank and
    squares it, O(N^3 log L + N L) per feature. A kernel cannot be exported with an
    open length, because the number of its products depends on the length.

    Weights of the authors' code are copied as `S4D` describes, P in the same way, and C
    after its truncation is undone.

    Args:
        d_model: number of features H, at least 1.
        d_state: real state size N, even.
        init: "legs", "fout", or an `Initialization` of one of them.
        **options: the other arguments of `S4D`.

    Raises:
        TypeError: for an argument of another type.
        ValueError: for an argument outside these values, as `S4D`.

    Sources: S4 (arXiv 2111.00396), S4D (arXiv 2206.11893); chapter
    `diagonal-is-enough`.
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

    #: whether the system is that of the parameters, as `S4` itself defines it
    _system_of_parameters: ClassVar[bool] = True

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls._system_of_parameters = all(
            getattr(cls, name) is getattr(S4, name) for name in _DEFINING
        )

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
        """Return the stored entries of the low-rank term (H, N/2), complex128."""
        return self._of_features(torch.complex(self.P_re.double(), self.P_im.double()))

    def matrix(self) -> Tensor:
        """Return the state matrix of each feature, real: (H, N, N) float64."""
        A, P = self.A, self.P
        re, im = torch.diag_embed(A.real), torch.diag_embed(A.imag)
        blocks = torch.cat([torch.cat([re, -im], -1), torch.cat([im, re], -1)], -2)
        p = torch.cat([P.real, P.imag], -1)
        return blocks - 2 * p.unsqueeze(-1) * p.unsqueeze(-2)

    def kernel(self, L: int) -> Tensor:
        """Return the kernel K, without D, as `SSM.kernel`.

        It is computed from the parameters by `layers.low_rank`. The compiler, the
        transforms of `torch.func` and forward-mode derivatives take the kernel of
        `system()`.
        """
        _checks.integer("L", L)
        K, fits = None, self._system_of_parameters
        if fits and plain_autograd(*self.parameters(), *self.buffers()):
            _checks.fits("L", L, self.d_model * L // 2)  # float32 perhaps
            parts = self.A, self.P, self.B, self.C, self.dt
            K = low_rank_kernel(*parts, self.discretization, L, self.dtype)
        return super().kernel(L) if K is None else K

    def system(self) -> Dense:
        """Return the layer in its discretized form, with its current parameters.

        Returns:
            A_bar (H, N, N), B_bar (H, N) and C (H, N) or (2, H, N), real.
        """
        return self._system(self.dt)

    def _scaled_system(self, step_scale: float) -> Dense | None:
        own = type(self).system is S4.system
        return self._system(self.dt * step_scale) if own else None

    def _system(self, dt: Tensor) -> Dense:
        check_exporter(self)
        B, C = self.B, self.C
        B = torch.cat([B.real, B.imag], -1)
        A_bar, B_bar = dense_parts(self.matrix(), B, dt, self.discretization)
        return Dense(A_bar, B_bar, 2 * torch.cat([C.real, -C.imag], -1))

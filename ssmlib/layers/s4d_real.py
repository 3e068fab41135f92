"""A real diagonal SSM: S4D without imaginary parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal, Unpack

import torch
from torch import Tensor

from ssmlib.initialization import Initialization
from ssmlib.layers.modal import ModalOptions, as_complex
from ssmlib.layers.s4d import S4D


class S4DReal(S4D):
    """A layer (B, H, L) -> (B, H, L) with real A, B and C, N real modes per feature.

    The kernel is K_l = sum_n C_n B_bar_n A_bar_n^l. A, B and C have N real numbers
    each, as many as in `S4D` of the same d_state, and an output has the same mean
    square for equal modes. Parameters: log_dt (H,); A_re and B_re (n_ssm, N); C_re (H,
    N), or (2, H, N) if bidirectional, drawn from N(0, 1); D (H,). The state is
    complex128, as in `S4D`, and (B, H, N).

    Args:
        d_model: number of features H, at least 1.
        d_state: real state size N, at least 1.
        init: "real" for modes -1 ... -N, a pair (A, B) of N real modes, or an
            `Initialization` with real modes.
        **options: the other arguments of `S4D`.

    Raises:
        TypeError: as `S4D`.
        ValueError: as `S4D`, or for modes that are not real.
    """

    ssm_parameters: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "A": ("A_re",),
        "B": ("B_re",),
        "dt": ("log_dt",),
    }
    readout_parameters = ("C_re",)

    def __init__(
        self,
        d_model: int,
        d_state: int = 64,
        *,
        init: Literal["real"] | tuple[Tensor, Tensor] | Initialization = "real",
        **options: Unpack[ModalOptions],
    ):
        super().__init__(d_model, d_state, init=init, **options)
        self.state_size = self.d_state

    def initial_values(self, generator: torch.Generator) -> dict[str, Tensor]:
        """Draw in the order of `S4D`, and leave imaginary parts out."""
        values = super().initial_values(generator)
        return {name: v for name, v in values.items() if not name.endswith("_im")}

    def draw_C(self, generator: torch.Generator) -> Tensor:
        """Draw C ~ N(0, 1): (H, N) or (2, H, N), complex128."""
        sides = (2,) if self.bidirectional else ()
        shape = (*sides, self.d_model, self.d_state)
        drawn = torch.randn(shape, generator=generator, dtype=torch.float64)
        return torch.complex(drawn, torch.zeros_like(drawn))

    def _begin(self, generator: torch.Generator) -> dict[str, Tensor]:
        # A scheme stores N/2 modes of a state of size N; here are N.
        A, B = self.init.modes(2 * self.d_state, generator, self.n_ssm)
        if bool((A.imag != 0).any()) or bool((B.imag != 0).any()):
            raise ValueError(
                f"init of S4DReal must have real modes, as 'real' has, got "
                f"{self.init.scheme!r}"
            )
        return self._copies("A", A) | self._copies("B", B)

    @property
    def A(self) -> Tensor:
        """Return the eigenvalues (H, N), complex128, real and <= 0."""
        return self._real(self._transform.value(self.A_re))

    @property
    def B(self) -> Tensor:
        """Return the input weights (H, N), complex128, real."""
        return self._real(self.B_re)

    @property
    def C(self) -> Tensor:
        """Return half the output weights: a kernel is twice the real part."""
        return as_complex(self.C_re, torch.zeros_like(self.C_re)) / 2

    def _real(self, copies: Tensor) -> Tensor:
        return self._of_features(as_complex(copies, torch.zeros_like(copies)))

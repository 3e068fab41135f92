"""DSS: a diagonal state whose kernel is a softmax over time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Unpack

import torch
from torch import Tensor

from ssmlib import _checks
from ssmlib._literals import Variant
from ssmlib.kernels import conjugate
from ssmlib.layers.base import Init
from ssmlib.layers.modal import ZohOptions
from ssmlib.layers.s4d import S4D

#: below it, what is divided by counts as 0
GUARD = 1e-7
VARIANTS = ("softmax", "exp")


class DSS(S4D):
    """Diagonal SSM without B: (B, H, L) -> (B, H, L).

    Parameters as `S4D`'s, without B_re and B_im. variant: "softmax",

        K_l = 2 Re sum_n (C_n / A_n) exp(z_n l) / sum_{r < length} exp(z_n r),

    z = A dt, bound to a `length`: a longer input is refused, a shorter one and the
    step use that length's sum. Where x = A (exp(z length) - 1) is near 0 its reciprocal
    is guarded: conj(x) / (x conj(x) + 1e-7). "exp": S4D by zero-order hold with B = 1,
    which no length enters.

    Our N is the real state size: N/2 modes and twice the real part, where DSS has N
    complex ones and the real part.

    init, real_transform, n_ssm and others as `S4D`, without discretization. Raises
    ValueError as well for softmax without a length, a length with "exp", and an input
    beyond it. Source: DSS (arXiv 2203.14343) and its authors' code.
    """

    ssm_parameters: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "A": ("A_re", "A_im"),
        "dt": ("log_dt",),
    }
    meaning: ClassVar[tuple[str, ...]] = (*S4D.meaning, "length", "variant")

    def __init__(
        self,
        d_model: int,
        d_state: int = 64,
        *,
        length: int | None = None,
        variant: Variant = "softmax",
        init: Init = "legs",
        **options: Unpack[ZohOptions],
    ):
        _checks.one_of("variant", variant, VARIANTS)
        if (length is None) == (variant == "softmax"):
            raise ValueError(
                "length must be given with variant 'softmax', whose kernel depends on "
                f"it, and with no other, got {length} with {variant!r}"
            )
        if length is not None:
            _checks.integer("length", length)
        if "discretization" in options:
            raise ValueError(
                "DSS has no discretization: its kernel is the zero-order hold's"
            )
        self.length, self.variant = length, variant
        super().__init__(d_model, d_state, init=init, **options)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, length={self.length}, variant={self.variant!r}"

    def _begin(self, generator: torch.Generator) -> dict[str, Tensor]:
        A, B = self.init.modes(self.d_state, generator)
        if not bool((B == 1).all()):
            raise ValueError("init of DSS must have B = 1: C takes B's part")
        return self._copies("A", A)

    @property
    def B(self) -> Tensor:
        """Ones (H, N/2)."""
        return torch.ones_like(self.A)

    def modes(self) -> tuple[Tensor, Tensor, Tensor]:
        """(log A_bar, B_bar, C), complex128."""
        if self.variant == "exp":
            return super().modes()
        A = self.A
        z = A * self.dt
        assert self.length is not None  # softmax has one
        # A (exp(z length) - 1) / (exp(z) - 1) is A times the sum.
        below = (torch.exp(z * self.length) - 1) * A
        guarded = conjugate(below) / (below.real**2 + below.imag**2 + GUARD)
        return z, (torch.exp(z) - 1) * guarded, self.C

    def kernel(self, L: int) -> Tensor:
        """K (H, L), without D; (2, H, L) if bidirectional."""
        self._check_length(L)
        return super().kernel(L)

    def _check_length(self, L: int) -> None:
        if self.length is not None and L > self.length:
            raise ValueError(
                f"L must be at most length, {self.length}, which the softmax is taken "
                f"over, got {L}"
            )

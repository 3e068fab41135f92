"""DSS: a diagonal state whose kernel is a softmax over time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
    """A layer (B, H, L) -> (B, H, L) with a diagonal state and no B.

    Its parameters are those of `S4D` without B_re and B_im. With z = A dt, the kernel
    of variant "softmax" is

        K_l = 2 Re sum_n (C_n / A_n) exp(z_n l) / sum_{r < length} exp(z_n r).

    The sum over r always has `length` terms, also for a shorter input and in the step.
    A longer input is refused. In closed form the kernel contains 1 / x with
    x = A (exp(z length) - 1). It is computed as conj(x) / (x conj(x) + 1e-7), which is
    finite for x near 0. Variant "exp" is S4D with zero-order hold and B = 1; it does
    not depend on a length.

    N is the real state size: there are N/2 modes, and the kernel is twice the real
    part. In the paper there are N complex modes, and the kernel is the real part,
    without the factor 2.

    Args:
        d_model: number of features H, at least 1.
        d_state: real state size N, even.
        length: the largest length of an input, for variant "softmax"; None for "exp".
        variant: "softmax" or "exp".
        init: as `S4D`, with B = 1.
        **options: the other arguments of `S4D`, without discretization.

    Raises:
        TypeError: as `S4D`.
        ValueError: as `S4D`, for "softmax" without a length, "exp" with a length,
            another B than 1, or an input longer than `length`.

    Source: DSS (arXiv 2203.14343) and its authors' code.
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
        """Return the sizes and options that `repr` shows."""
        return f"{super().extra_repr()}, length={self.length}, variant={self.variant!r}"

    def _begin(self, generator: torch.Generator) -> dict[str, Tensor]:
        A, B = self.init.modes(self.d_state, generator, self.n_ssm)
        if not bool((B == 1).all()):
            raise ValueError("init of DSS must have B = 1: C takes B's part")
        return self._copies("A", A)

    @property
    def B(self) -> Tensor:
        """Return ones (H, N/2)."""
        return torch.ones_like(self.A)

    def _defining_modes(self) -> Callable:
        own = type(self).modes
        return S4D.modes if own is DSS.modes and self.variant == "exp" else own

    def modes(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return the discretized modes: (log A_bar, B_bar, C), complex128."""
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
        """Return the kernel as `SSM.kernel`, for L of at most `length`."""
        self._check_length(L)
        return super().kernel(L)

    def _check_length(self, L: int) -> None:
        if self.length is not None and L > self.length:
            raise ValueError(
                f"L must be at most length, {self.length}, which the softmax is taken "
                f"over, got {L}"
            )

"""A discretized layer, x_l = A_bar x_{l-1} + B_bar u_l and y_l = C x_l, in two forms.

Both compute their kernel, the response to a state, a step, and the frozen recurrence.
Letters and shapes: B sequences, H features, L steps; a state of n entries.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ssmlib.kernels import (
    dense_final_state,
    dense_kernel,
    final_states,
    real_product,
    vandermonde_product,
)
from ssmlib.kernels.tables import Pair
from ssmlib.layers.oscillators import Oscillators
from ssmlib.layers.recurrence import DenseRecurrence, Recurrence
from ssmlib.layers.shared_system import Shared


@dataclass(frozen=True)
class Diagonal:
    """A discretized layer with one mode of each conjugate pair.

    The output is y_l = 2 Re sum_n C_n x_n.

    Args:
        log_A_bar: (H, n) complex128.
        B_bar: (H, n) complex128.
        C: (H, n) complex128, or (2, H, n) for both directions.
        parts: the real and the imaginary part of C B_bar and of log A_bar, float64, for
            a compiler; None if only the complex numbers are known.
    """

    log_A_bar: Tensor
    B_bar: Tensor
    C: Tensor
    parts: tuple[Pair, Pair] | None = None
    state_dtype: ClassVar = torch.complex128

    def kernel(self, L: int, dtype: torch.dtype) -> Tensor:
        """Return the kernel.

        Args:
            L: length of the kernel, at least 1.
            dtype: of the result, float32 or float64.

        Returns:
            (H, L), or (2, H, L) for both directions.
        """
        if self.parts is not None:
            return real_product(*self.parts, L, dtype)
        return self._sum(self.C * self.B_bar, L, dtype)

    def _sum(self, v: Tensor, L: int, dtype: torch.dtype) -> Tensor:
        return vandermonde_product(v, self.log_A_bar.expand_as(v), L, dtype)

    def response(self, state: Tensor, L: int, dtype: torch.dtype) -> Tensor:
        """Return the part of the next L outputs that is due to a state.

        Args:
            state: (B, H, n) complex128.
            L: number of steps, at least 1.
            dtype: of the result, float32 or float64.

        Returns:
            (B, H, L).
        """
        return self._sum(self.C * torch.exp(self.log_A_bar) * state, L, dtype)

    def after(self, u: Tensor, state: Tensor) -> Tensor:
        """Return the state after an input.

        Args:
            u: (B, H, L), real, L >= 1.
            state: (B, H, n) complex128: the state before u.

        Returns:
            (B, H, n).
        """
        begun = torch.exp(self.log_A_bar * u.shape[-1]) * state
        return begun + self.B_bar * final_states(u, self.log_A_bar)

    def step(self, u_t: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Compute one step, without the skip term.

        Args:
            u_t: (B, H), real: the input of this step.
            state: (B, H, n) complex128: the state before this step.

        Returns:
            The output y_t (B, H) and the state after this step.
        """
        state = torch.exp(self.log_A_bar) * state + self.B_bar * u_t.unsqueeze(-1)
        return 2 * (self.C * state).real.sum(-1), state

    def recurrence(self, D: Tensor, dtype: torch.dtype) -> Recurrence:
        """Return the frozen step, with a skip term.

        Args:
            D: (H,), the skip term.
            dtype: of the buffers, float32 or float64.
        """
        v = self.C * self.B_bar
        A_bar, B_bar = torch.exp(self.log_A_bar).expand_as(v), self.B_bar.expand_as(v)
        return Recurrence(A_bar, v, D, dtype, B_bar)


@dataclass(frozen=True)
class Dense:
    """A discretized layer with any real state matrix.

    Args:
        A_bar: (H, N, N) float64.
        B_bar: (H, N) float64.
        C: (H, N) float64, or (2, H, N) for both directions.
    """

    A_bar: Tensor
    B_bar: Tensor
    C: Tensor
    state_dtype: ClassVar = torch.float64

    def kernel(self, L: int, dtype: torch.dtype) -> Tensor:
        """Return the kernel.

        Args:
            L: length of the kernel, at least 1.
            dtype: of the result, float32 or float64.

        Returns:
            (H, L), or (2, H, L) for both directions.
        """
        return dense_kernel(self.A_bar, self.B_bar, self.C, L, dtype)

    def response(self, state: Tensor, L: int, dtype: torch.dtype) -> Tensor:
        """Return the part of the next L outputs that is due to a state.

        Args:
            state: (B, H, N) float64.
            L: number of steps, at least 1.
            dtype: of the result, float32 or float64.

        Returns:
            (B, H, L).
        """
        return dense_kernel(self.A_bar, self._turned(state), self.C, L, dtype)

    def _turned(self, state: Tensor) -> Tensor:
        return (self.A_bar @ state.unsqueeze(-1)).squeeze(-1)

    def after(self, u: Tensor, state: Tensor) -> Tensor:
        """Return the state after an input.

        Args:
            u: (B, H, L), real, L >= 1.
            state: (B, H, N) float64: the state before u.

        Returns:
            (B, H, N).
        """
        return dense_final_state(self.A_bar, self.B_bar, u, state)

    def step(self, u_t: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Compute one step, without the skip term.

        Args:
            u_t: (B, H), real: the input of this step.
            state: (B, H, N) float64: the state before this step.

        Returns:
            The output y_t (B, H) and the state after this step.
        """
        state = self._turned(state) + self.B_bar * u_t.unsqueeze(-1)
        return (self.C * state).sum(-1), state

    def recurrence(self, D: Tensor, dtype: torch.dtype) -> DenseRecurrence:
        """Return the frozen step, with a skip term.

        Args:
            D: (H,), the skip term.
            dtype: of the buffers, float32 or float64.
        """
        return DenseRecurrence(self.A_bar, self.B_bar, self.C, D, dtype)


System = Diagonal | Dense | Shared | Oscillators

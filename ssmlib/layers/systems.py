"""A discretized layer: x_l = A_bar x_{l-1} + B_bar u_l, y_l = C x_l, in its two forms.

Both know their kernel, what a carried state does, a step, and the frozen recurrence.
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
    vandermonde_product,
)
from ssmlib.layers.recurrence import DenseRecurrence, Recurrence


@dataclass(frozen=True)
class Diagonal:
    """One of each conjugate pair: y_l = 2 Re sum_n C_n x_n, all complex128.

    log_A_bar, B_bar (H, n); C (H, n), or (2, H, n) for both directions.
    """

    log_A_bar: Tensor
    B_bar: Tensor
    C: Tensor
    state_dtype: ClassVar = torch.complex128

    def kernel(self, L: int, dtype: torch.dtype) -> Tensor:
        """(H, L), or (2, H, L), in real dtype."""
        return self._sum(self.C * self.B_bar, L, dtype)

    def _sum(self, v: Tensor, L: int, dtype: torch.dtype) -> Tensor:
        return vandermonde_product(v, self.log_A_bar.expand_as(v), L, dtype)

    def response(self, state: Tensor, L: int, dtype: torch.dtype) -> Tensor:
        """What the state adds to the next L outputs: (B, H, L)."""
        return self._sum(self.C * torch.exp(self.log_A_bar) * state, L, dtype)

    def after(self, u: Tensor, state: Tensor) -> Tensor:
        """The state after u (B, H, L): (B, H, n)."""
        begun = torch.exp(self.log_A_bar * u.shape[-1]) * state
        return begun + self.B_bar * final_states(u, self.log_A_bar)

    def step(self, u_t: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """u_t (B, H), state -> (y_t (B, H), the state after it)."""
        state = torch.exp(self.log_A_bar) * state + self.B_bar * u_t.unsqueeze(-1)
        return 2 * (self.C * state).real.sum(-1), state

    def recurrence(self, D: Tensor, dtype: torch.dtype) -> Recurrence:
        """The step frozen, D the skip term (H,)."""
        v = self.C * self.B_bar
        return Recurrence(torch.exp(self.log_A_bar).expand_as(v), v, D, dtype)


@dataclass(frozen=True)
class Dense:
    """Any state matrix, real, float64.

    A_bar (H, N, N), B_bar (H, N); C (H, N), or (2, H, N) for both directions.
    """

    A_bar: Tensor
    B_bar: Tensor
    C: Tensor
    state_dtype: ClassVar = torch.float64

    def kernel(self, L: int, dtype: torch.dtype) -> Tensor:
        """(H, L), or (2, H, L), in real dtype."""
        return dense_kernel(self.A_bar, self.B_bar, self.C, L, dtype)

    def response(self, state: Tensor, L: int, dtype: torch.dtype) -> Tensor:
        """What the state adds to the next L outputs: (B, H, L)."""
        return dense_kernel(self.A_bar, self._turned(state), self.C, L, dtype)

    def _turned(self, state: Tensor) -> Tensor:
        return (self.A_bar @ state.unsqueeze(-1)).squeeze(-1)

    def after(self, u: Tensor, state: Tensor) -> Tensor:
        """The state after u (B, H, L): (B, H, N)."""
        return dense_final_state(self.A_bar, self.B_bar, u, state)

    def step(self, u_t: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """u_t (B, H), state -> (y_t (B, H), the state after it)."""
        state = self._turned(state) + self.B_bar * u_t.unsqueeze(-1)
        return (self.C * state).sum(-1), state

    def recurrence(self, D: Tensor, dtype: torch.dtype) -> DenseRecurrence:
        """The step frozen, D the skip term (H,)."""
        return DenseRecurrence(self.A_bar, self.B_bar, self.C, D, dtype)


System = Diagonal | Dense

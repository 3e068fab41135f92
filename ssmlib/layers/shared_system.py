"""A discretized layer whose features share one diagonal state.

Letters and shapes: B sequences, H features, L steps; a state of n modes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from ssmlib.kernels import (
    COMPLEX,
    conjugate,
    final_states,
    vandermonde_product,
)
from ssmlib.layers.convolution import silenced
from ssmlib.layers.shared_recurrence import SharedRecurrence
from ssmlib.layers.shared_states import poles, states_before


@dataclass(frozen=True)
class Shared:
    """A discretized layer with one state of n modes, one of each conjugate pair.

    It is x_l = A_bar x_{l-1} + B_bar u_l and y_l = 2 Re C x_l, for all features
    together. Backward in time, the state that is read at step l has received the inputs
    after l.

    Args:
        log_A_bar: (n,) complex128.
        B_bar: (n, H) complex128.
        C: (H, n) complex128, or (2, H, n) for both directions.
    """

    log_A_bar: Tensor
    B_bar: Tensor
    C: Tensor
    state_dtype: ClassVar = torch.complex128

    @property
    def A_bar(self) -> Tensor:
        """Return the poles (n,)."""
        return poles(self.log_A_bar)

    def kernel(self, L: int, dtype: torch.dtype) -> Tensor:
        """Return the kernel: entry (h, k, l) weighs u_k in y_h, l steps later.

        Args:
            L: length of the kernel, at least 1.
            dtype: of the result, float32 or float64.

        Returns:
            (H, H, L), or (2, H, H, L) for both directions.
        """
        v = self.C.unsqueeze(-2) * self.B_bar.mT  # (..., H, H, n)
        return self._sum(v, L, dtype)

    def _sum(self, v: Tensor, L: int, dtype: torch.dtype) -> Tensor:
        return vandermonde_product(v, self.log_A_bar.expand_as(v), L, dtype)

    def outputs(self, u: Tensor, D: Tensor | None) -> Tensor:
        """Return y, with the skip term.

        Args:
            u: (B, H, L), real.
            D: (H,), the skip term, or None.

        Returns:
            (B, H, L) in the dtype of u.
        """
        U, kind = u.permute(2, 0, 1), COMPLEX[u.dtype]  # (L, B, H)
        v = _as_complex(U @ _as_real(self.B_bar.mT.to(kind)))  # (L, B, n)
        C, *back = self.C if self.C.ndim == 3 else (self.C,)
        after = nn.functional.pad(v, (0, 0, 0, 0, 0, 1))
        states = states_before(after, self.log_A_bar)[1:]  # after each step
        y = _as_real(states) @ _reading(C, kind)
        for C in back:
            states = states_before(v.flip(0), self.log_A_bar).flip(0)
            y = y + _as_real(states) @ _reading(C, kind)
        y = y.permute(1, 2, 0)
        y = y if D is None else y + D.unsqueeze(-1) * u
        if torch.compiler.is_compiling() and not back:  # by Fourier transforms
            return silenced(y, u.abs().amax(1, keepdim=True))
        return y

    def response(self, state: Tensor, L: int, dtype: torch.dtype) -> Tensor:
        """Return the part of the next L outputs that is due to a state.

        Args:
            state: (B, n) complex128.
            L: number of steps, at least 1.
            dtype: of the result, float32 or float64.

        Returns:
            (B, H, L).
        """
        turned = (self.A_bar * state).unsqueeze(1)
        return self._sum(self.C * turned, L, dtype)

    def after(self, u: Tensor, state: Tensor) -> Tensor:
        """Return the state after an input.

        Args:
            u: (B, H, L), real, L >= 1.
            state: (B, n) complex128: the state before u.

        Returns:
            (B, n).
        """
        begun = torch.exp(self.log_A_bar * u.shape[-1]) * state
        return begun + (self.B_bar.mT * final_states(u, self.log_A_bar)).sum(1)

    def step(self, u_t: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Compute one step, without the skip term.

        Args:
            u_t: (B, H), real: the input of this step.
            state: (B, n) complex128: the state before this step.

        Returns:
            The output y_t (B, H) and the state after this step.
        """
        entered = _as_complex(u_t.double() @ _as_real(self.B_bar.mT))
        state = self.A_bar * state + entered
        return _as_real(state) @ _reading(self.C, self.C.dtype), state

    def recurrence(self, D: Tensor, dtype: torch.dtype) -> SharedRecurrence:
        """Return the frozen step, with a skip term.

        Args:
            D: (H,), the skip term.
            dtype: of the buffers, float32 or float64.
        """
        return SharedRecurrence(self.A_bar, self.B_bar, self.C, D, dtype)


def _as_real(z: Tensor) -> Tensor:
    """(..., n) complex -> (..., 2n) real: parts next to each other."""
    return torch.view_as_real(z).flatten(-2)


def _as_complex(rows: Tensor) -> Tensor:
    """(..., 2n) real -> (..., n) complex."""
    return torch.view_as_complex(rows.unflatten(-1, (-1, 2)))


def _reading(C: Tensor, kind: torch.dtype) -> Tensor:
    """The matrix (2n, H) that makes 2 Re C x of `_as_real(x)`."""
    return _as_real(conjugate(2 * C).to(kind)).mT

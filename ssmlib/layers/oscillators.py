"""A discretized layer of oscillators, which all features share.

Letters and shapes: B sequences, H features, L steps; n oscillators, with two entries of
the state each, (z, y). The 2 x 2 matrices are used as they are, and not by their
eigenvalues, because at the edge of the complex pairs there is only one eigenvector.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from ssmlib.kernels import dense_final_state, dense_kernel
from ssmlib.layers.convolution import causal
from ssmlib.layers.oscillator_recurrence import OscillatorRecurrence


@dataclass(frozen=True)
class Oscillators:
    """A discretized layer of n oscillators, which all features drive and read.

    It is x_l = M x_{l-1} + F B u_l for each oscillator, with x = (z, y), and the output
    is C y_l. Backward in time, the state that is read at step l has received the inputs
    after l.

    Args:
        M: (n, 2, 2) float64.
        F: (n, 2) float64.
        B: (n, H) float64.
        C: (H, n) float64, or (2, H, n) for both directions.
    """

    M: Tensor
    F: Tensor
    B: Tensor
    C: Tensor
    state_dtype: ClassVar = torch.float64

    def positions(self, x: Tensor, L: int, dtype: torch.dtype) -> Tensor:
        """Return the positions at L steps, of which the first is that of x.

        Args:
            x: (..., n, 2) float64, the state of the first step.
            L: number of steps, at least 1.
            dtype: of the result, float32 or float64.

        Returns:
            (..., n, L).
        """
        read = self.F.new_tensor([0.0, 1.0]).expand_as(self.F)
        return dense_kernel(self.M, x, read, L, dtype)

    def kernel(self, L: int, dtype: torch.dtype) -> Tensor:
        """Return the kernel: entry (h, k, l) weighs u_k in y_h, l steps later.

        Args:
            L: length of the kernel, at least 1.
            dtype: of the result, float32 or float64.

        Returns:
            (H, H, L), or (2, H, H, L) for both directions.
        """
        weights = self.C.unsqueeze(-2) * self.B.mT  # (..., H, H, n)
        return weights.to(dtype) @ self.positions(self.F, L, dtype)

    def outputs(self, u: Tensor, D: Tensor | None) -> Tensor:
        """Return the outputs, with the skip term.

        Args:
            u: (B, H, L), real.
            D: (H,), the skip term, or None.

        Returns:
            (B, H, L) in the dtype of u.
        """
        L, dtype = u.shape[-1], u.dtype
        v = self.B.to(dtype) @ u  # (B, n, L)
        g = self.positions(self.F, L, dtype)  # (n, L)
        C, *back = self.C.to(dtype) if self.C.ndim == 3 else (self.C.to(dtype),)
        y = C @ causal(v, g)
        for C in back:
            later = nn.functional.pad(causal(v.flip(-1), g), (1, 0))[..., :L]
            y = y + C @ later.flip(-1)
        return y if D is None else y + D.unsqueeze(-1) * u

    def response(self, state: Tensor, L: int, dtype: torch.dtype) -> Tensor:
        """Return the part of the next L outputs that is due to a state.

        Args:
            state: (B, 2 n) float64.
            L: number of steps, at least 1.
            dtype: of the result, float32 or float64.

        Returns:
            (B, H, L).
        """
        return self.C.to(dtype) @ self.positions(self._turned(state), L, dtype)

    def after(self, u: Tensor, state: Tensor) -> Tensor:
        """Return the state after an input.

        Args:
            u: (B, H, L), real, L >= 1.
            state: (B, 2 n) float64: the state before u.

        Returns:
            (B, 2 n).
        """
        v = self.B @ u.double()
        return dense_final_state(self.M, self.F, v, _pairs(state)).flatten(-2)

    def step(self, u_t: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Compute one step, without the skip term.

        Args:
            u_t: (B, H), real: the input of this step.
            state: (B, 2 n) float64: the state before this step.

        Returns:
            The output (B, H) and the state after this step.
        """
        v = u_t.double() @ self.B.mT  # (B, n)
        x = self._turned(state) + self.F * v.unsqueeze(-1)
        return x[..., 1] @ self.C.mT, x.flatten(-2)

    def recurrence(self, D: Tensor, dtype: torch.dtype) -> OscillatorRecurrence:
        """Return the frozen step, with a skip term.

        Args:
            D: (H,), the skip term.
            dtype: of the buffers, float32 or float64.
        """
        return OscillatorRecurrence(self.M, self.F, self.B, self.C, D, dtype)

    def _turned(self, state: Tensor) -> Tensor:
        """M x of each oscillator: (B, 2 n) -> (B, n, 2)."""
        return (self.M @ _pairs(state).unsqueeze(-1)).squeeze(-1)


def _pairs(state: Tensor) -> Tensor:
    """(B, 2 n) -> (B, n, 2)."""
    return state.unflatten(-1, (-1, 2))

"""The step of an SSM layer, frozen: for running a trained layer as data arrive."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ssmlib import _checks


class Recurrence(nn.Module):
    """x_t = A_bar x_{t-1} + u_t, y_t = 2 Re sum_n C_n B_bar_n x_t + D u_t, all real.

    Made by a layer's `recurrence(dtype)`; buffers only, no gradients. The state holds
    the real and imaginary parts of (1 + i) x, (2, N/2, B, H): so the input enters both
    alike. After T steps its phases are off by about T times the rounding of dtype:
    float64 for long runs without damping.
    """

    def __init__(self, A_bar: Tensor, weights: Tensor, D: Tensor, dtype: torch.dtype):
        """A_bar, weights = C B_bar: complex (H, N/2); D (H,)."""
        super().__init__()
        self.d_model, self.n = A_bar.shape
        A_bar, weights = A_bar.mT.unsqueeze(1), 2 * weights.mT.unsqueeze(1) / (1 + 1j)
        buffers = {
            "scale": A_bar.real,  # (N/2, 1, H)
            "turn": torch.stack([-A_bar.imag, A_bar.imag]),  # (2, N/2, 1, H)
            "weights": torch.stack([weights.real, -weights.imag]),
            "D": D,
        }
        for name, value in buffers.items():
            value = value.detach().to(dtype, copy=True).contiguous()
            self.register_buffer(name, value)

    def extra_repr(self) -> str:
        return f"{self.d_model}, d_state={2 * self.n}, dtype={self.D.dtype}"

    def initial_state(self, batch: int) -> Tensor:
        """Zeros (2, N/2, B, H)."""
        _checks.integer("batch", batch)
        return self.D.new_zeros(2, self.n, batch, self.d_model)

    def forward(self, u_t: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """u_t (B, H), state -> (y_t (B, H), the state after it), all of one dtype.

        Raises ValueError for another shape or dtype of u_t, or for the state of
        another layer.
        """
        D = self.D
        if u_t.shape[1:] != D.shape or u_t.dtype != D.dtype:
            raise ValueError(
                f"u_t must have shape (B, {self.d_model}) and {D.dtype}, got "
                f"{tuple(u_t.shape)} and {u_t.dtype}"
            )
        if state.shape != (2, self.n, *u_t.shape) or state.dtype != D.dtype:
            raise ValueError(
                f"state must be this recurrence's own, {D.dtype} of shape "
                f"{(2, self.n, *u_t.shape)}, got {state.dtype} {tuple(state.shape)}"
            )
        turned = torch.addcmul(u_t, state, self.scale)
        state = torch.addcmul(turned, state.flip(0), self.turn)
        y_t = (state * self.weights).sum((0, 1))
        return torch.addcmul(y_t, D, u_t), state

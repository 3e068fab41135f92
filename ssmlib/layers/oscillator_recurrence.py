"""The step of a layer of oscillators, frozen."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ssmlib import _checks
from ssmlib.kernels import COMPLEX, full_precision
from ssmlib.layers import _arguments
from ssmlib.layers.recurrence import DenseRecurrence


class OscillatorRecurrence(nn.Module):
    """The frozen step of a layer of oscillators, which all features share.

    It computes x_t = M x_{t-1} + F B u_t for each oscillator, with x = (z, y), and the
    output C y_t + D u_t. A layer's `recurrence(dtype)` makes it. It has buffers and no
    parameters. The state is (N/2, B, 2). After T steps its phases are off by about T
    times the rounding error of dtype.

    Args:
        M: (N/2, 2, 2), real.
        F: (N/2, 2), real.
        B: (N/2, H), real.
        C: (H, N/2), real.
        D: (H,), the skip term.
        dtype: of the buffers, float32 or float64.
    """

    enter: Tensor
    leave: Tensor
    D: Tensor

    def __init__(
        self,
        M: Tensor,
        F: Tensor,
        B: Tensor,
        C: Tensor,
        D: Tensor,
        dtype: torch.dtype,
    ):
        super().__init__()
        _checks.a_dtype(dtype, COMPLEX)
        n, self.d_model = B.shape
        read = F.new_tensor([0.0, 1.0]).expand_as(F)
        self.oscillators = DenseRecurrence(M, F, read, F.new_zeros(n), dtype)
        for name, value in {"enter": B.mT, "leave": C.mT, "D": D}.items():
            value = value.detach().to(dtype, copy=True).contiguous()
            self.register_buffer(name, value)

    def extra_repr(self) -> str:
        """Return the sizes that `repr` shows."""
        size = 2 * self.oscillators.d_model
        return f"{self.d_model}, d_state={size}, dtype={self.D.dtype}"

    def initial_state(self, batch: int) -> Tensor:
        """Return a state of zeros.

        Args:
            batch: number of sequences B, at least 0.

        Returns:
            (N/2, B, 2) in the recurrence's dtype.

        Raises:
            TypeError: if batch is not an integer.
            ValueError: for batch < 0.
        """
        return self.oscillators.initial_state(batch)

    @torch.no_grad()
    def from_state(self, state: Tensor) -> Tensor:
        """Return the state of a layer as that of this recurrence.

        Args:
            state: (B, N) float64, as the layer's `initial_state`, `forward` or `step`
                returns it.

        Returns:
            (N/2, B, 2) in the recurrence's dtype.

        Raises:
            ValueError: for the state of another layer.
        """
        n = self.oscillators.d_model
        _arguments.check_layer_state(state, torch.float64, (2 * n,))
        return self.oscillators.from_state(state.unflatten(-1, (n, 2)))

    def forward(self, u_t: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Compute one step, or a block of steps at once.

        A NaN or infinity in a block makes y NaN from that step on, and the state after
        it NaN, in that sequence only.

        Args:
            u_t: (B, H) in the recurrence's dtype: the input of this step; or (B, H, T),
                the inputs of T >= 0 steps.
            state: the state before these steps, as `initial_state` returns it.

        Returns:
            The output y_t, shaped like u_t, and the state after the last step, in the
            same dtype.

        Raises:
            ValueError: for another shape or dtype of u_t, or the state of another
                layer.
        """
        shape = (self.oscillators.d_model, u_t.shape[0], 2)
        _arguments.check_frozen_step(self.d_model, u_t, state, shape, self.D.dtype)
        with full_precision(u_t.device):
            if u_t.ndim == 3:
                y, state = self.oscillators(self.enter.mT @ u_t, state)
                return self.leave.mT @ y + self.D.unsqueeze(-1) * u_t, state
            y, state = self.oscillators(u_t @ self.enter, state)
            return torch.addmm(self.D * u_t, y, self.leave), state

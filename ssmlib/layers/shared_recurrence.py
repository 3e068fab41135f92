"""The step of a layer whose features share one state, frozen."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ssmlib import _checks
from ssmlib.kernels import COMPLEX, full_precision
from ssmlib.layers import _arguments
from ssmlib.layers.convolution import finite_part
from ssmlib.layers.shared_states import states_before


class SharedRecurrence(nn.Module):
    """The frozen step of a layer whose features share one state, in real arithmetic.

    It computes x_t = A_bar x_{t-1} + B_bar u_t and y_t = 2 Re C x_t + D u_t. A layer's
    `recurrence(dtype)` makes it. It has buffers and no parameters. The state has the
    real parts of x, then the imaginary parts, (B, N). After T steps its phases are off
    by about T times the rounding error of dtype.

    Args:
        A_bar: complex (N/2,).
        B_bar: complex (N/2, H).
        C: complex (H, N/2).
        D: (H,), the skip term.
        dtype: of the buffers, float32 or float64.
    """

    scale: Tensor
    turn: Tensor
    enter: Tensor
    leave: Tensor
    D: Tensor

    def __init__(
        self, A_bar: Tensor, B_bar: Tensor, C: Tensor, D: Tensor, dtype: torch.dtype
    ):
        super().__init__()
        _checks.a_dtype(dtype, COMPLEX)
        self.n, self.d_model = B_bar.shape
        buffers = {
            "scale": A_bar.real.repeat(2),  # (N,)
            "turn": torch.cat([-A_bar.imag, A_bar.imag]),
            "enter": torch.cat([B_bar.real, B_bar.imag]).mT,  # (H, N)
            "leave": 2 * torch.cat([C.real, -C.imag], -1).mT,  # (N, H)
            "D": D,
        }
        for name, value in buffers.items():
            value = value.detach().to(dtype, copy=True).contiguous()
            self.register_buffer(name, value)

    def extra_repr(self) -> str:
        """Return the sizes that `repr` shows."""
        return f"{self.d_model}, d_state={2 * self.n}, dtype={self.D.dtype}"

    def initial_state(self, batch: int) -> Tensor:
        """Return a state of zeros.

        Args:
            batch: number of sequences B, at least 0.

        Returns:
            (B, N) in the recurrence's dtype.

        Raises:
            TypeError: if batch is not an integer.
            ValueError: for batch < 0.
        """
        _checks.integer("batch", batch, least=0)
        return self.D.new_zeros(batch, 2 * self.n)

    @torch.no_grad()
    def from_state(self, state: Tensor) -> Tensor:
        """Return the state of a layer as that of this recurrence.

        Args:
            state: (B, N/2) complex128, as the layer's `initial_state`, `forward` or
                `step` returns it.

        Returns:
            (B, N) in the recurrence's dtype.

        Raises:
            ValueError: for the state of another layer.
        """
        _arguments.check_layer_state(state, torch.complex128, (self.n,))
        return torch.cat([state.real, state.imag], -1).to(self.D.dtype)

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
        shape, dtype = (u_t.shape[0], 2 * self.n), self.D.dtype
        _arguments.check_frozen_step(self.d_model, u_t, state, shape, dtype)
        with full_precision(u_t.device):
            if u_t.ndim == 3:
                return self._block(u_t, state)
            turned = torch.addcmul(u_t @ self.enter, state, self.scale)
            state = torch.addcmul(turned, state.roll(self.n, -1), self.turn)
            return torch.addmm(self.D * u_t, state, self.leave), state

    def _block(self, u: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Return the outputs (B, H, T) of T steps, and the state after them."""
        if 0 in u.shape:
            return torch.zeros_like(u), state
        clean, broken = finite_part(u)
        U = clean.permute(2, 0, 1)  # (T, B, H)
        # The state enters as if it were the input of a step before the first.
        v = torch.cat([state.unsqueeze(0), U @ self.enter])
        v = nn.functional.pad(v, (0, 0, 0, 0, 0, 1))  # the last state is one after it
        states = states_before(torch.complex(*v.chunk(2, -1)), self._log())[2:]
        rows = torch.cat([states.real, states.imag], -1)  # (T, B, N)
        y, after = (rows @ self.leave + self.D * U).permute(1, 2, 0), rows[-1]
        if broken is not None:
            broken = broken.any(1, True)
            y = y.masked_fill(broken, math.nan)
            after = after.masked_fill(broken[..., -1], math.nan)
        return y, after

    def _log(self) -> Tensor:
        """Return log A_bar (N/2,), complex128; a pole of 0 is one of 1e-300."""
        A = torch.complex(self.scale[: self.n].double(), self.turn[self.n :].double())
        return torch.log(torch.where(A == 0, 1e-300, A))

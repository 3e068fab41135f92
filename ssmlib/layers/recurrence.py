"""The step of an SSM layer, frozen: for running a trained layer as data arrive."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ssmlib import _checks
from ssmlib.kernels import COMPLEX, full_precision


def _check_step(layer, u_t: Tensor, state: Tensor, shape: tuple, dtype) -> None:
    if u_t.shape[1:] != (layer.d_model,) or u_t.dtype != dtype:
        raise ValueError(
            f"u_t must have shape (B, {layer.d_model}) and {dtype}, got "
            f"{tuple(u_t.shape)} and {u_t.dtype}"
        )
    if state.shape != shape or state.dtype != dtype:
        raise ValueError(
            f"state must be this recurrence's own, {dtype} of shape {shape}, got "
            f"{state.dtype} {tuple(state.shape)}"
        )


class Recurrence(nn.Module):
    """The frozen step of a layer with a diagonal state, in real arithmetic.

    It computes x_t = A_bar x_{t-1} + u_t and y_t = 2 Re sum_n C_n B_bar_n x_t + D u_t.
    A layer's `recurrence(dtype)` makes it. It has buffers and no parameters. The state
    has the real and imaginary parts of (1 + i) x, (2, N/2, B, H), so that the input is
    added to both. After T steps its phases are off by about T times the rounding
    error of dtype: use float64 for long runs without damping.

    Args:
        A_bar: complex (H, N/2).
        weights: C B_bar, complex (H, N/2).
        D: (H,), the skip term.
        dtype: of the buffers, float32 or float64.
    """

    scale: Tensor
    turn: Tensor
    weights: Tensor
    D: Tensor

    def __init__(self, A_bar: Tensor, weights: Tensor, D: Tensor, dtype: torch.dtype):
        super().__init__()
        _checks.a_dtype(dtype, COMPLEX)
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
        """Return the sizes that `repr` shows."""
        return f"{self.d_model}, d_state={2 * self.n}, dtype={self.D.dtype}"

    def initial_state(self, batch: int) -> Tensor:
        """Return a state of zeros.

        Args:
            batch: number of sequences B, at least 0.

        Returns:
            (2, N/2, B, H) in the recurrence's dtype.

        Raises:
            TypeError: if batch is not an integer.
            ValueError: for batch < 0.
        """
        _checks.integer("batch", batch, least=0)
        return self.D.new_zeros(2, self.n, batch, self.d_model)

    def forward(self, u_t: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Compute one step.

        Args:
            u_t: (B, H) in the recurrence's dtype: the input of this step.
            state: the state before this step, as `initial_state` returns it.

        Returns:
            The output y_t (B, H) and the state after this step, in the same dtype.

        Raises:
            ValueError: for another shape or dtype of u_t, or the state of another
                layer.
        """
        D = self.D
        _check_step(self, u_t, state, (2, self.n, *u_t.shape), D.dtype)
        turned = torch.addcmul(u_t, state, self.scale)
        state = torch.addcmul(turned, state.flip(0), self.turn)
        y_t = (state * self.weights).sum((0, 1))
        return torch.addcmul(y_t, D, u_t), state


class DenseRecurrence(nn.Module):
    """The frozen step of a layer with a dense state, as one matrix product.

    It computes x_t = A_bar x_{t-1} + B_bar u_t and y_t = C x_t + D u_t. A layer's
    `recurrence(dtype)` makes it. It has buffers and no parameters. The state is (H, B,
    N), because a product with rows is several times faster than with columns.

    Args:
        A_bar: (H, N, N), real.
        B_bar: (H, N), real.
        C: (H, N), real.
        D: (H,), the skip term.
        dtype: of the buffers, float32 or float64.
    """

    turn: Tensor
    enter: Tensor

    def __init__(
        self, A_bar: Tensor, B_bar: Tensor, C: Tensor, D: Tensor, dtype: torch.dtype
    ):
        super().__init__()
        _checks.a_dtype(dtype, COMPLEX)
        self.d_model, self.n = B_bar.shape
        # The output is one column more: C (A_bar x + B_bar u) + D u.
        C = C.unsqueeze(-1)  # (H, N, 1)
        b = B_bar.unsqueeze(-2)  # (H, 1, N)
        buffers = {
            "turn": torch.cat([A_bar.mT, A_bar.mT @ C], -1),  # (H, N, N + 1)
            "enter": torch.cat([b, b @ C + D.view(-1, 1, 1).to(b)], -1),
        }
        for name, value in buffers.items():
            value = value.detach().to(dtype, copy=True).contiguous()
            self.register_buffer(name, value)

    def extra_repr(self) -> str:
        """Return the sizes that `repr` shows."""
        return f"{self.d_model}, d_state={self.n}, dtype={self.turn.dtype}"

    def initial_state(self, batch: int) -> Tensor:
        """Return a state of zeros.

        Args:
            batch: number of sequences B, at least 0.

        Returns:
            (H, B, N) in the recurrence's dtype.

        Raises:
            TypeError: if batch is not an integer.
            ValueError: for batch < 0.
        """
        _checks.integer("batch", batch, least=0)
        return self.turn.new_zeros(self.d_model, batch, self.n)

    def forward(self, u_t: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Compute one step.

        Args:
            u_t: (B, H) in the recurrence's dtype: the input of this step.
            state: the state before this step, as `initial_state` returns it.

        Returns:
            The output y_t (B, H) and the state after this step, in the same dtype.

        Raises:
            ValueError: for another shape or dtype of u_t, or the state of another
                layer.
        """
        shape = (self.d_model, u_t.shape[0], self.n)
        _check_step(self, u_t, state, shape, self.turn.dtype)
        entered = u_t.mT.unsqueeze(-1) * self.enter  # (H, B, N + 1)
        with full_precision(u_t.device):
            both = torch.baddbmm(entered, state, self.turn)
        return both[..., self.n].mT, both[..., : self.n]

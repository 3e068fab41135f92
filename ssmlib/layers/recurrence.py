"""The step of an SSM layer, frozen: for running a trained layer as data arrive."""

from __future__ import annotations

import torch
from torch import Tensor

from ssmlib import _checks
from ssmlib.kernels import COMPLEX, full_precision, krylov
from ssmlib.layers import _arguments
from ssmlib.layers.blocks import Blocks, Tables


class Recurrence(Blocks):
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
        B_bar: complex (H, N/2), by which `from_state` divides; None if it is unknown.
    """

    scale: Tensor
    turn: Tensor
    weights: Tensor
    D: Tensor
    B_bar: Tensor | None

    def __init__(
        self,
        A_bar: Tensor,
        weights: Tensor,
        D: Tensor,
        dtype: torch.dtype,
        B_bar: Tensor | None = None,
    ):
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
        if B_bar is not None:  # two real numbers each, in float64 like the modes
            B_bar = torch.view_as_real(B_bar.detach().to(torch.complex128)).clone()
        self.register_buffer("B_bar", B_bar, persistent=False)

    def extra_repr(self) -> str:
        """Return the sizes that `repr` shows."""
        return f"{self.d_model}, d_state={2 * self.n}, dtype={self.D.dtype}"

    @torch.no_grad()
    def from_state(self, state: Tensor) -> Tensor:
        """Return the state of a layer as that of this recurrence, which divides by B.

        Args:
            state: (B, H, N/2) complex128, as the layer's `initial_state`, `forward` or
                `step` returns it.

        Returns:
            (2, N/2, B, H) in the recurrence's dtype.

        Raises:
            ValueError: for the state of another layer; for a mode that is not 0 but
                receives no input (B = 0), which this recurrence cannot represent; or
                for a recurrence that was made without B_bar.
        """
        _arguments.check_layer_state(state, torch.complex128, (self.d_model, self.n))
        if self.B_bar is None:
            raise ValueError(
                "state needs a recurrence with B_bar: use layer.recurrence"
            )
        B_bar = torch.view_as_complex(self.B_bar.double())
        silent = (B_bar == 0) & (state != 0)
        if _checks.readable(state) and bool(silent.any()):
            raise ValueError(
                "state must be 0 in a mode whose B is 0, as this recurrence has no "
                "such mode"
            )
        x = torch.where(state == 0, 0, state / B_bar) * (1 + 1j)  # (B, H, n)
        parts = torch.stack([x.real, x.imag]).permute(0, 3, 1, 2)
        return parts.to(self.D.dtype).contiguous()

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
        """Compute one step, or a block of steps at once.

        A block needs a few large matrix products, where its steps one by one need many
        small ones. A NaN or infinity in it makes y NaN from that step on, and the state
        after it NaN, in that sequence and feature only.

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
        D = self.D
        shape = (2, self.n, *u_t.shape[:1], self.d_model)
        _arguments.check_frozen_step(self.d_model, u_t, state, shape, D.dtype)
        if u_t.ndim == 3:
            return self._block(u_t, state)
        turned = torch.addcmul(u_t, state, self.scale)
        state = torch.addcmul(turned, state.flip(0), self.turn)
        y_t = (state * self.weights).sum((0, 1))
        return torch.addcmul(y_t, D, u_t), state

    def _tables(self, M: int) -> Tables:
        A = torch.complex(self.scale.double(), self.turn[1].double())  # (n, 1, H)
        E = torch.cat([torch.ones_like(A), A.expand(-1, M, -1)], 1).cumprod(1)
        E = E.permute(2, 1, 0)  # (H, M + 1, n): the powers
        w = torch.complex(self.weights[0], -self.weights[1]).to(E).squeeze(1).mT
        W = w.unsqueeze(1) * E
        K = (W[:, :M] * (1 + 1j)).real.sum(-1)  # (H, M)
        K = torch.cat([K[:, :1] + self.D.unsqueeze(-1), K[:, 1:]], -1)
        into = torch.view_as_real((1 + 1j) * E[:, :M]).flatten(-2)
        outof = torch.view_as_real(W[:, 1:].conj().resolve_conj()).flatten(-2)
        E = E.to(COMPLEX[self.D.dtype])
        return Tables(self.D.dtype, K, into, outof, list(E.unsqueeze(2).unbind(1)))

    def _advanced(self, rows: Tensor, powers: list[Tensor], m: int) -> Tensor:
        pairs = torch.view_as_complex(rows.unflatten(-1, (self.n, 2)))
        return torch.view_as_real(powers[m] * pairs).flatten(-2)

    def _rows(self, state: Tensor) -> Tensor:
        return state.permute(3, 2, 1, 0).flatten(-2)  # (H, B, N)

    def _state(self, rows: Tensor) -> Tensor:
        return rows.unflatten(-1, (self.n, 2)).permute(3, 2, 1, 0).contiguous()


class DenseRecurrence(Blocks):
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

    @torch.no_grad()
    def from_state(self, state: Tensor) -> Tensor:
        """Return the state of a layer as that of this recurrence.

        Args:
            state: (B, H, N) float64, as the layer's `initial_state`, `forward` or
                `step` returns it.

        Returns:
            (H, B, N) in the recurrence's dtype.

        Raises:
            ValueError: for the state of another layer.
        """
        _arguments.check_layer_state(state, torch.float64, (self.d_model, self.n))
        return state.transpose(0, 1).to(self.turn.dtype).contiguous()

    def forward(self, u_t: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Compute one step, or a block of steps at once.

        A block needs a few large matrix products, where its steps one by one need many
        small ones. A NaN or infinity in it makes y NaN from that step on, and the state
        after it NaN, in that sequence and feature only.

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
        shape = (self.d_model, u_t.shape[0], self.n)
        _arguments.check_frozen_step(self.d_model, u_t, state, shape, self.turn.dtype)
        if u_t.ndim == 3:
            return self._block(u_t, state)
        entered = u_t.mT.unsqueeze(-1) * self.enter  # (H, B, N + 1)
        with full_precision(u_t.device):
            both = torch.baddbmm(entered, state, self.turn)
        return both[..., self.n].mT, both[..., : self.n]

    def _tables(self, M: int) -> Tables:
        turn, enter = self.turn.double(), self.enter.double()
        A, b = turn[..., : self.n].mT, enter[:, 0, : self.n]
        into, _ = krylov(A, b, M)  # (H, N, M)
        outof, _ = krylov(A.mT, turn[..., self.n], M)  # (H, N, M): C A^(j + 1)
        later = (turn[..., self.n :].mT @ into[..., : M - 1]).squeeze(1)
        K = torch.cat([enter[:, 0, self.n :], later], -1)  # (H, M)
        powers = [turn[..., : self.n]]
        while 2 ** len(powers) <= M:
            powers.append(powers[-1] @ powers[-1])
        powers = [power.to(self.turn.dtype) for power in powers]
        return Tables(self.turn.dtype, K, into.mT, outof.mT, powers)

    def _advanced(self, rows: Tensor, powers: list[Tensor], m: int) -> Tensor:
        for k, power in enumerate(powers):
            if m >> k & 1:
                rows = rows @ power
        return rows

    def _rows(self, state: Tensor) -> Tensor:
        return state

    def _state(self, rows: Tensor) -> Tensor:
        return rows

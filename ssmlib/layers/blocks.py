"""A frozen recurrence for a block of steps at once: in chunks of M steps, as matrices.

In a chunk, y = T u + G x, and the state after it is A^M x + F u. T is the kernel's
Toeplitz matrix, row j of G is C A^(j + 1), and column j of F is A^(M - 1 - j) B.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import NoReturn

import torch
from torch import Tensor, nn

from ssmlib.kernels import full_precision
from ssmlib.layers.chunks import toeplitz
from ssmlib.layers.convolution import finite_part

_STEPS = 64  # per chunk: the products are then large, and the tables fit into a cache


class Tables:
    """The matrices of a chunk of M steps, transposed, as rows times them are fast.

    Args:
        dtype: that of the matrices.
        K: (H, M), the kernel, with the skip term at lag 0.
        into: (H, M, S), A^j B, by j.
        outof: (H, M, S), C A^(j + 1), by j.
        powers: powers of A, as the recurrence stores them.
    """

    def __init__(
        self,
        dtype: torch.dtype,
        K: Tensor,
        into: Tensor,
        outof: Tensor,
        powers: list[Tensor],
    ):
        self.within = toeplitz(K.to(dtype)).contiguous()  # (H, M, M)
        self.into = into.flip(1).to(dtype).contiguous()  # (H, M, S)
        self.outof = outof.mT.to(dtype).contiguous()  # (H, S, M)
        self.powers = powers


class Blocks(nn.Module):
    """A recurrence that computes a block of steps from tables of its buffers."""

    # The tables, and the buffers from which they were made.
    _made: tuple[list[Tensor], Tables] | None = None

    @abstractmethod
    def _tables(self, M: int) -> Tables:
        """Return the tables, computed in float64 from the buffers."""

    @abstractmethod
    def _advanced(self, rows: Tensor, powers: list[Tensor], m: int) -> Tensor:
        """Return A^m x for states x as rows (H, B, S)."""

    @abstractmethod
    def _rows(self, state: Tensor) -> Tensor:
        """Return a state as rows (H, B, S)."""

    @abstractmethod
    def _state(self, rows: Tensor) -> Tensor:
        """Return rows as a state."""

    def __prepare_scriptable__(self) -> NoReturn:
        """Raise TypeError, where `torch.jit.script` asks for a module to compile."""
        raise TypeError(
            f"torch.jit.script cannot compile {type(self).__name__}: use "
            "torch.jit.trace(frozen, (u_t, state)), or export it to ONNX"
        )

    def __getstate__(self) -> dict:
        """Return what a copy has: it makes its own tables."""
        return {k: v for k, v in self.__dict__.items() if k != "_made"}

    def _current(self) -> Tables:
        """Return the tables; they are made again if a buffer has changed."""
        if torch.compiler.is_compiling():
            return self._tables(_STEPS)
        buffers = list(self.buffers())
        if self._made is None or not all(map(_same, buffers, self._made[0])):
            # Tables that are made in inference mode could not be used outside of it.
            with torch.inference_mode(False), torch.no_grad():
                self._made = [b.clone() for b in buffers], self._tables(_STEPS)
        return self._made[1]

    def _block(self, u: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Return the outputs (B, H, T) of T steps, and the state after them."""
        T = u.shape[-1]
        if 0 in u.shape:
            return torch.zeros_like(u), state
        with full_precision(u.device):
            clean, broken = finite_part(u)
            tables, rows, found = self._current(), self._rows(state), []
            for part, m in (
                (clean[..., : T % _STEPS], T % _STEPS),
                (clean[..., T % _STEPS :], _STEPS),
            ):
                if part.shape[-1]:
                    y, rows = self._chunks(part, rows, tables, m)
                    found.append(y)
            y = torch.cat(found, -1) if len(found) > 1 else found[0]
            if broken is not None:
                y = y.masked_fill(broken, math.nan)
                rows = rows.masked_fill(broken[..., -1].mT.unsqueeze(-1), math.nan)
        return y, self._state(rows)

    def _chunks(
        self, u: Tensor, rows: Tensor, tables: Tables, m: int
    ) -> tuple[Tensor, Tensor]:
        """Return the outputs of chunks of m <= M steps, and the rows after them."""
        k = u.shape[-1] // m
        U = u.unflatten(-1, (k, m)).permute(1, 2, 0, 3)  # (H, k, B, m)
        shape, U = U.shape, U.flatten(1, 2)
        added = (U @ tables.into[:, -m:]).unflatten(1, shape[1:3])  # (H, k, B, S)
        before = []
        for own in added.unbind(1):
            before.append(rows)
            rows = self._advanced(rows, tables.powers, m) + own
        states = torch.stack(before, 1).flatten(1, 2)  # (H, k B, S)
        y = torch.baddbmm(states @ tables.outof[..., :m], U, tables.within[:, :m, :m])
        return y.view(shape).permute(2, 0, 1, 3).flatten(-2), rows


def _same(one: Tensor, other: Tensor) -> bool:
    alike = (one.device, one.dtype) == (other.device, other.dtype)
    return alike and torch.equal(one, other)

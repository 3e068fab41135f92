"""A layer one step at a time: its state, its step, and its frozen recurrence."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from ssmlib import _checks
from ssmlib.layers import _arguments
from ssmlib.layers.oscillator_recurrence import OscillatorRecurrence
from ssmlib.layers.parameters import DTYPES, Parametrized
from ssmlib.layers.recurrence import DenseRecurrence, Recurrence
from ssmlib.layers.shared_recurrence import SharedRecurrence
from ssmlib.layers.systems import Diagonal, System


class Stepping(Parametrized):
    """The steps of an `SSM`, whose base this is."""

    state_form: ClassVar[type[System]] = Diagonal
    mixes_features: ClassVar[bool] = False
    bidirectional: bool
    state_size: int

    @abstractmethod
    def system(self) -> System:
        """Return the layer in its discretized form, with its current parameters."""

    def initial_state(self, batch: int) -> Tensor:
        """Return a state of zeros.

        Args:
            batch: number of sequences B, at least 0.

        Returns:
            (B, H, `state_size`), complex128, or float64 for a dense state.

        Raises:
            TypeError: if batch is not an integer.
            ValueError: for batch < 0.
        """
        _checks.integer("batch", batch, least=0)
        shape = _arguments.state_shape(self, batch)
        dtype = self.state_form.state_dtype
        return torch.zeros(shape, dtype=dtype, device=self._like().device)

    def step(self, u_t: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Compute one step of the recurrence.

        Each call discretizes the layer, and gradients pass through it. Use `recurrence`
        for many steps of a layer that is no longer trained.

        Args:
            u_t: (B, H), real floating point: the input of this step.
            state: the state before this step, as `initial_state` returns it.

        Returns:
            The output y_t (B, H) in the dtype of u_t, and the state after this step.

        Raises:
            TypeError: if u_t is not real floating point.
            ValueError: for u_t of another shape, a state of another layer or batch
                size, or a bidirectional layer.
        """
        _arguments.check_step(self, u_t)
        _arguments.check_state(self, state, u_t.shape[0])
        y_t, state = self.system().step(u_t, state)
        if self.D is not None:
            y_t = y_t + self.D * u_t
        return y_t.to(u_t.dtype), state

    @torch.no_grad()
    def recurrence(
        self, dtype: torch.dtype | None = None
    ) -> Recurrence | DenseRecurrence | SharedRecurrence | OscillatorRecurrence:
        """Return the step with the current parameters, frozen, in real arithmetic.

        It takes one step (B, H) at a time, or a block of steps (B, H, T).

        Args:
            dtype: float32 or float64; None for the layer's own.

        Raises:
            TypeError: for another dtype.
            ValueError: for a bidirectional layer.
        """
        _arguments.check_causal(self)
        dtype = self.dtype if dtype is None else dtype
        _checks.a_dtype(dtype, DTYPES)
        D = self._like().new_zeros(self.d_model) if self.D is None else self.D
        return self.system().recurrence(D, dtype)

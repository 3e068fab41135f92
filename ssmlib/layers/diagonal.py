"""The base of SSM layers with a diagonal state: what modes alone make possible."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

from torch import Tensor

from ssmlib.discretization import METHODS
from ssmlib.layers.base import SSM
from ssmlib.layers.chunks import chunk_length, chunked
from ssmlib.layers.systems import Diagonal


class DiagonalSSM(SSM):
    """An `SSM` whose system is diagonal: K_l = 2 Re sum_n C_n B_bar_n A_bar_n^l.

    An abstract class. A subclass defines `initial_values` and `modes`, and what else
    `SSM` says. `self.discretize(A, B, dt)` gives the first two of `modes()`.

    Arguments and errors as `SSM`.
    """

    #: whether the kernel is that of the modes, so that `modes()` alone give the output
    _kernel_of_modes: ClassVar[bool] = True

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        own = (cls.kernel, cls.system)
        cls._kernel_of_modes = own == (SSM.kernel, DiagonalSSM.system)

    @abstractmethod
    def modes(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return (log A_bar, B_bar, C), complex128.

        Returns:
            The first two (H, N/2); C (H, N/2), or (2, H, N/2) if bidirectional.
        """

    def system(self) -> Diagonal:
        """Return the layer discretized, as it stands."""
        return Diagonal(*self.modes())

    def discretize(self, A: Tensor, B: Tensor, dt: Tensor) -> tuple[Tensor, Tensor]:
        """(log A_bar, B_bar) by the layer's rule: A, B complex (H, N/2), dt (H, 1)."""
        return METHODS[self.discretization](A, B, dt)

    def _convolve(self, x: Tensor) -> Tensor:
        M = chunk_length(x, self.d_state)
        if M == 0 or self.bidirectional or not self._kernel_of_modes:
            return super()._convolve(x)
        log_A_bar, B_bar, C = self.modes()
        v = C * B_bar
        return chunked(x, v, log_A_bar.expand_as(v), self.D, M)

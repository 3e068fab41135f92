"""The base of SSM layers with a diagonal state, which defines a layer by its modes."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import torch
from torch import Tensor

from ssmlib.discretization import METHODS
from ssmlib.kernels.tables import Pair
from ssmlib.layers._arguments import check_exporter
from ssmlib.layers.base import SSM
from ssmlib.layers.chunks import chunk_length, chunked
from ssmlib.layers.systems import Diagonal


class DiagonalSSM(SSM):
    """An `SSM` with a diagonal system: K_l = 2 Re sum_n C_n B_bar_n A_bar_n^l.

    This class is abstract. A subclass defines `initial_values`, `modes` and the class
    attributes that `SSM` describes. `self.discretize(A, B, dt)` gives the first two
    results of `modes()`. Arguments and errors are those of `SSM`.
    """

    #: whether the kernel is that of the modes, so that `modes()` alone give the output
    _kernel_of_modes: ClassVar[bool] = True

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        own = (cls.kernel, cls.system)
        cls._kernel_of_modes = own == (SSM.kernel, DiagonalSSM.system)

    @abstractmethod
    def modes(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return the discretized modes: (log A_bar, B_bar, C), complex128.

        Returns:
            The first two (H, N/2); C (H, N/2), or (2, H, N/2) if bidirectional.
        """

    def system(self) -> Diagonal:
        """Return the layer in its discretized form, as `SSM.system`."""
        parts = self._real_parts() if torch.compiler.is_compiling() else None
        check_exporter(self, real=parts is not None)
        return Diagonal(*self.modes(), parts)

    def _real_parts(self) -> tuple[Pair, Pair] | None:
        """Return the parts of C B_bar and of log A_bar, computed as real numbers.

        Inductor generates no code for complex numbers, and leaves out those that are
        not used. None stands for a layer that has only complex modes.
        """
        return None

    def discretize(self, A: Tensor, B: Tensor, dt: Tensor) -> tuple[Tensor, Tensor]:
        """Return (log A_bar, B_bar) by the layer's discretization.

        Args:
            A: eigenvalues, complex (H, N/2).
            B: input weights, complex (H, N/2).
            dt: time per step, real (H, 1).
        """
        return METHODS[self.discretization](A, B, dt)

    def _convolve(self, x: Tensor) -> Tensor:
        M = chunk_length(x, self.d_state)
        if M == 0 or self.bidirectional or not self._kernel_of_modes:
            return super()._convolve(x)
        log_A_bar, B_bar, C = self.modes()
        v = C * B_bar
        return chunked(x, v, log_A_bar.expand_as(v), self.D, M)

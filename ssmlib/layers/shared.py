"""The base of layers with one state for all features: many inputs, many outputs."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from torch import Tensor

from ssmlib.discretization import METHODS
from ssmlib.layers.base import SSM
from ssmlib.layers.oscillators import Oscillators
from ssmlib.layers.shared_system import Shared
from ssmlib.layers.systems import System


class SharedSSM(SSM):
    """An `SSM` with one state of N/2 modes, which all features share.

    It computes x_t = A_bar x_{t-1} + B_bar u_t and y_t = 2 Re C x_t + D u_t, where u_t
    and y_t have all H features. So it mixes features, and differs from the other layers
    in four points:

    - A state is (B, N/2) complex128 (in `LinOSS`, (B, N) float64).
    - `kernel(L)` is (H, H, L): entry (h, k, l) is the weight of feature k of the input
      in feature h of the output, l steps later. With bidirectional=True it is
      (2, H, H, L). `impulse_response` and `last_weights` have the same axes. The layer
      does not need its kernel, which has H^2 L entries: a sequence takes two products
      with matrices and a scan in chunks.
    - A NaN or infinity in u makes y NaN from that step on in all features of that
      sequence.
    - A `Model` with pooling "last" computes all steps of its last layer.

    This class is abstract. A subclass defines `initial_values`, `modes` and the class
    attributes that `SSM` describes. `self.discretize(A, B, dt)` gives the first two
    results of `modes()`. Arguments and errors are those of `SSM`.
    """

    state_form: ClassVar[type[System]] = Shared
    mixes_features: ClassVar[bool] = True

    @abstractmethod
    def modes(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return the discretized modes: (log A_bar, B_bar, C), complex128.

        Returns:
            (N/2,), (N/2, H), and (H, N/2), or (2, H, N/2) if bidirectional.
        """

    def system(self) -> Shared | Oscillators:
        """Return the layer in its discretized form, as `SSM.system`."""
        return Shared(*self.modes())

    def discretize(self, A: Tensor, B: Tensor, dt: Tensor) -> tuple[Tensor, Tensor]:
        """Return (log A_bar, B_bar) by the layer's discretization.

        Args:
            A: eigenvalues, complex (N/2,).
            B: input weights, complex (N/2, H).
            dt: time per step of each mode, real (N/2,).
        """
        rule = METHODS[self.discretization]
        log_A_bar, B_bar = rule(A.unsqueeze(-1), B, dt.unsqueeze(-1))
        return log_A_bar.squeeze(-1), B_bar

    def _convolve(self, x: Tensor) -> Tensor:
        return self.system().outputs(x, self.D)

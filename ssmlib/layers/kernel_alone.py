"""The base of layers that have a kernel and no state."""

from __future__ import annotations

from abc import abstractmethod
from typing import NoReturn

from torch import Tensor

from ssmlib.layers.base import SSM


class KernelSSM(SSM):
    """An `SSM` that is its kernel alone: it has no step, no state and no recurrence.

    An abstract class. A subclass defines `initial_values` and `kernel`, and what else
    `SSM` says. Arguments and errors as `SSM`; NotImplementedError for a step, a state
    or the recurrence.
    """

    @abstractmethod
    def kernel(self, L: int) -> Tensor:
        """Return K (H, L), without D; (2, H, L) if bidirectional: forward, backward."""

    def system(self) -> NoReturn:
        """Raise NotImplementedError: there are no matrices to give."""
        raise NotImplementedError(
            f"{type(self).__name__} defines a kernel and no modes: it has no step, no "
            "state and no recurrence"
        )

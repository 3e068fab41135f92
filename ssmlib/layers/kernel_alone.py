"""The base of layers that have a kernel and no state."""

from __future__ import annotations

from abc import abstractmethod
from typing import NoReturn

from torch import Tensor

from ssmlib.layers.base import SSM


class KernelSSM(SSM):
    """An `SSM` that has only a kernel: no step, no state and no recurrence.

    This class is abstract. A subclass defines `initial_values`, `kernel` and the class
    attributes that `SSM` describes. Arguments and errors are those of `SSM`. A step, a
    call with a state, and the recurrence raise NotImplementedError.
    """

    @abstractmethod
    def kernel(self, L: int) -> Tensor:
        """Return the kernel K, without D.

        Args:
            L: length of the kernel, at least 1.

        Returns:
            (H, L); (2, H, L) if bidirectional: forward, backward.
        """

    def system(self) -> NoReturn:
        """Raise NotImplementedError: there are no matrices to give."""
        raise NotImplementedError(
            f"{type(self).__name__} defines a kernel and no modes: it has no step, no "
            "state and no recurrence"
        )

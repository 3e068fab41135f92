"""The parameters of an SSM layer: how they are named, drawn, frozen and reset."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar, Self

import torch
from torch import Tensor, nn

from ssmlib import _checks
from ssmlib.initialization import Initialization
from ssmlib.layers.projection import Projected
from ssmlib.layers.state import Described, set_
from ssmlib.layers.subclass import (
    SSM_PARTS,
    check_complete,
    check_names,
    check_parts,
    parameters_named_by,
)

DTYPES = (torch.float32, torch.float64)


class Parametrized(Described, Projected, ABC):
    """A layer whose parameters are drawn from its seed: the base of `SSM`.

    Attributes:
        ssm_parameters: by part ("A", "B" or "dt") the names of its parameters.
        readout_parameters: the names of the parameters of C.
        d_model: number of features H.
        d_state: real state size N.
        bidirectional: whether C has two parts, forward and backward.
        init: the initialization.
        skip: whether there is a skip term D.
        seed: of the random numbers of all parameters.
        D: (H,), the skip term; None if skip is False.
    """

    ssm_parameters: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    readout_parameters: tuple[str, ...] = ()

    d_model: int
    d_state: int
    bidirectional: bool
    init: Initialization
    skip: bool
    seed: int
    D: Tensor | None

    if TYPE_CHECKING:  # the names of `initial_values` are parameters

        def __getattr__(self, name: str) -> Any: ...

    def __new__(cls, *_: Any, **__: Any) -> Self:
        """Check that the class defines all its parts."""
        check_complete(cls)  # with a clearer error than Python's own
        return super().__new__(cls)

    @abstractmethod
    def initial_values(self, generator: torch.Generator) -> dict[str, Tensor]:
        """Return the initial value of each parameter by name: float64, on the CPU.

        Args:
            generator: source of all random numbers, on the CPU.
        """

    @classmethod
    def ssm_names(cls) -> dict[str, str]:
        """Return the part ("A", "B" or "dt") of each SSM parameter by name."""
        parts = cls.ssm_parameters.items()
        return {name: part for part, names in parts for name in names}

    def _options(self) -> dict[str, Any]:
        return {"layer": parameters_named_by(type(self))} | super()._options()

    def _register(
        self,
        frozen: Iterable[str],
        dtype: torch.dtype,
        device: torch.device | str | None,
    ) -> None:
        """Draw the parameters; those of a frozen part become buffers."""
        check_parts(type(self))
        self.register_parameter("D", None)
        parts = self.ssm_names()
        frozen = _checks.several("frozen", frozen, SSM_PARTS)
        for name, value in self._draw(self._generator()).items():
            value = _checks.finite(f"{name} in {dtype}", value.to(dtype))
            value = value.contiguous().to(_device(device))
            if parts.get(name) in frozen:
                self.register_buffer(name, value)
            else:
                self.register_parameter(name, nn.Parameter(value))
        check_names(self)

    def _generator(self) -> torch.Generator:
        return torch.Generator("cpu").manual_seed(self.seed)

    def _draw(self, generator: torch.Generator) -> dict[str, Tensor]:
        """Draw D first, so that it does not depend on the other values."""
        with torch.device("cpu"):  # also where the layer is made on meta
            D = torch.randn(self.d_model, generator=generator, dtype=torch.float64)
            values = self.initial_values(generator)
        return {**values, "D": D} if self.skip else values

    @torch.no_grad()
    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Set the parameters to their initial values, or draw them from a generator.

        Args:
            generator: source of the random numbers; None to draw from the layer's seed.

        Raises:
            ValueError: for a layer in an ensemble, whose parameters are those of many
                models.
        """
        values = self._draw(self._generator() if generator is None else generator)
        for name, value in values.items():
            set_(getattr(self, name), value)

    def draw_C(self, generator: torch.Generator) -> Tensor:
        """Draw output weights C ~ CN(0, 1).

        Args:
            generator: source of the random numbers, on the CPU.

        Returns:
            (H, N/2), or (2, H, N/2) if bidirectional, complex128.
        """
        sides = (2,) if self.bidirectional else ()
        shape = (*sides, self.d_model, self.d_state // 2, 2)
        parts = torch.randn(shape, generator=generator, dtype=torch.float64)
        return torch.view_as_complex(parts * math.sqrt(0.5))

    @property
    def dtype(self) -> torch.dtype:
        """Return the dtype of the parameters.

        Raises:
            TypeError: if they are in half precision.
        """
        dtype = self._like().dtype
        if dtype not in DTYPES:
            raise TypeError(
                "the parameters of an SSM must stay in float32 or float64 (use "
                f"autocast for half precision), got {dtype}"
            )
        return dtype

    def _like(self) -> Tensor:
        replicated = getattr(self, "_former_parameters", {})  # of nn.DataParallel
        return next(chain(self.parameters(), self.buffers(), replicated.values()))


def _device(device: torch.device | str | None) -> torch.device:
    return torch.get_default_device() if device is None else torch.device(device)

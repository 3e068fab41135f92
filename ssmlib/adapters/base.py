"""The base of adapters: what one kind of layer calls its parameters, and its law.

An adapter of one's own derives from `Adapter` and is passed to `register`. The page
*Initialize and audit any layer* has one in 20 lines.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from ssmlib.adapters._modes import Modes
from ssmlib.adapters.laws import Law
from ssmlib.initialization import Initialization

#: relative rounding of a value by the dtype of the parameter that stores it
ROUNDING = {torch.bfloat16: 0.02, torch.float16: 0.005}

Parameters = Mapping[str, Tensor]


class Refused(ValueError):
    """An initialization that the parametrization of a layer cannot hold."""


class Adapter(ABC):
    """One kind of layer: its parameters, their transform, and its published law.

    This class is abstract. A subclass defines the class attributes `kind` and `names`
    and the methods `read` and `write`, and most define `laws`. Parameters come by name
    as float64 tensors on the CPU.

    Attributes:
        kind: the name of the kind.
        names: the parameters by which a layer is found, as in its state dict. The first
            one also shows a layer whose other parameters or shapes are not known.
        used: further parameters that `read` and `write` use if they exist.
        selective: whether B, C and dt also depend on the input. Such a layer is
            evaluated at the dt of its bias, with B = C = 1.
        dt_name: the parameter that holds dt, None in discrete time.
        dt_transform: dt as a function of that parameter: "exp" or "softplus".
        A_name: the parameter that holds log(-A), None if there is none.
        readout: how modes of a pair add up to an output, as in
            `theory.timescale.output_energy`; real modes are added as they are.
        uses: the parts of an initialization that the parametrization has: A, B and dt.
        note: a limit of the evaluation, one sentence, for the table; "" for none.
    """

    kind: ClassVar[str]
    names: ClassVar[tuple[str, ...]]
    used: ClassVar[tuple[str, ...]] = ()
    selective: ClassVar[bool] = False
    dt_name: ClassVar[str | None] = None
    dt_transform: ClassVar[Literal["exp", "softplus"]] = "exp"
    A_name: ClassVar[str | None] = None
    readout: ClassVar[Literal["pairs", "complex"]] = "pairs"
    uses: ClassVar[tuple[str, ...]] = ("A", "B", "dt")
    note: ClassVar[str] = ""

    @abstractmethod
    def read(self, p: Parameters, options: Mapping[str, Any]) -> Modes:
        """Return the modes of a layer.

        Args:
            p: the parameters by name, those of `names` and existing ones of `used`.
            options: what a module or checkpoint tells beside the numbers, as our own
                layers do; empty for other layers.

        Raises:
            ValueError: for shapes that do not belong to the kind.
        """

    @abstractmethod
    def write(
        self, modes: Modes, p: Parameters, options: Mapping[str, Any]
    ) -> dict[str, Tensor]:
        """Return the new values of the parameters that hold given modes.

        Args:
            modes: the modes of all features.
            p: as `read`, the values so far.
            options: as `read`.

        Raises:
            Refused: for modes that the parametrization cannot hold; the error says what
                would be the nearest possible.
        """

    def laws(self, H: int, n: int, p: Parameters) -> tuple[Law, ...]:
        """Return the published laws of a layer, the usual one first; () for none.

        Args:
            H: number of features or heads.
            n: number of modes of each.
            p: as `read`.
        """
        return ()

    def modes(
        self, init: Initialization, now: Modes, p: Parameters, g: torch.Generator
    ) -> Modes:
        """Return the modes that an initialization gives to a layer.

        Args:
            init: the initialization.
            now: the modes of the layer so far, for their shapes.
            p: as `read`.
            g: source of randomness, on the CPU.

        Raises:
            Refused: for modes that no layer of this kind has.
        """
        H, n = now.A.shape
        dt = torch.exp(init.log_dt(H, g)).unsqueeze(-1)
        # A kind without conjugates stores n modes where a scheme has N/2.
        A, B = (part.expand(H, n) for part in init.modes(2 * n, g, H))
        if not now.pairs:
            self.refuse_frequencies(A)
        return Modes(A, dt, now.pairs, B)

    def changed(self, module: nn.Module, init: Initialization) -> None:
        """Tell a module that it has a new initialization; most need not know.

        Args:
            module: whose parameters were changed.
            init: their new initialization.
        """
        del module, init

    def refuse_frequencies(self, A: Tensor) -> None:
        """Refuse modes with an imaginary part, for a kind with real modes.

        Args:
            A: complex, any shape.

        Raises:
            Refused: if an imaginary part is not 0.
        """
        if bool((A.imag != 0).any()):
            raise Refused(
                f"{self.kind} has real modes only, and the frequencies of init go up "
                f"to {float(A.imag.abs().max()):g}: the nearest possible is "
                'Initialization("real"), or a real pair (A, B)'
            )


def log_decay(kind: str, A: Tensor) -> Tensor:
    """Return log(-Re A), the parameter of a real part that is never 0.

    Args:
        kind: of the layer, for the error.
        A: complex, any shape.

    Raises:
        Refused: for a real part of 0.
    """
    if bool((A.real >= 0).any()):
        raise Refused(
            f"{kind} stores log(-Re A), which cannot hold the real part 0 of init: the "
            "nearest possible is a small one, such as real=-1e-4"
        )
    return torch.log(-A.real)


def copies(kind: str, part: Tensor, S: int) -> Tensor:
    """Return the first S features' modes, of which the others are copies.

    Args:
        kind: of the layer, for the error.
        part: (H, n), S a divisor of H.
        S: number of copies that the layer stores.

    Raises:
        Refused: if feature h has other modes than feature h mod S.
    """
    if not torch.equal(part, part[:S].repeat(len(part) // S, 1)):
        raise Refused(
            f"{kind} shares {S} copies of A and B among its features, and init has "
            "other modes in each: the nearest possible is a scheme in continuous time"
        )
    return part[:S]


def inverse_softplus(dt: Tensor) -> Tensor:
    """Return x with log(1 + exp(x)) = dt, without overflow.

    Args:
        dt: real, positive.
    """
    return dt + torch.log(-torch.expm1(-dt))


def softplus(x: Tensor) -> Tensor:
    """Return log(1 + exp(x)).

    Args:
        x: real, float64.
    """
    return nn.functional.softplus(x, threshold=40.0)


def as_complex(x: Tensor) -> Tensor:
    """Return complex numbers from pairs in the last axis.

    Args:
        x: real (..., 2), or complex already.
    """
    return x if x.is_complex() else torch.view_as_complex(x.contiguous())


def shaped(kind: str, p: Parameters, **shapes: tuple[int | None, ...]) -> None:
    """Refuse parameters of other shapes than those of a kind.

    Args:
        kind: of the layer, for the error.
        p: the parameters by name.
        **shapes: by name, with dots written as two underscores, the shape; None stands
            for any size.

    Raises:
        ValueError: for another shape.
    """
    for key, shape in shapes.items():
        name = key.replace("__", ".")
        got = tuple(p[name].shape)
        fits = len(got) == len(shape) and math.prod(got) > 0
        if not fits or any(b not in (None, a) for a, b in zip(got, shape, strict=True)):
            wanted = ", ".join("any" if b is None else str(b) for b in shape)
            raise ValueError(f"{name} of {kind} must have shape ({wanted}), got {got}")

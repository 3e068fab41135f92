"""S5: one diagonal state for all features, initialized as HiPPO in its eigenbasis."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

import torch
from torch import Tensor

from ssmlib import _checks, hippo
from ssmlib._literals import Discretization, Part
from ssmlib.initialization import Initialization, Range
from ssmlib.layers.irregular import Continuous
from ssmlib.layers.modal import as_complex
from ssmlib.layers.shared import SharedSSM
from ssmlib.layers.shared_system import Shared
from ssmlib.layers.transforms import REAL_TRANSFORMS

#: of the standard normal distribution between -2 and 2: its standard deviation
_TRUNCATED = 0.87962566103423978


class S5(SharedSSM):
    """S5: a layer with one diagonal state for all features, initialized as HiPPO-LegS.

    The state begins as J blocks. Each block is the normal part V diag(A) V* of
    HiPPO-LegS of size N/J. Input weights B (N, H) and output weights C (H, N) are drawn
    in the basis of HiPPO, and stored in the eigenbasis, as V* B and C V. Of each
    conjugate pair of modes one is stored.

    The parameters are real tensors: A_re and A_im (N/2,); log_dt (N/2,), one time per
    step for each mode; B_re and B_im (N/2, H); C_re and C_im (H, N/2), or (2, H, N/2)
    if bidirectional; D (H,). B, and both parts of C, are drawn from normal
    distributions of variance 1/N, truncated at two standard deviations. The real part
    of A is min(A_re, 0), with the gradient passed through, as `S4D` does it. The
    authors' code reads the backward state after a step's own input, and this layer
    before it.

    Args:
        d_model: number of features H, at least 1.
        d_state: real state size N, a multiple of 2 J.
        init: "legs", or an `Initialization` of it, whose B is None.
        blocks: number of blocks J, at least 1.
        dt: time per step, a number, or a range (low, high) in which each mode draws its
            own, uniformly in the logarithm; None for the default of `Initialization`.
            It must be None if init is an `Initialization`, which contains dt.
        discretization: "zoh" or "bilinear".
        bidirectional: whether a second C reads a state that runs backward in time.
        frozen: those of "A", "B" and "dt" that are not trained; they are buffers.
        skip: whether there is a skip term D, drawn from N(0, 1).
        seed: of the random numbers of all parameters, a non-negative integer.
        dtype: of the parameters, float32 or float64.
        device: where the parameters are, as in torch.nn; on "meta" nothing is
            allocated.

    Raises:
        TypeError: for an argument of another type.
        ValueError: for an argument outside these values.

    Source: S5 (arXiv 2208.04933) and its authors' code.
    """

    ssm_parameters: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "A": ("A_re", "A_im"),
        "B": ("B_re", "B_im"),
        "dt": ("log_dt",),
    }
    readout_parameters = ("C_re", "C_im")
    nonpositive = ("A_re",)

    def __init__(
        self,
        d_model: int,
        d_state: int = 64,
        *,
        init: Literal["legs"] | Initialization = "legs",
        blocks: int = 1,
        dt: Range | None = None,
        discretization: Discretization = "zoh",
        bidirectional: bool = False,
        frozen: Sequence[Part] = (),
        skip: bool = True,
        seed: int = 0,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str | None = None,
    ):
        self.blocks = _checks.integer("blocks", blocks)
        if _checks.integer("d_state", d_state) % (2 * blocks):
            raise ValueError(
                f"blocks must divide d_state / 2, got {blocks} for d_state {d_state}: "
                "each block has as many modes, and stores one of each conjugate pair"
            )
        super().__init__(
            d_model,
            d_state,
            init=init,
            dt=dt,
            discretization=discretization,
            bidirectional=bidirectional,
            frozen=frozen,
            skip=skip,
            seed=seed,
            dtype=dtype,
            device=device,
        )

    def extra_repr(self) -> str:
        """Return the sizes and options that `repr` shows."""
        return f"{super().extra_repr()}, blocks={self.blocks}"

    def initial_values(self, generator: torch.Generator) -> dict[str, Tensor]:
        """Draw log dt first, then B and C in the basis of HiPPO."""
        if self.init.scheme != "legs" or self.init.B is not None:
            raise ValueError(
                "init of S5 must be 'legs', or an Initialization of it without B, "
                f"because B and C begin in its eigenbasis, got {self.init}"
            )
        N, H = self.d_state, self.d_model
        log_dt = self.init.log_dt(N // 2, generator)
        A, V = self._block(generator)
        B = _lecun((N, H), N, generator)
        C = _lecun((self.bidirectional + 1, H, N, 2), N, generator)
        B = V.mH @ B.to(V.dtype).unflatten(0, (self.blocks, -1))  # (J, n, H)
        C = torch.view_as_complex(C).unflatten(-1, (self.blocks, -1)) @ V
        B, C = B.flatten(0, 1), C.flatten(-2)
        C = C if self.bidirectional else C[0]
        A = A.repeat(self.blocks)
        values = {"A_re": A.real, "A_im": A.imag, "log_dt": log_dt}
        values |= {"B_re": B.real, "B_im": B.imag}
        return values | {"C_re": C.real, "C_im": C.imag}

    def _block(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return the eigenvalues (n,) and eigenvectors (2n, n) of the modes of a block.

        Both by descending frequency.
        """
        size = self.d_state // self.blocks
        A, _ = self.init.modes(size, generator)
        *_, V = hippo.legs_nplr(size)
        return A, V.flip(-1)[:, : size // 2]

    def modes(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return the discretized modes: (log A_bar, B_bar, C), complex128."""
        A, B, C, dt, _ = self._parts()
        return *self.discretize(A, B, dt), C

    def _parts(self) -> Continuous:
        """Return the layer before its discretization."""
        A = as_complex(REAL_TRANSFORMS["free"].value(self.A_re), self.A_im)
        B, C = as_complex(self.B_re, self.B_im), as_complex(self.C_re, self.C_im)
        return Continuous(A, B, C, self.log_dt.double().exp(), self.discretization)

    def _continuous(self) -> Continuous | None:
        own = (type(self).system, type(self).modes) == (S5.system, S5.modes)
        return self._parts() if own else None

    def _scaled_system(self, step_scale: float) -> Shared | None:
        own = self._continuous()
        if own is None:
            return None
        return Shared(*self.discretize(own.A, own.B, own.dt * step_scale), own.C)


def _lecun(shape: tuple[int, ...], inputs: int, generator: torch.Generator) -> Tensor:
    """Truncated normal numbers of variance 1 / inputs, float64."""
    std = 1 / (math.sqrt(inputs) * _TRUNCATED)
    values = torch.empty(shape, dtype=torch.float64)
    return torch.nn.init.trunc_normal_(
        values, 0.0, std, -2 * std, 2 * std, generator=generator
    )

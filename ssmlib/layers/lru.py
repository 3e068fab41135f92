"""LRU: one diagonal state for all features, stated in discrete time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor

from ssmlib._literals import Part
from ssmlib.layers.base import Init
from ssmlib.layers.modal import as_complex
from ssmlib.layers.shared import SharedSSM


class LRU(SharedSSM):
    """The linear recurrent unit: a layer with one diagonal state for all features.

    The poles are lambda = exp(-exp(nu_log) + i exp(theta_log)). They are inside the
    unit circle whatever the parameters. The input weights are exp(gamma_log) B. At the
    beginning exp(gamma_log) is ``sqrt(1 - |lambda|^2)``, so that white input of
    variance 1 gives the states the mean square 1. There is no time per step.

    The parameters are real tensors: nu_log, theta_log and gamma_log (N/2,); B_re and
    B_im (N/2, H), drawn from N(0, 1 / (2 H)); C_re and C_im (H, N/2), or (2, H, N/2) if
    bidirectional, drawn from N(0, 1 / (2 N)); D (H,). In the paper the output is the
    real part of C x, and here twice the real part. So C is half of theirs, and the map
    is the same.

    Args:
        d_model: number of features H, at least 1.
        d_state: real state size N, even: N/2 poles are stored.
        init: "lru", or an `Initialization` of a discrete scheme, which has the options:
            `Initialization("lru", options={"r_min": 0.9, "max_phase": 0.314})`; or a
            pair (log lambda, gamma) of (1, N/2) tensors. Phases must be in (0, 2 pi].
        bidirectional: whether a second C reads a state that runs backward in time.
        frozen: those of "A" and "B" that are not trained; they are buffers. gamma_log
            is part of "B".
        skip: whether there is a skip term D, drawn from N(0, 1).
        seed: of the random numbers of all parameters, a non-negative integer.
        dtype: of the parameters, float32 or float64.
        device: where the parameters are, as in torch.nn; on "meta" nothing is
            allocated.

    Raises:
        TypeError: for an argument of another type.
        ValueError: for an argument outside these values, an init in continuous time, or
            a pole or a weight that the parameters cannot represent.

    Source: Orvieto et al. 2023 (arXiv 2303.06349).
    """

    ssm_parameters: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "A": ("nu_log", "theta_log"),
        "B": ("gamma_log", "B_re", "B_im"),
    }
    readout_parameters = ("C_re", "C_im")

    def __init__(
        self,
        d_model: int,
        d_state: int = 64,
        *,
        init: Init = "lru",
        bidirectional: bool = False,
        frozen: Sequence[Part] = (),
        skip: bool = True,
        seed: int = 0,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str | None = None,
    ):
        super().__init__(
            d_model,
            d_state,
            init=init,
            bidirectional=bidirectional,
            frozen=frozen,
            skip=skip,
            seed=seed,
            dtype=dtype,
            device=device,
        )

    def initial_values(self, generator: torch.Generator) -> dict[str, Tensor]:
        """Draw B and C first, so that no scheme changes them."""
        n, H = self.state_size, self.d_model
        sides = (2,) if self.bidirectional else ()
        B = _normal((n, H), 1 / math.sqrt(2 * H), generator)
        C = _normal((*sides, H, n), 0.5 / math.sqrt(n), generator)
        log, gamma = self.init.poles(self.d_state, generator)
        values = _ring(log.squeeze(0), gamma.squeeze(0))
        values |= {"B_re": B.real, "B_im": B.imag}
        return values | {"C_re": C.real, "C_im": C.imag}

    def modes(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return the modes: (log lambda, exp(gamma_log) B, C), complex128."""
        nu, theta, gamma = (
            log.double().exp() for log in (self.nu_log, self.theta_log, self.gamma_log)
        )
        B = gamma.unsqueeze(-1) * as_complex(self.B_re, self.B_im)
        return torch.complex(-nu, theta), B, as_complex(self.C_re, self.C_im)


def _ring(log: Tensor, gamma: Tensor) -> dict[str, Tensor]:
    """Return the parameters of poles and weights."""
    known = (log.real < 0) & (log.imag > 0) & (gamma.real > 0) & (gamma.imag == 0)
    if not bool(known.all()):
        k = int((~known).nonzero()[0])
        raise ValueError(
            "init of LRU must have poles with a radius below 1 and a phase above 0, "
            f"and weights above 0, got log lambda {complex(log[k]):g} and weight "
            f"{complex(gamma[k]):g}"
        )
    return {
        "nu_log": torch.log(-log.real),
        "theta_log": torch.log(log.imag),
        "gamma_log": torch.log(gamma.real),
    }


def _normal(shape: tuple[int, ...], std: float, generator: torch.Generator) -> Tensor:
    """Complex numbers whose parts are independent N(0, std^2)."""
    parts = torch.randn(*shape, 2, generator=generator, dtype=torch.float64)
    return torch.view_as_complex(std * parts)

"""A selective layer: one decay per head, and B, C and dt that depend on the input.

It is the layer of Mamba 2 (structured state space duality) without its gate, its norm
and its activation. One pass computes the map from inputs to outputs as a matrix, as
attention does; `step` is the recurrence.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar, get_args

import torch
from torch import Tensor, nn

from ssmlib import _checks
from ssmlib._literals import ConvolutionName, TransitionName
from ssmlib.initialization import Initialization, as_initialization
from ssmlib.kernels.tables import full_precision
from ssmlib.layers import _arguments
from ssmlib.layers.base import Init
from ssmlib.layers.convolution import finite_part
from ssmlib.layers.parameters import DTYPES, Parametrized
from ssmlib.layers.selective_forms import (
    Parts,
    SelectiveState,
    attention,
    broken_state,
    memory_after,
    response,
)

TRANSITIONS: tuple[TransitionName, ...] = get_args(TransitionName)
CONVOLUTIONS: tuple[ConvolutionName, ...] = get_args(ConvolutionName)
#: steps that the short convolution reads, as in Mamba
WIDTH = 4
#: -log of the decay rate, and size of W_delta, of a transition near the identity
SLOW, SMALL = 8.0, 0.01


class Selective(Parametrized):
    """The map y_i = sum over j <= i of M_ij x_j, with one matrix M per head, plus D u.

    With B_j = W_B u_j, C_i = W_C u_i and dt_j = softplus(W_delta u_j + dt_bias), the
    matrix is M_ij = C_i . B_j exp(-a (dt_{j+1} + ... + dt_i)) dt_j. The values x are
    the features themselves, divided among the heads. B and C are shared by the heads.
    With a convolution, x, B and C are first convolved over the last four steps, each
    channel by itself.

    The entries of W_B and W_C have the variance 1 / (H sqrt(N)), so that C_i . B_j of
    unrelated inputs of variance 1 has the variance 1, as the logits of attention. At
    the same seed, all options are applied to the same random numbers.

    Args:
        d_model: number of features H.
        d_state: state size N of each feature.
        init: the default of `models.Model`, and no other: this layer has no fixed
            eigenvalues. Its initialization is given by the options below.
        heads: number of heads, a divisor of d_model.
        transition: "default" is Mamba's law, with a uniform in (1, 16), dt at zero
            input log-uniform in (1e-3, 1e-1), and W_delta of the variance 1 / (3 H);
            "mimetic" is near the identity, with a = exp(-8), dt = 1 at zero input, and
            W_delta a hundredth of the default.
        correlated: whether W_C begins as (W + W_B) / sqrt(2) with an independent W,
            so that equal inputs have a large C_i . B_j; otherwise as W.
        convolution: "default" draws the taps from U(-1/2, 1/2); "identity" begins as
            the identity; None for no convolution.
        seed: of the random numbers of all parameters.
        dtype: of the parameters, float32 or float64.
        device: of the parameters; None for PyTorch's default.

    Raises:
        TypeError: for an argument of another type.
        ValueError: for an argument outside these values.

    Source: Trockman et al. 2024 (arXiv 2410.11135), as public reviews and third-party
        code describe it; state-spaces/mamba for the default law. The scale of W_B and
        W_C, and the correlation 1 / sqrt(2), are ours.
    """

    meaning: ClassVar[tuple[str, ...]] = ("d_state", "heads")
    ssm_parameters: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "A": ("A_log",),
        "B": ("W_B",),
        "dt": ("dt_bias", "W_delta"),
    }

    def __init__(
        self,
        d_model: int,
        d_state: int = 64,
        *,
        init: Init = "lin",
        heads: int = 1,
        transition: TransitionName = "default",
        correlated: bool = False,
        convolution: ConvolutionName | None = None,
        seed: int = 0,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str | None = None,
    ):
        super().__init__()
        _checks.a_dtype(dtype, DTYPES)
        self.d_model = _checks.integer("d_model", d_model)
        self.d_state = _checks.integer("d_state", d_state)
        self.heads = _checks.integer("heads", heads)
        if self.d_model % self.heads:
            raise ValueError(
                f"heads must divide d_model = {d_model}, got heads = {heads}"
            )
        if as_initialization(init) != Initialization():
            raise ValueError(
                "init must be the default, since a selective layer has no fixed "
                f"eigenvalues, got {init!r}: give transition"
            )
        self.transition = _checks.one_of("transition", transition, TRANSITIONS)
        self.correlated = _checks.boolean("correlated", correlated)
        if convolution is not None:
            _checks.one_of("convolution", convolution, CONVOLUTIONS)
        self.convolution = convolution
        self.skip, self.seed = True, _checks.seed(seed)
        self.register_parameter("taps", None)
        self._register((), dtype, device)

    def initial_values(self, generator: torch.Generator) -> dict[str, Tensor]:
        """Return the initial value of each parameter by name: float64, on the CPU.

        Args:
            generator: source of all random numbers, on the CPU.
        """
        H, N, heads = self.d_model, self.d_state, self.heads
        wide = {"generator": generator, "dtype": torch.float64, "device": "cpu"}
        W_B = torch.randn(N, H, **wide) / math.sqrt(H * math.sqrt(N))
        W_C = torch.randn(N, H, **wide) / math.sqrt(H * math.sqrt(N))
        W_delta = torch.randn(heads, H, **wide) / math.sqrt(3 * H)
        a = 1 + 15 * torch.rand(heads, **wide)
        dt = 10 ** (2 * torch.rand(heads, **wide) - 3)
        taps = torch.rand(H + 2 * N, WIDTH, **wide) - 0.5
        if self.transition == "mimetic":
            a = torch.full_like(a, math.exp(-SLOW))
            dt, W_delta = torch.ones_like(dt), SMALL * W_delta
        if self.correlated:
            W_C = (W_C + W_B) / math.sqrt(2)
        if self.convolution == "identity":
            taps = torch.zeros_like(taps)
            taps[:, -1] = 1
        bias = torch.log(torch.expm1(dt))  # softplus(bias) = dt
        values = {"W_B": W_B, "W_C": W_C, "W_delta": W_delta}
        values |= {"A_log": torch.log(a), "dt_bias": bias}
        return values | ({} if self.convolution is None else {"taps": taps})

    def extra_repr(self) -> str:
        """Return the sizes and options that `repr` shows."""
        return (
            f"{self.d_model}, d_state={self.d_state}, heads={self.heads}, "
            f"transition={self.transition!r}, correlated={self.correlated}, "
            f"convolution={self.convolution!r}"
        )

    def forward(
        self, u: Tensor, state: SelectiveState | None = None
    ) -> Tensor | tuple[Tensor, SelectiveState]:
        """Return the output y and, if a state is given, the state after u.

        Memory and time grow with the square of L. A long sequence may be split: if the
        second part starts from the state after the first, the outputs are those of one
        pass.

        Args:
            u: (B, H, L), real floating point, L >= 1.
            state: the state before u, as `initial_state` returns it; None for zeros.

        Returns:
            y (B, H, L) in the dtype of u; with a state, (y, the state after u).

        Raises:
            TypeError: if u is not a tensor of real floating point.
            ValueError: for u of another shape, or a state of another layer or batch
                size.
        """
        _arguments.check_input(self, u)
        with full_precision(u.device):
            clean, broken = finite_part(u.to(self.dtype))
            if broken is not None:  # a step mixes the features
                broken = broken.any(1, keepdim=True)
                clean = clean.masked_fill(broken, 0.0)
            recent = None if state is None else self._checked(state, len(u)).recent
            parts = self._parts(clean, recent)
            M = attention(parts)  # (B, heads, L, L)
            y = torch.einsum("bkij,bkpj->bkpi", M, parts.x)
            after = None
            if state is not None:
                y = y + response(parts, state.memory)
                after = SelectiveState(memory_after(parts, state.memory), parts.recent)
            y = y.flatten(1, 2) + self._skipped(clean.mT).mT
            if broken is not None:
                y = y.masked_fill(broken, math.nan)
                after = None if after is None else broken_state(after, broken[:, 0, -1])
        y = y.to(u.dtype)
        return y if after is None else (y, after)

    def attention_map(self, u: Tensor) -> Tensor:
        """Return the matrix M of each head: the output is M x, plus the skip term.

        Args:
            u: (B, H, L), real floating point, L >= 1, finite.

        Returns:
            (B, heads, L, L) in the layer's dtype; row i has the weights of the output
            at step i, which are 0 for j > i.

        Raises:
            TypeError: if u is not a tensor of real floating point.
            ValueError: for u of another shape, or u that is not finite.
        """
        _arguments.check_input(self, u)
        with full_precision(u.device):
            return attention(self._parts(_checks.finite("u", u).to(self.dtype)))

    def initial_state(self, batch: int) -> SelectiveState:
        """Return a state of zeros.

        Args:
            batch: number of sequences B, at least 0.

        Raises:
            TypeError: if batch is not an integer.
            ValueError: for batch < 0.
        """
        B, like = _checks.integer("batch", batch, least=0), self._like()
        return SelectiveState(*(like.new_zeros(s) for s in self._state_shapes(B)))

    def step(self, u_t: Tensor, state: SelectiveState) -> tuple[Tensor, SelectiveState]:
        """Compute one step of the recurrence.

        Args:
            u_t: (B, H), real floating point: the input of this step.
            state: the state before this step, as `initial_state` returns it.

        Returns:
            The output y_t (B, H) in the dtype of u_t, and the state after this step.

        Raises:
            TypeError: if u_t is not real floating point.
            ValueError: for u_t of another shape, or a state of another layer or batch
                size.
        """
        _arguments.check_step(self, u_t)
        with full_precision(u_t.device):
            u = u_t.to(self.dtype)
            recent = self._checked(state, len(u_t)).recent
            parts = self._parts(u.unsqueeze(-1), recent)
            x, B, C, dt, log_decay = (part[..., 0] for part in parts[:5])
            added = dt[..., None, None] * B[:, None, :, None] * x.unsqueeze(-2)
            memory = state.memory * torch.exp(log_decay)[..., None, None] + added
            y_t = torch.einsum("bn,bknp->bkp", C, memory).flatten(1)
            y_t = y_t + self._skipped(u)
        return y_t.to(u_t.dtype), SelectiveState(memory, parts.recent)

    def _skipped(self, u: Tensor) -> Tensor:
        assert self.D is not None  # since skip is True
        return self.D * u

    def _parts(self, u: Tensor, recent: Tensor | None = None) -> Parts:
        H, N, L = self.d_model, self.d_state, u.shape[-1]
        channels = torch.cat([u, self.W_B @ u, self.W_C @ u], 1)  # (B, H + 2 N, L)
        if recent is None:
            recent = channels.new_zeros(self._state_shapes(len(u))[1])
        if self.taps is not None:
            longer = torch.cat([recent, channels], -1)
            late = [longer[..., k : k + L] for k in range(WIDTH)]
            channels = torch.einsum("ck,kbcl->bcl", self.taps, torch.stack(late))
            recent = longer[..., L:]
        x, B, C = channels.split([H, N, N], 1)
        delta = self.W_delta @ u + self.dt_bias.unsqueeze(-1)
        dt = nn.functional.softplus(delta)  # (B, heads, L)
        log_decay = -torch.exp(self.A_log).unsqueeze(-1) * dt
        return Parts(x.unflatten(1, (self.heads, -1)), B, C, dt, log_decay, recent)

    def _state_shapes(self, batch: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return the shapes of `memory` and `recent`."""
        H, N = self.d_model, self.d_state
        before = 0 if self.convolution is None else WIDTH - 1
        return (batch, self.heads, N, H // self.heads), (batch, H + 2 * N, before)

    def _checked(self, state: SelectiveState, batch: int) -> SelectiveState:
        """Return the state; raise ValueError unless it is one of this layer."""
        shapes = self._state_shapes(batch)
        if not isinstance(state, tuple) or shapes != tuple(
            tuple(getattr(part, "shape", ())) for part in state
        ):
            raise ValueError(
                f"state must be this layer's own, with the shapes {shapes}, got "
                f"{state!r:.80}"
            )
        return state

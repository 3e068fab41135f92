"""What every SSM layer does: the same map as a convolution and as a recurrence.

A layer is the SSM map of each feature with its skip term D and nothing else: no
mixing of features, no nonlinearity, no normalization.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, overload

import torch
from torch import Tensor, nn

from ssmlib import _checks
from ssmlib._literals import Discretization, InitName, Part
from ssmlib.discretization import METHODS
from ssmlib.initialization import Initialization, Range, as_initialization
from ssmlib.kernels import full_precision
from ssmlib.layers.convolution import causal, finite_part, two_sided
from ssmlib.layers.parameters import DTYPES, Parametrized
from ssmlib.layers.recurrence import DenseRecurrence, Recurrence
from ssmlib.layers.systems import Diagonal, System

#: how a layer begins, as every layer but S4 takes it
Init = InitName | tuple[Tensor, Tensor] | Initialization


class SSM(Parametrized):
    """A layer (B, H, L) -> (B, H, L): y = sum_l K_l u shifted by l, plus D u.

    An abstract class. A subclass says what its parameters are and what they mean:

    - `initial_values(generator)`: name -> float64 tensor on the CPU, drawn from the
      generator; each becomes a parameter of that name. `self.init` holds how the
      layer begins: `self.init.modes(self.d_state, generator)` gives (A, B),
      `self.init.log_dt(H, generator)` the logarithms of dt, `self.draw_C(generator)`
      output weights.
    - `system()`: the discretized layer; for a `Dense` one, `state_form = Dense`. A
      layer with a diagonal state is a `DiagonalSSM` and defines `modes()` in its place.
      A layer with a kernel alone is a `KernelSSM` and defines `kernel(L)`: it has no
      step and no state.
    - `ssm_parameters`: "A", "B" and "dt", each with the names of the parameters it is
      made of, which train at a rate of their own and without weight decay;
      `readout_parameters`: the names of those of C; `nonpositive`: of those that are
      put back to <= 0 after each step of any `torch.optim` optimizer, by `project_`.
    - `meaning`: the names of the options that a state dict stores, since the same
      numbers would be another map with another value of one of them. Loading such a
      state dict raises RuntimeError. A subclass that defines `initial_values` or
      `ssm_parameters` is another layer to it; one that defines neither loads the
      state dicts of its base.

    `state_size` is how many numbers a feature's state holds, N/2 unless set.

    A NaN or infinity in u makes y NaN from that step on, in that sequence and feature
    alone; with bidirectional=True at all its steps. Rounding errors are relative to the
    largest value of a sequence, also at later steps: in float32 about 1e-7 of
    ``max |u| sum |K|``.

    init: how the layer begins, a name of `initialization.names()`, a pair (A, B) of
    complex (N/2,), or an `Initialization`. dt: time a step, a number or a range
    (low, high), by default that of `Initialization`, which holds its own.
    discretization: "zoh" or "bilinear". frozen: which of "A", "B" and "dt" stay as they
    begin: their parts are buffers. skip=False leaves D ~ N(0, 1) out. seed draws all
    parameters. device: as torch.nn's layers take it; on "meta" nothing is
    allocated. Raises ValueError or TypeError for arguments outside these, TypeError
    for a subclass that lacks a part.
    """

    meaning: ClassVar[tuple[str, ...]] = ("d_state", "discretization", "bidirectional")
    state_form: ClassVar[type[System]] = Diagonal

    def __init__(
        self,
        d_model: int,
        d_state: int = 64,
        *,
        init: Init = "lin",
        dt: Range | None = None,
        discretization: Discretization = "zoh",
        bidirectional: bool = False,
        frozen: Sequence[Part] = (),
        skip: bool = True,
        seed: int = 0,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str | None = None,
    ):
        super().__init__()
        _checks.one_of("discretization", discretization, METHODS)
        if dtype not in DTYPES:
            raise TypeError(f"dtype must be float32 or float64, got {dtype}")
        self.d_model = _checks.integer("d_model", d_model)
        self.d_state = _checks.integer("d_state", d_state)
        self.state_size = self.d_state // 2
        self.init = as_initialization(init, dt)
        self.discretization: Discretization = discretization
        self.bidirectional = _checks.boolean("bidirectional", bidirectional)
        self.skip, self.seed = _checks.boolean("skip", skip), _checks.seed(seed)
        self._register(frozen, dtype, device)

    @abstractmethod
    def system(self) -> System:
        """Return the layer discretized, as it stands."""

    def extra_repr(self) -> str:
        return (
            f"{self.d_model}, d_state={self.d_state}, "
            f"discretization={self.discretization!r}, "
            f"bidirectional={self.bidirectional}"
        )

    def kernel(self, L: int) -> Tensor:
        """K (H, L), without D; (2, H, L) if bidirectional: forward, backward."""
        _checks.integer("L", L)
        return self.system().kernel(L, self.dtype)

    def impulse_response(self, L: int) -> Tensor:
        """The kernel with D, which acts at lag 0: (H, L), or (2, H, L)."""
        K = self.kernel(_checks.integer("L", L))
        if self.D is None:
            return K
        D = nn.functional.pad(self.D.unsqueeze(-1), (0, L - 1))
        return K + (torch.stack([D, torch.zeros_like(D)]) if self.bidirectional else D)

    def last_weights(self, L: int) -> Tensor:
        """(H, L): what each of L steps counts in the output at the last of them."""
        K = self.impulse_response(L)
        return (K[0] if self.bidirectional else K).flip(-1)

    if TYPE_CHECKING:  # `nn.Module.__call__` has the types of no layer's `forward`

        @overload
        def __call__(self, u: Tensor, state: None = None) -> Tensor: ...
        @overload
        def __call__(self, u: Tensor, state: Tensor) -> tuple[Tensor, Tensor]: ...
        def __call__(self, u: Tensor, state: Tensor | None = None) -> Any: ...

    @overload
    def forward(self, u: Tensor, state: None = None) -> Tensor: ...
    @overload
    def forward(self, u: Tensor, state: Tensor) -> tuple[Tensor, Tensor]: ...
    def forward(
        self, u: Tensor, state: Tensor | None = None
    ) -> Tensor | tuple[Tensor, Tensor]:
        """u (B, H, L) -> y (B, H, L); with a state, (y, the state after u).

        Splitting a sequence in two and handing the state over gives the same y
        as one pass. Where u has been 0 so far, a causal y is exactly 0. Under autocast
        the map is computed in the layer's dtype and returned in u's. A state goes with
        a causal layer only: ValueError otherwise, and for one of another layer.
        """
        if u.ndim != 3 or u.shape[1] != self.d_model or u.shape[2] == 0:
            raise ValueError(
                f"u must have shape (B, {self.d_model}, L) with L >= 1, got "
                f"{tuple(u.shape)}"
            )
        if not u.is_floating_point():
            raise TypeError(f"u must be real floating point, got {u.dtype}")
        L = u.shape[-1]
        with full_precision(u.device):
            x = u.to(self.dtype)
            clean, broken = finite_part(x, not self.bidirectional)
            y = self._convolve(clean)
            if broken is not None:
                y = y.masked_fill(broken, math.nan)
            if state is None:
                return y.to(u.dtype)
            self._check_state(state, u.shape[0])
            system = self.system()
            y = y + system.response(state, L, self.dtype)
            after = system.after(x, state)
        return y.to(u.dtype), after

    def _convolve(self, x: Tensor) -> Tensor:
        """y of finite x (B, H, L) in the layer's dtype."""
        K = self.impulse_response(x.shape[-1])
        return two_sided(x, K) if self.bidirectional else causal(x, K)

    def _check_causal(self) -> None:
        if self.bidirectional:
            raise ValueError("a bidirectional layer has no state, step or recurrence")

    def _check_state(self, state: Tensor, batch: int) -> None:
        self._check_causal()
        shape = (batch, self.d_model, self.state_size)
        dtype = self.state_form.state_dtype
        if state.shape != shape or state.dtype != dtype:
            raise ValueError(
                f"state must be this layer's own, {dtype} of shape {shape}, got "
                f"{state.dtype} {tuple(state.shape)}"
            )

    def initial_state(self, batch: int) -> Tensor:
        """Zeros (B, H, `state_size`), complex128, or float64 for a dense state."""
        shape = (
            _checks.integer("batch", batch, least=0),
            self.d_model,
            self.state_size,
        )
        dtype = self.state_form.state_dtype
        return torch.zeros(shape, dtype=dtype, device=self._like().device)

    def step(self, u_t: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """One step of the recurrence: u_t (B, H), state -> (y_t (B, H), state).

        It discretizes each time, and gradients go through it; `recurrence` is for
        many steps of a layer that no longer changes.
        """
        if u_t.ndim != 2 or u_t.shape[1] != self.d_model:
            raise ValueError(
                f"u_t must have shape (B, {self.d_model}), got {tuple(u_t.shape)}"
            )
        if not u_t.is_floating_point():
            raise TypeError(f"u_t must be real floating point, got {u_t.dtype}")
        self._check_state(state, u_t.shape[0])
        y_t, state = self.system().step(u_t, state)
        if self.D is not None:
            y_t = y_t + self.D * u_t
        return y_t.to(u_t.dtype), state

    @torch.no_grad()
    def recurrence(
        self, dtype: torch.dtype | None = None
    ) -> Recurrence | DenseRecurrence:
        """The step as it stands now, frozen, in real arithmetic of that dtype.

        dtype: float32 or float64, the layer's own by default.
        """
        self._check_causal()
        dtype = self.dtype if dtype is None else dtype
        if dtype not in DTYPES:
            raise TypeError(f"dtype must be float32 or float64, got {dtype}")
        D = self._like().new_zeros(self.d_model) if self.D is None else self.D
        return self.system().recurrence(D, dtype)

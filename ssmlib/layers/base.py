"""The base of all SSM layers: one map, as a convolution and as a recurrence.

A layer is the SSM of each feature with its skip term D, and does not mix features
unless it is a `SharedSSM`. It has no nonlinearity and no normalization.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    NoReturn,
    TypedDict,
    Unpack,
    overload,
)

import torch
from torch import Tensor, nn

from ssmlib import _checks
from ssmlib._literals import Discretization, InitName, Part
from ssmlib.discretization import METHODS
from ssmlib.initialization import Initialization, Range, as_initialization
from ssmlib.kernels import full_precision
from ssmlib.layers import _arguments
from ssmlib.layers.convolution import causal, finite_part, two_sided
from ssmlib.layers.irregular import Continuous
from ssmlib.layers.parameters import DTYPES
from ssmlib.layers.resampling import resampled
from ssmlib.layers.stepping import Stepping
from ssmlib.layers.systems import System


class Sampling(TypedDict, total=False):
    """The options of a call of a layer."""

    step_scale: float | None
    timestamps: Tensor | None


#: how a layer begins, as every layer but S4 takes it
Init = InitName | tuple[Tensor, Tensor] | Initialization


class SSM(Stepping):
    """A layer (B, H, L) -> (B, H, L) that convolves each feature with its own kernel.

    The output is the convolution of u with the kernel K, plus D u. This class is
    abstract. A subclass defines its parameters and their meaning:

    - `initial_values(generator)` returns the initial value of each parameter by name,
      float64 on the CPU. `self.init.modes(self.d_state, generator)` gives (A, B),
      `self.init.log_dt(H, generator)` the logarithms of dt, and
      `self.draw_C(generator)` output weights.
    - `system()` returns the discretized layer; if it is `Dense`, set
      `state_form = Dense`. A layer with a diagonal state derives from `DiagonalSSM` and
      defines `modes()` instead. A layer that has only a kernel derives from `KernelSSM`
      and defines `kernel(L)`; it has no step and no state.
    - `ssm_parameters` maps "A", "B" and "dt" to the names of their parameters. These
      train at their own rate and without weight decay.
    - `readout_parameters` names the parameters of C.
    - `nonpositive` names the parameters that `project_` sets back to <= 0 after each
      step of any `torch.optim` optimizer.
    - `meaning` names the options that a state dict stores, because with another value
      of one of them the same numbers would be another map. Loading a state dict with
      another value raises RuntimeError. A subclass that defines `initial_values` or
      `ssm_parameters` counts as another layer. A subclass that defines neither loads
      the state dicts of its base.
    - `state_size` is the number of entries of a state, N/2 unless set. If
      `mixes_features` is true, the features share one state, as in `SharedSSM`.

    A NaN or infinity in u makes y NaN from that step on (with bidirectional=True at all
    steps), in that sequence and feature only. Rounding errors are relative to the
    largest value of a sequence, also at later steps: in float32 about 1e-7 of
    ``max |u| sum |K|``.

    Args:
        d_model: number of features H, at least 1.
        d_state: real state size N, at least 1.
        init: the initialization: a name of `initialization.names()`, a pair (A, B) of
            complex (N/2,) tensors, or an `Initialization`.
        dt: time per step, a number or a range (low, high); None for the default of
            `Initialization`. It must be None if init is an `Initialization`, which
            contains dt.
        discretization: "zoh" or "bilinear".
        bidirectional: whether a second kernel runs backward in time.
        frozen: those of "A", "B" and "dt" that are not trained; they are buffers.
        skip: whether there is a skip term D, drawn from N(0, 1).
        seed: of the random numbers of all parameters, a non-negative integer; None
            draws one from torch's generator, which `torch.manual_seed` sets.
        dtype: of the parameters, float32 or float64.
        device: where the parameters are, as in torch.nn; on "meta" nothing is
            allocated.

    Raises:
        TypeError: for an argument of another type, or a subclass that lacks a part.
        ValueError: for an argument outside these values.
    """

    meaning: ClassVar[tuple[str, ...]] = ("d_state", "discretization", "bidirectional")
    #: the names that `discretization` may have
    discretizations: ClassVar[tuple[str, ...]] = tuple(METHODS)

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
        seed: int | None = 0,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str | None = None,
    ):
        super().__init__()
        _checks.one_of("discretization", discretization, self.discretizations)
        _checks.a_dtype(dtype, DTYPES)
        self.d_model = _checks.integer("d_model", d_model)
        self.d_state = _checks.integer("d_state", d_state)
        self.state_size = self.d_state // 2
        self.init = as_initialization(init, dt)
        self.discretization: Discretization = discretization
        self.bidirectional = _checks.boolean("bidirectional", bidirectional)
        self.skip = _checks.boolean("skip", skip)
        self.seed = _checks.seed_or_drawn(seed)
        self._register(frozen, dtype, device)

    def __prepare_scriptable__(self) -> NoReturn:
        """Raise TypeError, where `torch.jit.script` asks for a module to compile."""
        _arguments.refuse_script(self)

    def extra_repr(self) -> str:
        """Return the sizes and options that `repr` shows."""
        return (
            f"{self.d_model}, d_state={self.d_state}, "
            f"discretization={self.discretization!r}, "
            f"bidirectional={self.bidirectional}"
        )

    def kernel(self, L: int) -> Tensor:
        """Return the kernel K, without D.

        Args:
            L: length of the kernel, at least 1.

        Returns:
            (H, L) in the layer's dtype; (2, H, L) if bidirectional: forward, backward.

        Raises:
            TypeError: if L is not an integer.
            ValueError: for L < 1.
        """
        _checks.integer("L", L)
        return self.system().kernel(L, self.dtype)

    def impulse_response(self, L: int) -> Tensor:
        """Return the kernel with D added at lag 0.

        Args:
            L: length of the kernel, at least 1.

        Returns:
            (H, L) in the layer's dtype; (2, H, L) if bidirectional: forward, backward.

        Raises:
            TypeError: if L is not an integer.
            ValueError: for L < 1.
        """
        K = self.kernel(_checks.integer("L", L))
        if self.D is None:
            return K
        D = torch.diag(self.D) if self.mixes_features else self.D
        D = nn.functional.pad(D.unsqueeze(-1), (0, L - 1))
        return K + (torch.stack([D, torch.zeros_like(D)]) if self.bidirectional else D)

    def last_weights(self, L: int) -> Tensor:
        """Return the weight of each of L steps in the output at the last step.

        Args:
            L: number of steps, at least 1.

        Returns:
            (H, L) in the layer's dtype.

        Raises:
            TypeError: if L is not an integer.
            ValueError: for L < 1.
        """
        K = self.impulse_response(L)
        return (K[0] if self.bidirectional else K).flip(-1)

    if TYPE_CHECKING:  # `nn.Module.__call__` has the types of no layer's `forward`

        @overload
        def __call__(
            self, u: Tensor, state: None = None, **options: Unpack[Sampling]
        ) -> Tensor: ...
        @overload
        def __call__(
            self, u: Tensor, state: Tensor, **options: Unpack[Sampling]
        ) -> tuple[Tensor, Tensor]: ...
        def __call__(self, u: Tensor, state: Tensor | None = None, **options) -> Any:
            """Return `forward(u, state, **options)`."""

    @overload
    def forward(
        self, u: Tensor, state: None = None, **options: Unpack[Sampling]
    ) -> Tensor: ...
    @overload
    def forward(
        self, u: Tensor, state: Tensor, **options: Unpack[Sampling]
    ) -> tuple[Tensor, Tensor]: ...
    def forward(
        self,
        u: Tensor,
        state: Tensor | None = None,
        step_scale: float | None = None,
        timestamps: Tensor | None = None,
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Return the output y and, if a state is given, the state after u.

        A sequence may be split in two: if the second part starts from the state after
        the first, the outputs are those of one pass. Where u has been 0 so far, a
        causal y is exactly 0. Under autocast the map is computed in the layer's dtype
        and returned in the dtype of u.

        Args:
            u: (B, H, L), real floating point, L >= 1.
            state: the state before u, as `initial_state` returns it; None for zeros.
            step_scale: the time between two steps, in the steps of the layer: 0.5 for
                an input that is sampled twice as often. It is a factor of dt. None
                for 1.
            timestamps: (L,) or (B, L), the times of the steps, in the steps of the
                layer, increasing; the input of a step is constant since the step
                before, and since one step before the first. It is computed by a scan
                that needs memory for (B, H, N/2, L) complex128, with a shared state
                for (B, N/2, L). None for 0 .. L - 1.

        Returns:
            y (B, H, L) in the dtype of u; with a state, (y, the state after u).

        Raises:
            TypeError: if u is not a tensor of real floating point, or for another type
                of step_scale or timestamps.
            ValueError: for u of another shape, a state of another layer or batch size,
                or a state for a bidirectional layer; for a step_scale that is not
                positive, or timestamps of another shape, that are not finite or do not
                increase; or for one of them with a layer that has no A, B and dt, as
                LRU or DSS with variant "softmax". S4, LinOSS and bidirectional layers
                have no timestamps.
        """
        _arguments.check_input(self, u)
        if step_scale is not None or timestamps is not None:
            return resampled(self, u, state, step_scale, timestamps)
        L = u.shape[-1]
        with full_precision(u.device):
            x = u.to(self.dtype)
            clean, broken = finite_part(x, not self.bidirectional)
            y = self._convolve(clean)
            if broken is not None:
                broken = broken.any(1, True) if self.mixes_features else broken
                y = y.masked_fill(broken, math.nan)
            if state is None:
                return y.to(u.dtype)
            _arguments.check_exporter(self)
            _arguments.check_state(self, state, u.shape[0])
            system = self.system()
            y = y + system.response(state, L, self.dtype)
            after = system.after(x, state)
        return y.to(u.dtype), after

    def _continuous(self) -> Continuous | None:
        """Return a diagonal layer before its discretization, or None."""
        return None

    def _scaled_system(self, step_scale: float) -> System | None:
        """Return the discretized layer with dt times a factor, or None."""
        return None

    def _convolve(self, x: Tensor) -> Tensor:
        """Return y for a finite x (B, H, L) in the layer's dtype."""
        K = self.impulse_response(x.shape[-1])
        return two_sided(x, K) if self.bidirectional else causal(x, K)

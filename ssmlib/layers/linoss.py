"""LinOSS: oscillators that all features share, undamped or with learned damping."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Literal, cast

import torch
from torch import Tensor

from ssmlib import _checks
from ssmlib._literals import OscillatorRule, Part
from ssmlib.initialization import Initialization, oscillators
from ssmlib.initialization.arguments import check_state_size
from ssmlib.layers.oscillators import Oscillators
from ssmlib.layers.shared import SharedSSM
from ssmlib.layers.systems import System


class LinOSS(SharedSSM):
    """LinOSS and D-LinOSS: a layer of N/2 oscillators, which all features share.

    An oscillator is z' = -A y - G z + (B u), y' = z, and the output is C y + D u. One
    step is z <- z + dt (-A y - G z + B u), y <- y + dt z with the new z. In z', "imex"
    takes y from the step before and z from the new one, and "im" takes both from the
    new one, with G = 0. A complex pair of poles has the radius sqrt(S), where S is 1 /
    (1 + dt G) with "imex" and 1 / (1 + dt^2 A) with "im". So undamped "imex" keeps all
    energy, and "im" loses it faster for a larger dt.

    The parameters are real tensors: A_diag and dt_logit (N/2,), and G_diag (N/2,) with
    damping; B (N/2, H), uniform between ``-+1 / sqrt(H)``; C (H, N/2), or (2, H, N/2)
    if bidirectional, uniform between ``-+2 / sqrt(N)``; D (H,). dt is the sigmoid of
    dt_logit. G is max(G_diag, 0), and A is A_diag between 0 and infinity with "im", and
    between the `oscillators.edges` of complex poles with "imex"; the gradient is passed
    through, and after each step of an optimizer the parameters are set to these values.
    At an edge the two poles are equal, and the layer is exact there too.

    The authors' code has complex B and C, and Re C y as the output. Each of its
    oscillators is two of these: with the same A, G and dt, the real and the imaginary
    part of B as rows of B, and Re C and -Im C as columns of C. There the gradient is 0
    where A or G is outside of its range, and undamped "imex" may leave the stable
    range of A.

    A state is (B, N) float64: (z, y) of each oscillator. `modes` is the diagonal form,
    which exists if no two poles are equal.

    Args:
        d_model: number of features H, at least 1.
        d_state: real state size N, even: N/2 oscillators.
        init: "linoss", the published laws, or an `Initialization` of it, whose options
            are r_min and max_phase of the poles with damping.
        discretization: "imex", or "im" if there is no damping.
        damping: whether there is a learned damping G: True for D-LinOSS.
        bidirectional: whether a second C reads a state that runs backward in time.
        frozen: those of "A" (A and G), "B" and "dt" that are not trained; they are
            buffers.
        skip: whether there is a skip term D, drawn from N(0, 1).
        seed: of the random numbers of all parameters, a non-negative integer.
        dtype: of the parameters, float32 or float64.
        device: where the parameters are, as in torch.nn; on "meta" nothing is
            allocated.

    Raises:
        TypeError: for an argument of another type.
        ValueError: for an argument outside these values.

    Source: LinOSS (arXiv 2410.03943), D-LinOSS (arXiv 2505.12171) and their authors'
    code; the laws are those of `initialization.oscillators.draw`.
    """

    ssm_parameters: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "A": ("A_diag", "G_diag"),
        "B": ("B",),
        "dt": ("dt_logit",),
    }
    readout_parameters = ("C",)
    meaning: ClassVar[tuple[str, ...]] = (*SharedSSM.meaning, "damping")
    discretizations: ClassVar[tuple[str, ...]] = oscillators.RULES
    state_form: ClassVar[type[System]] = Oscillators

    def __init__(
        self,
        d_model: int,
        d_state: int = 64,
        *,
        init: Literal["linoss"] | Initialization = "linoss",
        discretization: OscillatorRule = "imex",
        damping: bool = True,
        bidirectional: bool = False,
        frozen: Sequence[Part] = (),
        skip: bool = True,
        seed: int = 0,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str | None = None,
    ):
        oscillators.check_rule(discretization, damping)
        self.damping = damping
        super().__init__(
            d_model,
            d_state,
            init=init,
            discretization=cast(Any, discretization),
            bidirectional=bidirectional,
            frozen=frozen,
            skip=skip,
            seed=seed,
            dtype=dtype,
            device=device,
        )
        self.state_size = self.d_state

    def _register(
        self,
        frozen: Iterable[str],
        dtype: torch.dtype,
        device: torch.device | str | None,
    ) -> None:
        if not self.damping:
            self.register_parameter("G_diag", None)
        super()._register(frozen, dtype, device)

    @property
    def _rule(self) -> OscillatorRule:
        return cast(OscillatorRule, self.discretization)

    def extra_repr(self) -> str:
        """Return the sizes and options that `repr` shows."""
        return f"{super().extra_repr()}, damping={self.damping}"

    def initial_values(self, generator: torch.Generator) -> dict[str, Tensor]:
        """Draw B and C first, so that no option changes them."""
        check_state_size("d_state", self.d_state)
        n, H = self.d_state // 2, self.d_model
        sides = (2,) if self.bidirectional else ()
        B = _uniform((n, H), 1 / math.sqrt(H), generator)
        C = _uniform((*sides, H, n), math.sqrt(2 / n), generator)
        options = {"discretization": self._rule, "damping": self.damping}
        A, G, dt = oscillators.draw(n, generator, **self._options_of_init(), **options)
        values = {"A_diag": A, "dt_logit": torch.logit(dt), "B": B, "C": C}
        return values | ({"G_diag": G} if self.damping else {})

    def _options_of_init(self) -> dict[str, Any]:
        found = dict(self.init.options)
        if self.init.scheme != "linoss" or {"discretization", "damping"} & set(found):
            raise ValueError(
                "init of LinOSS must be 'linoss', or an Initialization of it with the "
                "options r_min and max_phase (discretization and damping are those of "
                f"the layer), got {self.init}"
            )
        return found

    def parameters_of_oscillators(self) -> oscillators.Oscillators:
        """Return A, G and dt as the map uses them.

        Returns:
            (N/2,) float64 each; G is 0 without damping.
        """
        A, dt = self.A_diag.double(), torch.sigmoid(self.dt_logit.double())
        G = torch.zeros_like(A) if self.G_diag is None else self.G_diag.double()
        G = _within(G, 0.0, None)
        return oscillators.Oscillators(_within(A, *self._limits(G, dt)), G, dt)

    def _limits(self, G: Tensor, dt: Tensor) -> tuple[Any, Any]:
        """The smallest and the largest A."""
        if self.discretization == "im":
            return 0.0, None
        return oscillators.edges(G.detach(), dt.detach())

    def limits(self) -> dict[str, tuple[Any, Any]]:
        """Return the limits that `project_` sets parameters back to.

        Returns:
            By name, the smallest and the largest value, None for no limit.
        """
        _, G, dt = self.parameters_of_oscillators()
        found = {"A_diag": self._limits(G, dt)}
        return found | ({"G_diag": (0.0, None)} if self.damping else {})

    def projected_by(self) -> tuple[str, ...]:
        """Return the names of the parameters whose step is followed by `project_`."""
        return ("A_diag", "dt_logit", *(("G_diag",) if self.damping else ()))

    def system(self) -> Oscillators:
        """Return the layer in its discretized form, as `SSM.system`."""
        return self._system(1.0)

    def _system(self, step_scale: float) -> Oscillators:
        A, G, dt = self.parameters_of_oscillators()
        M, F = oscillators.transition(A, G, dt * step_scale, self._rule)
        return Oscillators(M, F, self.B.double(), self.C.double())

    def _scaled_system(self, step_scale: float) -> Oscillators | None:
        if type(self).system is not LinOSS.system:
            return None
        if self.discretization == "imex" and step_scale > 1:
            A, G, dt = (x.detach() for x in self.parameters_of_oscillators())
            share = A / oscillators.largest_stable(G, dt * step_scale)
            if _checks.readable(share) and bool((share > 1).any()):
                raise ValueError(
                    "step_scale must keep all oscillators stable: an A may be at most "
                    "2 (2 + s dt G) / (s dt)^2 at the scale s, got "
                    f"{step_scale} and {float(share.max()):.3g} times this A"
                )
        return self._system(step_scale)

    def modes(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return the diagonal form: (log A_bar, B_bar, C), complex128.

        Returns:
            (N/2,), (N/2, H), and (H, N/2), or (2, H, N/2) if bidirectional.

        Raises:
            ValueError: if an oscillator has two equal poles.
        """
        log, w = oscillators.poles(*self.parameters_of_oscillators(), self._rule)
        if _checks.readable(w) and not bool(torch.isfinite(w.imag).all()):
            raise ValueError(
                "modes need two different poles of every oscillator, got equal ones: "
                "use system(), which is exact there too"
            )
        return log, w.unsqueeze(-1) * self.B.double(), self.C.double() + 0j


def _within(x: Tensor, low: Any, high: Any) -> Tensor:
    """X between limits, the gradient passed through; `project_` puts x back."""
    return x + (x.clamp(low, high) - x).detach()


def _uniform(shape: tuple[int, ...], most: float, generator: torch.Generator) -> Tensor:
    """Numbers that are uniform between -most and most, float64."""
    return most * (2 * torch.rand(*shape, generator=generator, dtype=torch.float64) - 1)

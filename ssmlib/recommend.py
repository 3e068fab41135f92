"""Recommend dt, real part and frequencies of an SSM from a user's own data."""

from __future__ import annotations

import math
import textwrap
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from torch import Tensor

from ssmlib import _advice, _advice_data, _checks, _doubts, _imports
from ssmlib.initialization import DAMPING, Initialization
from ssmlib.uncertainty import Interval, of_sequences, of_series

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WIDTH = 79


@dataclass(frozen=True)
class Recommendation:
    """A recommended initialization for given data, with its reasons.

    `str` gives it as text, and `as_dict` in the types of JSON.

    Attributes:
        data: the data, in words.
        L: length of the sequences that the model will read, in steps.
        shift: number to subtract from every value before training.
        scale: number to divide by after that; 0 and 1 if the scale was not changed.
        moment: lambda_max of the second moment, with its interval.
        mean_share: share of lambda_max that is due to the mean of the data alone.
        dt: time per step for the estimate of lambda_max.
        dt_low: time per step for the upper end of the interval of lambda_max.
        dt_high: time per step for the lower end of the interval of lambda_max.
        real: real part of the modes, as in `initialization.initialize`.
        imag_scale: factor of S4D-Lin's frequencies, as in `initialize`.
        d_state: largest real state size without aliasing.
        decision: advice about S4D's default range, in one sentence.
        configurations: three to try, in order; each a pair of a description and an
            `Initialization`.
        reasons: the reason for each answer, by its name.
        warnings: signs in the data that make the answer or its interval unreliable.
        cautions: questions that the rule cannot answer.
    """

    data: str
    L: int
    shift: float
    scale: float
    moment: Interval
    mean_share: float
    dt: float
    dt_low: float
    dt_high: float
    real: float
    imag_scale: float
    d_state: int
    decision: str
    configurations: tuple[tuple[str, Initialization], ...]
    reasons: dict[str, str]
    warnings: tuple[str, ...]
    cautions: tuple[str, ...]

    @property
    def init(self) -> Initialization:
        """The initialization with the recommended dt, for a layer or a grid."""
        return Initialization(
            "lin", real=self.real, imag_scale=self.imag_scale, dt=self.dt
        )

    def as_dict(self) -> dict:
        """Return all fields in the types of JSON."""
        return asdict(self)

    def __str__(self) -> str:
        lines = [self.input, *textwrap.wrap(self.decision, _WIDTH)]
        lines += [_block("  ! ", text) for text in self.warnings]
        lines += [_CONFIGURATIONS]
        for k, (text, init) in enumerate(self.configurations, 1):
            ours, (first, *more) = _advice.in_code(init)
            lines += [_block(f"  {k}. ", text), f"     init = {ours}"]
            lines += [f"     s4:    {first}", *(f"            {line}" for line in more)]
        lines += ["reasons"]
        lines += [_block(f"  {name:12}", text) for name, text in self.reasons.items()]
        lines += ["limits of the rule"]
        lines += [_block("  - ", text) for text in self.cautions]
        return "\n".join(lines)

    @property
    def input(self) -> str:
        """The scale of the input that the answer is for, in words."""
        if (self.shift, self.scale) == (0.0, 1.0):
            return "for the input in the scale that it has"
        sign, size = (
            ("add", -self.shift) if self.shift < 0 else ("subtract", self.shift)
        )
        return f"for standardized input; {sign} {size:.6g}, divide by {self.scale:.6g}"


_CONFIGURATIONS = (
    "three configurations to try: for ssmlib as S4D(d_model, N, init=init), and for\n"
    "state-spaces/s4 (s4)"
)


def _block(first: str, text: str) -> str:
    return textwrap.fill(
        text, _WIDTH, initial_indent=first, subsequent_indent=" " * len(first)
    )


def recommend(
    x: Tensor,
    L: int | None = None,
    *,
    constant: float = 1.0,
    seed: int = 0,
    raw: bool = False,
    delay: int | None = None,
) -> Recommendation:
    """Recommend dt, real part and frequencies by the rule of "Autocorrelation Matters".

    The data are first standardized by one mean and one scale over all values, since
    most models see them so and dt goes with 1 / scale. `Recommendation.shift` and
    `.scale` say how to bring the data to that scale.

    Args:
        x: one series (T,) of which a model will read windows of length L, at least
            four disjoint ones, or independent sequences (n, L), at least 20 of at
            least two steps; real floating point.
        L: length of a window, in steps; for sequences their length or None.
        constant: C of dt = C / sqrt(L lambda_max).
        seed: seed of the interval's random draws.
        raw: use the data in the scale that they have.
        delay: how many steps the target lies back, in 0 .. L - 1, if that is known. The
            real part then follows from it, and not from the length of the window.

    Returns:
        The recommendation, with an interval, reasons and warnings.

    Raises:
        TypeError: if x is not a real floating-point tensor, L, seed or delay not an
            int, constant not a number, or raw not a bool.
        ValueError: if x has another shape, too few sequences or windows, values that
            are not finite, or is constant; if L is missing or not the sequences'
            length; if constant is not positive, or dt far from 1 by 300 decades; if
            delay is outside its range.

    Source: arXiv 2411.19455 in our reading; chapters `timescale` (dt),
    `zero-real-part` (real part and frequencies), `real-series` (a test on data).
    """
    x, L, constant = _advice_data.checked(x, L, constant, raw)
    if delay is not None:
        delay = _checks.integer("delay", delay, least=0, most=L - 1)
    suspects = _doubts.of_values(x)
    shift, scale = 0.0, 1.0
    if not raw:
        x, shift, scale = _advice_data.standardized(x)
    series = x.ndim == 1
    if series:
        moment = of_series(x, L, seed=seed)
        constant_input = L * float(x.mean()) ** 2
        data = f"one series of {len(x):,} steps, read in windows of L = {L}"
    else:
        moment = of_sequences(x, seed=seed)
        constant_input = float(x.mean(0).square().sum())
        data = f"{len(x):,} independent sequences of L = {L}"
    share = moment.estimate / (L * float(x.square().mean()))
    mean_share = min(1.0, constant_input / moment.estimate)
    dt, dt_low, dt_high = (
        constant / math.sqrt(L * v) for v in (moment.estimate, moment.high, moment.low)
    )
    for value in (dt_low, dt_high):
        if not 1e-300 <= value <= 1e300:
            raise ValueError(
                "constant must give a dt in 1e-300 .. 1e300, got constant = "
                f"{constant:g} and dt = {value:g}"
            )
    init = _advice.initialization_at(dt, L, delay)
    decision, configurations = _advice.decision(dt, L, bool(suspects), delay)
    return Recommendation(
        data=data,
        L=L,
        shift=shift,
        scale=scale,
        moment=moment,
        mean_share=mean_share,
        dt=dt,
        dt_low=dt_low,
        dt_high=dt_high,
        real=init.real or 0.0,
        imag_scale=init.imag_scale,
        d_state=_advice.largest_state(init, L),
        decision=decision,
        configurations=configurations,
        reasons=_advice.reasons(
            data, moment, share, (dt, dt_low, dt_high), init, L, constant, delay
        ),
        warnings=suspects + moment.doubts,
        cautions=_advice.cautions(moment, mean_share, series),
    )


def figure(advice: Recommendation) -> Figure:
    """Draw dt next to S4D's range, and how far back a window is seen.

    Args:
        advice: the value that `recommend` returned.

    Returns:
        A matplotlib figure with two panels.

    Raises:
        TypeError: if advice is not a `Recommendation`.
    """
    if not isinstance(advice, Recommendation):
        raise TypeError(f"advice must be a Recommendation, got {type(advice).__name__}")
    from ssmlib import figures

    fig, (scale, memory) = figures.subplots(1, 2, height=2.6)
    blue, orange, green, *_ = figures.COLOURS
    scale.axvspan(1e-3, 1e-1, color="#7F7F7F", alpha=0.25, linewidth=0)
    scale.plot([advice.dt_low, advice.dt_high], [0, 0], color=blue, linewidth=5)
    scale.plot(advice.dt, 0, "o", color=blue, markersize=9)
    for value, name in ((advice.L**-1.0, "1/L"), (advice.L**-0.5, r"1/$\sqrt{L}$")):
        scale.axvline(value, color=orange, linestyle=":")
        scale.annotate(
            name, (value, 0.85), (-3, 0), textcoords="offset points", ha="right"
        )
    scale.set(xscale="log", xlabel=r"$\Delta$; gray: S4D's range", ylim=(-1, 1))
    scale.set(yticks=[], title="recommended, with its interval")
    ages = range(0, advice.L, max(1, advice.L // 256))
    damped = [math.exp(2 * DAMPING * advice.dt * age) for age in ages]
    memory.plot(ages, damped, color=orange, label=f"Re w = {DAMPING:g}")
    memory.plot(ages, [1.0] * len(damped), "--", color=green, label="Re w = 0")
    if 2 / advice.dt < advice.L:
        repeat = {"color": "#7F7F7F", "linestyle": ":", "label": "S4D-Lin repeats"}
        memory.axvline(2 / advice.dt, **repeat)
    memory.set(xlabel="steps back", ylim=(0, 1.1), title="weight of a step (squared)")
    memory.legend(fontsize=8, loc="center right")
    return fig


_imports.make_callable(__name__, recommend)  # `from ssmlib import recommend`

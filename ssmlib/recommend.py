"""A user's own data in; dt, real part and frequencies out, with reasons."""

from __future__ import annotations

import math
import textwrap
from dataclasses import asdict, dataclass

from torch import Tensor

from ssmlib import _checks
from ssmlib.initialization import DAMPING, Initialization
from ssmlib.uncertainty import Interval, of_sequences, of_series

#: a share of squared weight below which a step counts as forgotten; our choice
FORGOTTEN = 0.05


@dataclass(frozen=True)
class Recommendation:
    """How an SSM might begin on given data, and how each answer was reached.

    data: what was seen; L: the length the model will read. moment: lambda_max of
    the second moment, with its interval; dt, dt_low, dt_high: time a step for it and
    for the interval's ends. mean_share: how much of lambda_max a constant input of
    the data's mean would have alone. real, imag_scale: as `initialization.initialize`
    takes them, for S4D-Lin; d_state: the largest real state size without aliasing.
    reasons: answer -> how it was reached. cautions: what the rule cannot tell.
    `str` gives all as text, `as_dict` as JSON's types.
    """

    data: str
    L: int
    moment: Interval
    mean_share: float
    dt: float
    dt_low: float
    dt_high: float
    real: float
    imag_scale: float
    d_state: int
    reasons: dict[str, str]
    cautions: tuple[str, ...]

    @property
    def init(self) -> Initialization:
        """What a layer's `init` takes, or that of a grid: dt is within it."""
        return Initialization(
            "lin", real=self.real, imag_scale=self.imag_scale, dt=self.dt
        )

    def as_dict(self) -> dict:
        """All of it, in JSON's types."""
        return asdict(self)

    def __str__(self) -> str:
        def block(first: str, text: str) -> str:
            return textwrap.fill(
                text, 79, initial_indent=first, subsequent_indent=" " * len(first)
            )

        lines = [self.data]
        lines += [block(f"  {name:12}", text) for name, text in self.reasons.items()]
        lines += ["what the rule cannot tell"]
        lines += [block("  - ", text) for text in self.cautions]
        lines += [
            "in code",
            f"  init = Initialization('lin', real={self.real}, "
            f"imag_scale={self.imag_scale:.4g}, dt={self.dt:.3g})",
            "  S4D(d_model, N, init=init)",
        ]
        return "\n".join(lines)


def recommend(
    x: Tensor, L: int | None = None, *, constant: float = 1.0, seed: int = 0
) -> Recommendation:
    """dt, real part and frequencies that "Autocorrelation Matters" leads to for x.

    x: independent sequences (n, L), at least 20, or one series (T,) of which a model
    will read windows of length L, at least four disjoint ones; in the scale in which
    the model will see them, since dt goes with 1 / scale. constant: C of
    dt = C / sqrt(L lambda_max). seed: of the interval's random draws.

    Raises TypeError for complex numbers or integers, ValueError for other shapes,
    values that are not finite, too few sequences or windows, a constant series.
    Source: arXiv 2411.19455 in our reading; chapters `timescale` (dt), `zero-real-part`
    (real part and frequencies), `real-series` (how it fares).
    """
    _checks.positive("constant", constant)
    if isinstance(x, Tensor) and x.ndim == 1:
        if L is None:
            raise ValueError("L must be given for one series: the length of a window")
        moment = of_series(x, L, seed=seed)
        constant_input = L * float(x.double().mean()) ** 2
        data = f"one series of {len(x)} steps, read in windows of L = {L}"
    else:
        moment = of_sequences(x, seed=seed)
        if L not in (None, x.shape[1]):
            raise ValueError(f"L must be that of x, {x.shape[1]}, or None, got {L}")
        L = x.shape[1]
        constant_input = float(x.double().mean(0).square().sum())
        data = f"{len(x)} independent sequences of L = {L}"
    share = moment.estimate / (L * float(x.double().square().mean()))
    mean_share = min(1.0, constant_input / moment.estimate)
    dt, dt_low, dt_high = (
        constant / math.sqrt(L * v) for v in (moment.estimate, moment.high, moment.low)
    )
    left = math.exp(2 * DAMPING * dt * L)
    real = DAMPING if left >= FORGOTTEN else 0.0
    # Undamped modes at pi n repeat after 2 / dt steps, here within a window; those of
    # the grid after L.
    imag_scale = 1.0 if real else 2 / (dt * L)
    half_turns = 1 / dt if real else L / 2
    d_state = 2 * math.ceil(half_turns)

    reasons = {
        "lambda_max": (
            f"{moment.estimate:.4g}, nominal 90 % interval {moment.low:.4g} to "
            f"{moment.high:.4g} ({moment.method}). {share:.2g} of "
            f"the power lies in one direction: 1/L = {1 / L:.2g} for white input, 1 "
            "for constant."
        ),
        "dt": (
            f"{dt:.3g}, range {dt_low:.3g} to {dt_high:.3g}: {constant:g} / "
            "sqrt(L lambda_max), at the estimate and at the ends of its interval."
        ),
        "real part": (
            f"{real:g}: at {DAMPING:g} and this dt the first step of a window keeps "
            f"{left:.2g} of the last one's weight (squared), "
            + ("at least " if real else "less than ")
            + f"{FORGOTTEN:g}: damping "
            + ("lets it through." if real else "would forget it.")
        ),
        "frequencies": (
            "pi n, S4D-Lin's own: damped, and far enough apart."
            if real
            else f"2 pi n / (dt L), imag_scale {imag_scale:.3g}: undamped modes at "
            f"pi n repeat after {2 / dt:.0f} steps, within a window."
        ),
        "d_state": f"at most {d_state}: beyond, a mode turns by pi or more a step.",
    }
    return Recommendation(
        data, L, moment, mean_share, dt, dt_low, dt_high, real, imag_scale, d_state,
        reasons, _cautions(moment, mean_share, x.ndim == 1),
    )  # fmt: skip


def _cautions(moment: Interval, mean_share: float, series: bool) -> tuple[str, ...]:
    cautions = []
    if mean_share > 0.5:
        mean = "mean" if series else "mean sequence"
        cautions.append(
            f"The {mean} alone makes {mean_share:.0%} of lambda_max. Subtract it, "
            "unless the model will see it: dt would rise."
        )
    if moment.high > 4 * moment.low:
        cautions.append(
            "lambda_max is known within a factor of "
            f"{moment.high / moment.low:.1f} only: the data are few for this L."
        )
    if series:
        cautions.append(
            "Stationarity and short memory are assumed: a trend, long memory, or a "
            "period longer than the record, is in no interval."
        )
    cautions += [
        "It bounds the size of an untrained model's output. In training it was found "
        "to be a ceiling: larger dt cost more, smaller ones little. Try dt / 4.",
        "How far back the target looks is not in the inputs. If only recent steps "
        "matter, a larger dt may do better, and damping does no harm.",
        "Learning rates, width and depth are not in it; deeper layers see other input.",
    ]
    return tuple(cautions)


def figure(advice: Recommendation):
    """A matplotlib figure: dt beside S4D's range, and how far back a window is seen."""
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
    scale.set(xscale="log", xlabel=r"$\Delta$; grey: S4D's range", ylim=(-1, 1))
    scale.set(yticks=[], title="asked for, with its interval")
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

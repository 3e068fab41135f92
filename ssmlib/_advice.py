"""The sentences of a recommendation: a decision, reasons and cautions."""

from __future__ import annotations

import math

from ssmlib.initialization import DAMPING, DT, Initialization
from ssmlib.uncertainty import Interval

#: a share of squared weight below which a step counts as forgotten; our choice
FORGOTTEN = 0.05
_RANGE = f"S4D's default range {DT[0]:g} to {DT[1]:g}"
#: half of the default's dt are larger than the middle of its range
_MIDDLE = math.sqrt(DT[0] * DT[1])


#: steps, times dt, after which damping leaves this share
_KEPT = math.log(FORGOTTEN) / (2 * DAMPING)


def initialization_at(dt: float, L: int, delay: int | None = None) -> Initialization:
    """S4D-Lin with one dt, undamped only where damping would forget what is needed.

    That is the first step of a window, or the one `delay` steps back.
    """
    needed = L if delay is None else delay
    real = DAMPING if math.exp(2 * DAMPING * dt * needed) >= FORGOTTEN else 0.0
    # Undamped modes at pi n repeat after 2 / dt steps, here within a window; those of
    # the grid after L.
    imag_scale = 1.0 if real else 2 / (dt * L)
    return Initialization("lin", real=real, imag_scale=imag_scale, dt=dt)


def largest_state(init: Initialization, L: int) -> int:
    """The largest real state size whose modes all turn by less than pi per step."""
    return 2 * math.ceil(1 / init.fixed_dt if init.real else L / 2)


def decision(
    dt: float, L: int, suspect: bool, delay: int | None = None
) -> tuple[str, tuple[tuple[str, Initialization], ...]]:
    """What to do about S4D's default range, and three configurations, best first."""
    default = (
        f"S4D's default: one dt per feature, {DT[0]:g} to {DT[1]:g}",
        Initialization(),
    )
    rule, quarter = (
        _configuration(what, initialization_at(value, L, delay), L)
        for what, value in (("the rule's dt", dt), ("a quarter of it", dt / 4))
    )
    if dt < DT[0]:
        where, what = "below", "initialize with this Δ or a smaller one"
        order = (rule, quarter, default)
    else:
        order = (default, rule, quarter)
        where, what = "inside", "keep the default"
        if dt > DT[1]:
            where, what = "above", f"{what}, all of which is within the rule's bound"
        elif dt < _MIDDLE:
            what = (
                "most of the default is larger than it, so train with both and compare"
            )
    if delay and not rule[1].real:
        shorter = Initialization("lin", real=DAMPING, dt=_KEPT / delay)
        damped = _configuration("a dt at which damping keeps the delay", shorter, L)
        order = (damped, rule, default)
        what = (
            f"at this Δ damping forgets an input of {delay} steps ago, so compare a "
            f"smaller one, {_KEPT / delay:.3g}, with a real part of 0"
        )
    if suspect:
        what = "do not use it before the first warning is resolved"
    return f"Δ = {dt:.3g}, {where} {_RANGE}: {what}.", order


def _configuration(
    what: str, init: Initialization, L: int
) -> tuple[str, Initialization]:
    return f"{what}; N at most {largest_state(init, L)}", init


def in_code(init: Initialization) -> tuple[str, list[str]]:
    """How ssmlib and state-spaces/s4 write an initialization; the second in lines."""
    if isinstance(init.dt, tuple):
        return f"Initialization({init.scheme!r})", ["S4D(d_model, d_state=N)"]
    dt, scale = f"{init.dt:.3g}", f"{init.imag_scale:.4g}"
    given = f"real={init.real}, imag_scale={scale}, dt={dt}"
    ours = f"Initialization({init.scheme!r}, {given})"
    steps = f"dt_min={dt}, dt_max={dt}"
    if init.real:
        return ours, [f"S4D(d_model, d_state=N, {steps})"]
    return ours, [
        f'S4Block(d_model, d_state=N, mode="diag", init="diag-lin", {steps},',
        f"        real_scale=0.0, imag_scale={scale})",
    ]


def reasons(
    data: str,
    moment: Interval,
    share: float,
    dts: tuple[float, float, float],
    init: Initialization,
    L: int,
    constant: float,
    delay: int | None = None,
) -> dict[str, str]:
    """By answer, how it was reached."""
    dt, dt_low, dt_high = dts
    left = math.exp(2 * DAMPING * dt * (L if delay is None else delay))
    oldest = "the first step of a window"
    if delay is not None:
        oldest = f"an input of {delay} steps ago"
    real, imag_scale = init.real, init.imag_scale
    doubtful = ", not reliable here" if moment.doubts else ""
    return {
        "data": f"{data}.",
        "lambda_max": (
            f"{moment.estimate:.4g}, nominal 90 % interval {moment.low:.4g} to "
            f"{moment.high:.4g}{doubtful} ({moment.method}). One direction "
            f"carries {share:.2g} of the power. This share is 1/L = {1 / L:.2g} for "
            "white input and 1 for constant input."
        ),
        "dt": (
            f"{dt:.3g}, nominal 90 % interval {dt_low:.3g} to {dt_high:.3g}"
            f"{doubtful}: {constant:g} / "
            "sqrt(L lambda_max) at the estimate and at the ends of its interval."
        ),
        "real part": (
            f"{real:g}. With {DAMPING:g} and this dt, {oldest} has "
            f"{left:.2g} of the squared weight of the last one, "
            + (
                f"at least {FORGOTTEN:g}: damping does not forget it."
                if real
                else f"less than {FORGOTTEN:g}: damping would forget it."
            )
        ),
        "frequencies": (
            "pi n, as in S4D-Lin: with damping they are far enough apart."
            if real
            else f"2 pi n / (dt L), imag_scale {imag_scale:.3g}. Undamped modes at "
            f"pi n would repeat after {2 / dt:.0f} steps, within a window."
        ),
        "d_state": (
            f"at most {largest_state(init, L)}. The modes of a larger state would turn "
            "by pi or more per step."
        ),
    }


def cautions(moment: Interval, mean_share: float, series: bool) -> tuple[str, ...]:
    """Questions that the rule cannot answer."""
    cautions = []
    if mean_share > 0.5:
        mean = "mean" if series else "mean sequence"
        cautions.append(
            f"The {mean} alone makes {mean_share:.0%} of lambda_max. Subtract it, "
            "unless the model will see it. dt is larger without it."
        )
    if moment.high > 4 * moment.low:
        cautions.append(
            "lambda_max is known only within a factor of "
            f"{moment.high / moment.low:.1f}: the data are few for this L."
        )
    if series:
        cautions.append(
            "Stationarity and short memory are assumed. The interval does not include "
            "the effect of long memory or of a period longer than the record."
        )
    cautions += [
        "The rule bounds the output of an untrained model. In our training runs a dt "
        "well above it raised the loss, and a smaller dt hardly did.",
        "The inputs do not say how far back the target looks. If only recent steps "
        "matter, a larger dt with damping may do better.",
        "Learning rates, width and depth are not considered. Deeper layers see other "
        "input.",
    ]
    return tuple(cautions)

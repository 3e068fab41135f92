"""S4's dense kernel beside powers one by one and Cauchy sums: rows of make bench."""

from __future__ import annotations

import time

SHAPE = (64, 64)  # features, state
L, SHORT = 4096, 256
GROWTH = tuple(2**k for k in range(12, 17))


def kernels(rule: str, shape: tuple[int, int] = SHAPE, device: str = "cpu"):
    """(a layer, name -> a function of L that gives its kernel): all from its system."""
    import torch

    from ssmlib.kernels import dense_kernel_reference, dplr_kernel_reference
    from ssmlib.layers import S4

    layer = S4(*shape, discretization=rule, dtype=torch.float32, device=device)

    def one_by_one(L):
        system = layer.system()
        return dense_kernel_reference(system.A_bar, system.B_bar, system.C, L)

    def cauchy(L):
        return dplr_kernel_reference(layer.A, layer.P, layer.B, layer.C, layer.dt, L)

    return layer, {"fast": layer.kernel, "powers": one_by_one, "cauchy": cauchy}


def measure(task: dict) -> object:
    """Of one process: seconds, peaks, the error, or steps a second."""
    import torch

    from ssmbook.notebook.measure import peak_memory, times

    layer, calls = kernels(task.get("rule", "zoh"))

    def both(name):
        layer.zero_grad()
        calls[name](L).square().sum().backward()

    if task["of"] == "both":
        names = ("fast", "powers")
        return times({name: lambda n=name: both(n) for name in names}, repeats=3)
    if task["of"] == "steps":
        return steps_a_second()
    if task["of"] == "short":
        return short()
    with torch.no_grad():
        if task["of"] == "forward":
            names = ("fast", "cauchy")
            forward = {name: lambda n=name: calls[n](L) for name in names}
            return times(forward, repeats=3)
        if task["of"] == "memory":
            calls[task["side"]](64)  # code and threads, not data
            return peak_memory(lambda: calls[task["side"]](L))
        if task["of"] == "length":
            return times({"fast": lambda: calls["fast"](task["L"])}, repeats=5)["fast"]
        exact = layer.system().kernel(L, torch.float64)
        return float((layer.kernel(L) - exact).abs().max() / exact.abs().max())


def cauchy_sums(layer, L: int):
    """The kernel of S4's published code, whose C has a factor (1 - A_bar^L): (H, L).

    One Cauchy sum for each pair of B or P with C or P*, in single precision, at half of
    the roots of unity, and Woodbury's formula for the low-rank term.
    """
    import torch

    A, P, B, C, dt = (
        getattr(layer, name).to(torch.complex64) for name in ("A", "P", "B", "C", "dt")
    )
    angle = -2 * torch.pi * torch.arange(L // 2 + 1) / L
    w = torch.complex(angle.cos(), angle.sin())
    z = 2 * (1 - w) / (1 + w)
    v = torch.stack([B, P]).unsqueeze(1) * torch.stack([C, P.conj()]) * dt
    v, poles = (torch.cat([x, x.conj()], -1).unsqueeze(-1) for x in (v, A * dt))
    (k_CB, k_PB), (k_CP, k_PP) = (v / (z - poles)).sum(-2)  # (H, L/2 + 1) each
    return torch.fft.irfft(2 / (1 + w) * (k_CB - k_CP * k_PB / (1 + k_PP)), n=L)


def short() -> dict[str, float]:
    """Seconds of layers with backward, with their discretization."""
    from functools import partial
    from unittest.mock import patch

    import torch

    from ssmbook.notebook.measure import times
    from ssmlib import _expm
    from ssmlib.layers import S4

    torch.set_num_threads(1)
    u = torch.randn(1, SHAPE[0], SHORT, generator=torch.Generator().manual_seed(0))
    names = ("fast", "bilinear", "matrix_exp", "cauchy")
    layers = {name: S4(*SHAPE) for name in names if name != "bilinear"}
    layers["bilinear"] = S4(*SHAPE, discretization="bilinear")

    def matrix_exp(L):  # infinitely many halvings: torch.matrix_exp instead
        endless = lambda A: A.new_full(A.shape[:1], torch.inf)  # noqa: E731
        with patch.object(_expm, "_halvings", endless):
            return layers["matrix_exp"].system().kernel(L, torch.float32)

    layers["matrix_exp"].kernel = matrix_exp
    layers["cauchy"].kernel = partial(cauchy_sums, layers["cauchy"])

    def both(name):
        layers[name].zero_grad()
        layers[name](u).square().sum().backward()

    return times({name: partial(both, name) for name in names}, repeats=15)


def steps_a_second() -> float:
    """One sequence, one core: the best of twenty."""
    import torch

    from ssmlib.layers import S4

    torch.set_num_threads(1)
    frozen = S4(*SHAPE).recurrence()
    u_t = torch.randn(1, SHAPE[0], generator=torch.Generator().manual_seed(0))
    best, state = 0.0, frozen.initial_state(1)
    with torch.inference_mode():
        for _ in range(20):
            started = time.perf_counter()
            for _ in range(1000):
                _, state = frozen(u_t, state)
            best = max(best, 1000 / (time.perf_counter() - started))
    return best


def dense_rows(ask) -> list[dict]:
    from ssmlib.statistics import log_log_slope

    base = {"what": "dense kernel", "setting": f"H={SHAPE[0]}, N={SHAPE[1]}, L={L}"}

    def ratio(what: str, taken: dict, plain: str, wanted: float, digits: int) -> dict:
        found = taken[plain] / taken["fast"]
        return base | {
            "measure": what,
            "plain": f"{taken[plain]:.{digits}f}",
            "fast": f"{taken['fast']:.{digits}f}",
            "ratio": f"{found:.1f}",
            "wanted": f"{wanted:g}",
            "met": "yes" if found >= wanted else "NO",
        }

    def alone(measure: str, value: str, wanted: str, met: bool, **changed) -> dict:
        row = base | changed | {"measure": measure, "plain": "–", "fast": value}
        return row | {"ratio": "–", "wanted": wanted, "met": "yes" if met else "NO"}

    def asked(of: str, **options):
        return ask(measure="dense", of=of, **options)

    powers, brief = asked("both"), asked("short")
    cauchy = asked("forward", rule="bilinear")
    peak = {
        side: asked("memory", side=side, rule="bilinear") / 2**20
        for side in ("fast", "cauchy")
    }
    slope = log_log_slope(GROWTH, [asked("length", L=n) for n in GROWTH]).value
    error, steps = asked("error"), asked("steps")
    growth = f"H={SHAPE[0]}, N={SHAPE[1]}, L={GROWTH[0]}..{GROWTH[-1]}"
    layer = {"what": "S4 layer", "setting": f"B=1, H=64, N=64, L={SHORT}, one core"}
    return [
        ratio("seconds, with backward; plain: matrix_exp", brief, "matrix_exp", 4, 3)
        | layer,
        ratio("seconds, with backward; plain: Cauchy sums", brief, "cauchy", 1, 3)
        | layer,
        ratio(
            "bilinear rule, seconds, with backward; plain: Cauchy sums",
            {"fast": brief["bilinear"], "cauchy": brief["cauchy"]},
            "cauchy",
            1,
            3,
        )
        | layer,
        ratio("seconds, with backward; plain: powers", powers, "powers", 10, 3),
        ratio("seconds, forward; plain: Cauchy", cauchy, "cauchy", 10, 3),
        ratio("MiB at the peak; plain: Cauchy", peak, "cauchy", 8, 0),
        alone(
            "exponent of time in L",
            f"{slope:.2f}",
            "at most 1.1",
            slope <= 1.1,
            setting=growth,
        ),
        alone("error / max abs K", f"{error:.1e}", "at most 1e-05", error <= 1e-5),
        alone(
            "steps a second",
            f"{steps:.0f}",
            "10000",
            steps >= 10_000,
            what="dense recurrence",
            setting=f"B=1, H={SHAPE[0]}, N={SHAPE[1]}, one core",
        ),
    ]

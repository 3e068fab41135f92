"""Times and peak memory on a device against plain references: rows of make gpu."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from functools import partial

import dense
import kernels
import torch
from ensembles import fit_call

from ssmbook.notebook.measure import peak_memory, times
from ssmlib.tasks.split import Split

SIDES = ("fast", "plain")


def entry(
    quantity: str,
    value: float | str,
    unit: str,
    *,
    least: float | None = None,
    most: float | None = None,
) -> dict:
    """One row of the table: `met` is None where nothing is promised."""
    bound, met = "–", None
    if least is not None:
        bound, met = f"at least {least:g}", float(value) >= least
    if most is not None:
        bound, met = f"at most {most:g}", float(value) <= most
    own = {"quantity": quantity, "value": value, "unit": unit}
    return own | {"bound": bound, "met": met}


def synchronize(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def peak(call: Callable, device: str) -> float:
    """MiB at the peak of a call, above those before it."""
    if device == "cpu":
        return peak_memory(call) / 2**20
    gc.collect()
    synchronize(device)
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    call()
    synchronize(device)
    return (torch.cuda.max_memory_allocated() - before) / 2**20


def speed(
    name: str,
    calls: dict[str, Callable],
    device: str,
    size: int,
    *,
    plain: str,
    repeats: int = 7,
    least: float | None = None,
    least_memory: float | None = None,
) -> Iterator[dict]:
    """Times and peak memory of both sides, and a product of matrices beside them."""

    def waited(call: Callable) -> None:
        call()
        synchronize(device)

    square = torch.ones(size, size, device=device)
    sides = {side: calls[side] for side in SIDES}
    sides["product"] = lambda: square @ square
    runs = {side: partial(waited, call) for side, call in sides.items()}
    for run in [*runs.values()] * 2:  # code, plans of transforms, pools of memory
        run()
    taken = times(runs, repeats)
    peaks = {side: peak(sides[side], device) for side in SIDES}
    yield entry(f"{name}: time", taken["fast"], "s")
    product = f"s; product of float32 matrices, {size} x {size}"
    yield entry(f"{name}: time of a product beside it", taken["product"], product)
    ratio = taken["plain"] / taken["fast"]
    yield entry(f"{name}: ratio of times", ratio, f"times; {plain}", least=least)
    yield entry(f"{name}: peak memory", peaks["fast"], "MiB")
    ratio = peaks["plain"] / max(peaks["fast"], 1e-9)
    given = {"unit": f"times; {plain}", "least": least_memory}
    yield entry(f"{name}: ratio of peak memory", ratio, **given)


def kernel_speed(device: str, size: int, H: int, L: int, *bounds) -> Iterator[dict]:
    least, least_memory = bounds
    calls = kernels.kernel_calls(H, 64, L, device)
    bound = {"least": least, "least_memory": least_memory}
    name = f"log_vandermonde, H={H}, N=64, L={L}"
    yield from speed(name, calls, device, size, plain="plain sum", **bound)


def layer_speed(device: str, size: int, B: int, H: int, L: int, least) -> Iterator:
    calls = kernels.layer_calls(B, H, 64, L, device)
    name = f"layer S4D, B={B}, H={H}, N=64, L={L}"
    yield from speed(name, calls, device, size, plain="plain sum", least=least)


def dense_speed(device: str, size: int, H: int, L: int, least) -> Iterator[dict]:
    layer, kernels = dense.kernels("zoh", (H, 64), device)

    def both(name: str) -> None:
        layer.zero_grad()
        kernels[name](L).square().sum().backward()

    calls = {"fast": partial(both, "fast"), "plain": partial(both, "powers")}
    name, plain = f"kernel of S4, H={H}, N=64, L={L}", "powers one by one"
    yield from speed(name, calls, device, size, plain=plain, repeats=3, least=least)


def fit_speed(device: str, size: int, n: int, L: int, least) -> Iterator[dict]:
    E, rng = 8, torch.Generator().manual_seed(0)
    x, y = torch.randn(n, L, generator=rng), torch.arange(n) % 10
    data = Split(x, y, x[: n // 8], y[: n // 8], x[: n // 8], y[: n // 8])
    given = {"data": data, "device": device}
    one, many = fit_call(1, **given), fit_call(E, **given)
    calls = {"fast": many, "plain": lambda: [one() for _ in range(E)]}
    name = f"fit of {E} models, {n} sequences of {L} steps, 3 epochs"
    plain = f"{E} fits of one model"
    yield from speed(name, calls, device, size, plain=plain, repeats=2, least=least)

"""The forms of a layer, one against another: their rows in make bench."""

from __future__ import annotations

import time

STEPS, BLOCK = 4000, 1024
LENGTHS = (100, 101, 211, 500, 777, 1000, 1024, 1500, 2048, 2999, 3000)
SMALL = [(B, L) for B in (1, 8) for L in (256, 1024)]
SIZES = [(B, L) for B in (1, 8) for L in (1024, 4096, 16384)]


def steps_a_second() -> dict:
    """One sequence, 64 features, a state of 64, one core: the best of five."""
    import torch

    from ssmlib.layers import S4D

    torch.set_num_threads(1)
    layer = S4D(64, 64)
    frozen = layer.recurrence()
    u_t = torch.randn(1, 64, generator=torch.Generator().manual_seed(0))

    def rate(step, state, count):
        best = float("inf")
        for _ in range(5):
            started = time.perf_counter()
            for _ in range(count):
                _, state = step(u_t, state)
            best = min(best, (time.perf_counter() - started) / count)
        return 1 / best

    def block_rate(B: int) -> float:
        u = torch.randn(B, 64, BLOCK, generator=torch.Generator().manual_seed(0))
        zeros, best = frozen.initial_state(B), float("inf")
        for _ in range(10):
            started = time.perf_counter()
            frozen(u, zeros)
            best = min(best, time.perf_counter() - started)
        return BLOCK / best

    with torch.inference_mode():
        return {
            "plain": rate(layer.step, layer.initial_state(1), STEPS // 10),
            "fast": rate(frozen, frozen.initial_state(1), STEPS),
            "block": block_rate(1),
            "blocks": block_rate(64),
        }


def model_steps() -> dict:
    """Microseconds per step of a frozen model, and of its two layers alone."""
    import torch

    from ssmlib.models import Model

    torch.set_num_threads(1)
    frozen = Model(1, 10, d_model=64, d_state=64, n_layers=2).recurrence()
    first, second = (block.layer for block in frozen.blocks)

    def layers(u_t, state):
        y, one = first(u_t, state[0])
        y, other = second(y, state[1])
        return y, (one, other)

    def cost(step, x_t):
        best = float("inf")
        for _ in range(7):
            state, started = frozen.initial_state(1), time.process_time()
            for _ in range(STEPS):
                _, state = step(x_t, state)
            best = min(best, (time.process_time() - started) / STEPS)
        return 1e6 * best

    with torch.inference_mode():
        generator = torch.Generator().manual_seed(0)
        x_t = torch.randn(1, 64, generator=generator)
        return {"plain": cost(layers, x_t), "fast": cost(frozen, x_t[:, :1])}


def graphs() -> int:
    """Compiled graphs for eleven lengths, kernels of Inductor, forward and backward."""
    import torch
    from torch._dynamo.testing import CompileCounterWithBackend

    from ssmlib.layers import S4D

    counter = CompileCounterWithBackend("inductor")
    layer = torch.compile(S4D(4, 16), backend=counter, fullgraph=True)
    for L in LENGTHS:
        layer(torch.ones(2, 4, L)).sum().backward()
    return counter.frame_count


def convolutions(B: int, L: int) -> dict:
    """Calls of both forms, forward with backward, for `times`."""
    import torch

    from ssmlib.layers import S4D
    from ssmlib.layers.chunks import chunk_length, chunked
    from ssmlib.layers.convolution import causal

    layer = S4D(256, 64, skip=False)
    u = torch.randn(B, 256, L, generator=torch.Generator().manual_seed(0))
    M = chunk_length(u, 64) or 64

    def by_chunks():
        log_A_bar, B_bar, C = layer.modes()
        return chunked(u, C * B_bar, log_A_bar, None, M)

    def run(form):
        layer.zero_grad()
        form().backward(u)

    return {
        "plain": lambda: run(lambda: causal(u, layer.kernel(L))),
        "fast": lambda: run(by_chunks),
    }


def compiled(B: int, L: int) -> dict:
    """Calls of a layer as it is and compiled, forward with backward, for `times`."""
    import torch

    from ssmlib.layers import S4D

    layer = S4D(64)
    fast = torch.compile(layer)
    u = torch.randn(B, 64, L, generator=torch.Generator().manual_seed(0))

    def run(call):
        layer.zero_grad()
        call(u).square().sum().backward()

    for _ in range(3):  # the compiler's own time is not measured
        run(fast)
    return {"plain": lambda: run(layer), "fast": lambda: run(fast)}


def small(B: int, L: int) -> dict:
    """Calls of a layer and of a convolution with a given kernel, for `times`."""
    import torch

    from ssmlib.layers import S4D

    layer = S4D(64)
    u = torch.randn(B, 64, L, generator=torch.Generator().manual_seed(0))
    K = layer.kernel(L).detach().requires_grad_()

    def bare():
        product = torch.fft.rfft(u, n=2 * L) * torch.fft.rfft(K, n=2 * L)
        torch.fft.irfft(product, n=2 * L)[..., :L].square().sum().backward()

    def whole():
        layer.zero_grad()
        layer(u).square().sum().backward()

    return {"plain": bare, "fast": whole}


def form_rows(ask) -> list[dict]:
    """The rows; `ask` runs one measurement in a process of its own."""
    empty = {"plain": "–", "fast": "–", "ratio": "–", "wanted": "–", "met": ""}
    rate, step = ask(measure="steps"), ask(measure="model steps")
    times = step["fast"] / step["plain"]
    made = ask(measure="graphs")
    rows = [
        {"what": "recurrence", "measure": "steps a second", "plain": "–", "ratio": "–"}
        | {"setting": f"B={B}, H=64, N=64, one core, blocks of {BLOCK} steps"}
        | {"fast": f"{rate[name]:.0f}", "wanted": f"{least} a second"}
        | {"met": "yes" if rate[name] >= least else "NO"}
        for B, name, least in ((1, "block", 200_000), (64, "blocks", 15_000))
    ]
    rows += [
        {
            "what": "recurrence",
            "setting": "B=1, H=64, N=64, one core, beside layer.step",
            "measure": "steps a second",
            "plain": f"{rate['plain']:.0f}",
            "fast": f"{rate['fast']:.0f}",
            "ratio": f"{rate['fast'] / rate['plain']:.1f}",
            "wanted": "20000 a second",
            "met": "yes" if rate["fast"] >= 20000 else "NO",
        },
        {
            "what": "recurrence of a model",
            "setting": "B=1, two blocks of H=64, N=64, one core, beside its layers'",
            "measure": "microseconds a step",
            "plain": f"{step['plain']:.0f}",
            "fast": f"{step['fast']:.0f}",
            "ratio": f"{times:.2f}",
            "wanted": "at most 2.5",
            "met": "yes" if times <= 2.5 else "NO",
        },
        {"what": "layer", "setting": "11 lengths from 100 to 3000"}
        | {"measure": "compiled graphs"}
        | empty
        | {"fast": str(made), "wanted": "at most 2"}
        | {"met": "yes" if made <= 2 else "NO"},
    ]
    for B, L in SMALL:
        taken = ask(measure="small", B=B, L=L)
        rows.append(
            {"what": "layer, beside a bare FFT", "setting": f"B={B}, H=64, N=64, L={L}"}
            | {"measure": "seconds; plain: convolution with a given kernel"}
            | {"plain": f"{taken['plain']:.4f}", "fast": f"{taken['fast']:.4f}"}
            | {"ratio": f"{taken['plain'] / taken['fast']:.2f}"}
            | {"wanted": "–", "met": ""}
        )
        taken = ask(measure="compiled", B=B, L=L)
        ratio = taken["plain"] / taken["fast"]
        rows.append(
            {"what": "compiled layer", "setting": f"B={B}, H=64, N=64, L={L}"}
            | {"measure": "seconds; plain: not compiled"}
            | {"plain": f"{taken['plain']:.4f}", "fast": f"{taken['fast']:.4f}"}
            | {"ratio": f"{ratio:.2f}", "wanted": "1"}
            | {"met": "yes" if ratio >= 1 else "NO"}
        )
    faster = 0
    for B, L in SIZES:
        taken = ask(measure="convolution", B=B, L=L)
        ratio = taken["plain"] / taken["fast"]
        faster += ratio >= 1.3
        rows.append(
            {"what": "chunks, beside the FFT", "setting": f"B={B}, H=256, N=64, L={L}"}
            | {"measure": "seconds", "plain": f"{taken['plain']:.4f}"}
            | {"fast": f"{taken['fast']:.4f}", "ratio": f"{ratio:.2f}"}
            | {"wanted": "–", "met": ""}
        )
    rows.append(
        {"what": "chunks, beside the FFT", "setting": "the six sizes"}
        | {"measure": "sizes at 1.3 or more"}
        | empty
        | {"fast": str(faster), "wanted": "3", "met": "yes" if faster >= 3 else "NO"}
    )
    return rows

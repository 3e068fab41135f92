"""The selective layer as a matrix against its recurrence: a row of make bench."""

from __future__ import annotations

B, H, N, HEADS, L = 8, 64, 32, 4, 64


def calls() -> dict:
    """Both forms, forward with backward, on one core, for `times`."""
    import torch

    from ssmlib.layers import Selective

    torch.set_num_threads(1)
    layer = Selective(H, N, heads=HEADS, convolution="default")
    u = torch.randn(B, H, L, generator=torch.Generator().manual_seed(0))

    def steps():
        state, outputs = layer.initial_state(B), []
        for u_t in u.unbind(-1):
            y_t, state = layer.step(u_t, state)
            outputs.append(y_t)
        return torch.stack(outputs, -1)

    def run(form):
        layer.zero_grad()
        form().backward(u)

    return {"plain": lambda: run(steps), "fast": lambda: run(lambda: layer(u))}


def measure() -> dict[str, float]:
    """Runs in a process of its own."""
    from ssmbook.notebook.measure import times

    return times(calls(), repeats=15)


def selective_rows(ask) -> list[dict]:
    """The row; `ask` runs one measurement in a process of its own."""
    taken = ask(measure="selective")
    ratio = taken["plain"] / taken["fast"]
    return [
        {
            "what": "selective layer, as a matrix beside its steps",
            "setting": f"B={B}, H={H}, N={N}, {HEADS} heads, L={L}, one core",
            "measure": "seconds",
            "plain": f"{taken['plain']:.4f}",
            "fast": f"{taken['fast']:.4f}",
            "ratio": f"{ratio:.1f}",
            "wanted": "3",
            "met": "yes" if ratio >= 3 else "NO",
        }
    ]

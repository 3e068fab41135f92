"""The memory function beside the Gram solve it replaces: a row in make bench."""

from __future__ import annotations

N, T = 64, 16384


def calls() -> dict:
    """On one core; the plain one makes its Vandermonde matrix by powers."""
    import torch

    from ssmlib.initialization import initialize, spectrum
    from ssmlib.theory import memory

    torch.set_num_threads(1)
    eigenvalues = torch.exp(0.01 * spectrum(initialize("legs", N)[0]))

    def plain():
        V = eigenvalues[:, None] ** torch.arange(T)
        S = 1 / (1 - eigenvalues[:, None] * eigenvalues.conj())
        return (V.conj() * torch.linalg.solve(S, V)).sum(0).real

    return {"plain": plain, "fast": lambda: memory.memory_function(eigenvalues, T)}


def measure() -> dict:
    """Runs in a process of its own."""
    from ssmbook.notebook.measure import times

    return times(calls(), repeats=7)


def memory_rows(ask) -> list[dict]:
    """The rows; `ask` runs one measurement in a process of its own."""
    taken = ask(measure="memory function")
    gain = taken["plain"] / taken["fast"]
    base = {"what": "memory function, one core", "setting": f"N={N}, T={T}"}
    base |= {"plain": f"{taken['plain']:.4f}", "fast": f"{taken['fast']:.4f}"}
    base |= {"ratio": f"{gain:.0f}", "measure": "seconds"}
    return [
        base | {"wanted": "30", "met": "yes" if gain >= 30 else "NO"},
        base
        | {"plain": "–", "ratio": "–", "wanted": "at most 0.05"}
        | {"met": "yes" if taken["fast"] <= 0.05 else "NO"},
    ]

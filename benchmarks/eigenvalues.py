"""lambda_max of long windows: the matrix-free rows in make bench."""

from __future__ import annotations

WINDOWS, DENSE, LONG = 1000, 4096, 16384
PROCESSES = ("white", "AR(0.9)", "near-constant")


def sample(name: str, L: int):
    """(1000, L) float32 windows."""
    import torch

    from ssmlib import inputs

    process = {
        "white": inputs.white(),
        "AR(0.9)": inputs.ar1(0.9),
        "near-constant": inputs.equicorrelated(0.999),
    }[name]
    return process.sample(WINDOWS, L, torch.Generator().manual_seed(0)).float()


def calls(name: str, L: int) -> dict:
    import torch

    from ssmlib import autocorrelation as ac

    x = sample(name, L)
    return {
        "plain": lambda: torch.linalg.eigvalsh(ac.second_moment(x.double()))[-1],
        "fast": lambda: ac.largest_eigenvalue(x),
    }


def measure(task: dict) -> object:
    """Runs in a process of its own."""
    from ssmbook.notebook.measure import peak_memory, times

    name, L = task["name"], task["L"]
    pair = calls(name, L)
    if task["what"] == "memory":
        calls(name, 16)["fast"]()  # code and threads
        return peak_memory(pair["fast"])
    if task["what"] == "time":
        return times({"fast": pair["fast"]}, repeats=5)["fast"]
    exact = float(pair["plain"]())
    return times(pair, repeats=1) | {"error": abs(pair["fast"]() / exact - 1)}


def eigenvalue_rows(ask) -> list[dict]:
    """The rows; `ask` runs one measurement in a process of its own."""
    rows = []
    for name in PROCESSES:
        task = {"measure": "eigenvalue", "name": name}
        dense = ask(**task, what="dense", L=DENSE)
        seconds = ask(**task, what="time", L=LONG)
        doubles = ask(**task, what="memory", L=LONG) / (8 * WINDOWS * LONG)
        gain = dense["plain"] / dense["fast"]
        lines = [
            (DENSE, "seconds", f"{dense['plain']:.3f}", f"{dense['fast']:.3f}",
             f"{gain:.1f}", "–", None),
            (DENSE, "relative difference", "–", f"{dense['error']:.0e}", "–",
             "at most 1e-6", dense["error"] <= 1e-6),
            (LONG, "seconds", "–", f"{seconds:.3f}", "–", "at most 1", seconds <= 1),
            (LONG, "peak in n L doubles", "–", f"{doubles:.2f}", "–",
             "at most 2", doubles <= 2),
        ]  # fmt: skip
        for L, measure, plain, fast, ratio, wanted, met in lines:
            rows.append(
                {"what": "lambda_max", "setting": f"{name}, n={WINDOWS}, L={L}"}
                | {"measure": measure, "plain": plain, "fast": fast, "ratio": ratio}
                | {"wanted": wanted, "met": {True: "yes", False: "NO", None: ""}[met]}
            )
    return rows

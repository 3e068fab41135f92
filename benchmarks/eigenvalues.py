"""lambda_max of long windows: the matrix-free rows in make bench."""

from __future__ import annotations

WINDOWS, DENSE, LONG = 1000, 4096, 16384
STEPS = 10**6  # of a series, of which overlapping windows are taken
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

    if task["name"] == "series":
        return of_series(task)
    name, L = task["name"], task["L"]
    pair = calls(name, L)
    if task["what"] == "memory":
        calls(name, 16)["fast"]()  # code and threads
        return peak_memory(pair["fast"])
    if task["what"] == "time":
        return times({"fast": pair["fast"]}, repeats=5)["fast"]
    exact = float(pair["plain"]())
    return times(pair, repeats=1) | {"error": abs(pair["fast"]() / exact - 1)}


def of_series(task: dict) -> float:
    """Seconds or peak bytes for one long series, on one core."""
    import torch

    from ssmbook.notebook.measure import peak_memory, times
    from ssmlib import autocorrelation as ac
    from ssmlib import inputs
    from ssmlib.recommend import recommend

    torch.set_num_threads(1)
    x = inputs.ar1(0.9).sample(1, STEPS, torch.Generator().manual_seed(0))[0]
    run = {
        "lambda_max": lambda: ac.largest_eigenvalue(ac.windows(x, DENSE)),
        "recommend": lambda: recommend(x, 1024),
    }[task["of"]]
    if task["what"] == "memory":
        ac.largest_eigenvalue(ac.windows(x[:DENSE], 2))  # code and threads
        return peak_memory(run)
    return times({"fast": run}, repeats=1)["fast"]


def series_rows(ask) -> list[dict]:
    """A million windows in the memory of a series, and the recommendation from it."""
    rows = []
    for name, L, what, most in (
        ("lambda_max", DENSE, "seconds", 1),
        ("lambda_max", DENSE, "memory", 200),
        ("recommend", 1024, "seconds", 12),
    ):
        found = ask(measure="eigenvalue", name="series", of=name, what=what)
        found /= 2**20 if what == "memory" else 1
        measure = "MiB at the peak" if what == "memory" else what
        rows.append(
            {"what": f"{name} of windows of one series, one core"}
            | {"setting": f"T={STEPS}, L={L}", "measure": measure, "plain": "–"}
            | {"fast": f"{found:.2f}", "ratio": "–", "wanted": f"at most {most}"}
            | {"met": "yes" if found <= most else "NO"}
        )
    return rows


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
    return rows + series_rows(ask)

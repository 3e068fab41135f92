"""make bench: fast paths against plain references, forward and backward in float32.

Each row is measured in a process of its own: times first, interleaved; then the peak
memory of each side, each in a fresh process. Writes benchmarks/results.csv, where each
row names the version, the day and the machine on which it was measured.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import json
import math
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import choosing
import dense
import tasks
from eigenvalues import eigenvalue_rows
from eigenvalues import measure as eigenvalue_measure
from ensembles import SIZE, deep_call, deep_rows, fit_call, fit_rows
from forms import compiled, convolutions, form_rows, graphs, steps_a_second
from memory import measure as memory_measure
from memory import memory_rows
from orchestration import orchestration_rows, test_rows

from ssmbook.notebook.session import VARIABLE
from ssmbook.runs import provenance
from ssmlib.statistics import log_log_slope

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results.csv"
# kind, (B, H, N, L), processes, repeats, least speed-up, least memory ratio: the times
# of a small kernel have two modes, by process, of which the median is taken
ROWS = [
    ("kernel", (1, 256, 64, 16384), 1, 5, 40, 20),
    ("kernel", (1, 64, 64, 1024), 7, 31, 8, None),
    ("layer", (1, 256, 64, 16384), 1, 5, 12, None),
    ("layer", (8, 256, 64, 4096), 1, 5, 3, None),
]
GROWTH = [2**k for k in range(12, 17)]


def modes(H: int, N: int, device: str = "cpu"):
    import torch

    from ssmlib.initialization import initialize

    generator = torch.Generator().manual_seed(0)
    A, _ = initialize("lin", N)
    dt = torch.exp(torch.rand(H, 1, generator=generator) * math.log(100)) * 1e-3
    x = (A * dt).to(torch.complex64)
    v = torch.randn(H, N // 2, dtype=torch.complex64, generator=generator)
    return v.to(device).requires_grad_(), x.to(device).requires_grad_()


def kernel_calls(H: int, N: int, L: int, device: str = "cpu") -> dict:
    from ssmlib.kernels import log_vandermonde, log_vandermonde_reference

    v, x = modes(H, N, device)

    def run(kernel):
        v.grad = x.grad = None
        kernel(v, x, L).square().sum().backward()

    calls = {
        "fast": lambda: run(log_vandermonde),
        "plain": lambda: run(log_vandermonde_reference),
    }
    if device != "cpu":
        return calls  # the peers are measured on the CPU
    if importlib.util.find_spec("jax"):
        calls["JAX"] = jax_call(v, x, L)
    if importlib.util.find_spec("pykeops"):
        calls["pykeops"] = lambda: run(pykeops_kernel)
    return calls


def jax_call(v, x, L: int):
    """A peer: the plain sum, differentiated and fused by XLA."""
    import jax
    import jax.numpy as jnp

    def loss(v, x):
        K = 2 * jnp.einsum("hn,hnl->hl", v, jnp.exp(x[..., None] * jnp.arange(L))).real
        return (K**2).sum()

    gradient = jax.jit(jax.grad(loss, (0, 1)))
    arrays = [jnp.asarray(t.detach().numpy()) for t in (v, x)]
    return lambda: jax.block_until_ready(gradient(*arrays))


def pykeops_kernel(v, x, L: int):
    """A peer: the same sum as a KeOps reduction."""
    import torch
    from pykeops.torch import Genred

    formula = "ComplexMult(v, ComplexExp(ComplexMult(x, l)))"
    arguments = ["v = Vj(2)", "x = Vj(2)", "l = Vi(2)"]
    sum_modes = Genred(formula, arguments, reduction_op="Sum", axis=1)
    l = torch.arange(L).to(v.dtype)
    l = torch.view_as_real(l).expand(v.shape[0], L, 2).contiguous()
    return 2 * sum_modes(torch.view_as_real(v), torch.view_as_real(x), l)[..., 0]


def layer_calls(B: int, H: int, N: int, L: int, device: str = "cpu") -> dict:
    import torch

    from ssmlib.kernels import log_vandermonde_reference
    from ssmlib.layers import S4D

    class Plain(S4D):
        """The same layer, its kernel by the plain sum in float32."""

        def kernel(self, L):
            log_A_bar, B_bar, C = self.modes()
            v, x = (t.to(torch.complex64) for t in (C * B_bar, log_A_bar))
            return log_vandermonde_reference(v, x, L)

    u = torch.randn(B, H, L, generator=torch.Generator().manual_seed(0)).to(device)

    def run(layer):
        layer.zero_grad()
        layer(u).square().sum().backward()

    fast, plain = S4D(H, N, device=device), Plain(H, N, device=device)
    return {"fast": lambda: run(fast), "plain": lambda: run(plain)}


def calls_of(kind: str, shape: tuple) -> dict:
    B, H, N, L = shape
    return kernel_calls(H, N, L) if kind == "kernel" else layer_calls(B, H, N, L)


def worker(task: dict) -> object:
    """Runs in a process of its own."""
    import ssmbook
    from ssmbook.notebook.measure import peak_memory, times

    ssmbook.start(device="cpu")
    if task["measure"] == "error":
        return kernel_error(task["real"])
    if task["measure"] == "eigenvalue":
        return eigenvalue_measure(task)
    if task["measure"] == "memory function":
        return memory_measure()
    if task["measure"] == "choosing":
        return choosing.measure(task)
    if task["measure"] == "dense":
        return dense.measure(task)
    if task["measure"] == "tasks":
        return tasks.measure(task)
    if task["measure"] == "steps":
        return steps_a_second()
    if task["measure"] == "graphs":
        return graphs()
    if task["measure"] == "compiled":
        return times(compiled(task["B"], task["L"]), repeats=31)
    if task["measure"] == "convolution":
        return times(convolutions(task["B"], task["L"]), repeats=5)
    if task["measure"] == "fit time":
        return times({"one": fit_call(1), "many": fit_call(SIZE)}, repeats=5)
    if task["measure"] == "fit memory":
        fit_call(1)()  # code and threads
        return peak_memory(fit_call(task["E"]))
    if task["measure"] == "deep time":
        calls = {"one by one": deep_call(SIZE, together=False), "many": deep_call(SIZE)}
        return times(calls, repeats=3)
    if task["measure"] == "deep memory":
        deep_call(1)()  # code and threads
        return peak_memory(deep_call(task["E"]))
    calls = calls_of(task["kind"], tuple(task["shape"]))
    if task["measure"] == "memory":
        warm = calls_of(task["kind"], (1, 2, 4, 64))  # code and threads, not data
        warm[task["side"]]()
        return peak_memory(calls[task["side"]])
    if task["measure"] == "time of fast":
        calls = {"fast": calls["fast"]}
    return times(calls, task["repeats"])


def kernel_error(real: float) -> float:
    """Largest error over max|K|, against complex128 on the same rounded inputs."""
    import torch

    from ssmlib.kernels import log_vandermonde, log_vandermonde_reference

    v, x = (t.detach() for t in modes(16, 64))
    x = torch.complex(x.real * (real / -0.5), x.imag)
    exact = log_vandermonde_reference(v.cdouble(), x.cdouble(), 2**14)
    return float((log_vandermonde(v, x, 2**14) - exact).abs().max() / exact.abs().max())


def ask(**task):
    run = subprocess.run(
        [sys.executable, __file__, "--task", json.dumps(task)],
        capture_output=True,
        encoding="utf-8",
        check=True,
        env=os.environ | {VARIABLE: "2", "OMP_NUM_THREADS": "2"},
    )
    return json.loads(run.stdout.splitlines()[-1])


def verdict(value: float, least: float | None) -> tuple[str, str]:
    if least is None:
        return "–", ""
    return f"{least:g}", "yes" if value >= least else "NO"


def measure_row(
    kind, shape, processes, repeats, least_speed, least_memory
) -> list[dict]:
    B, H, N, L = shape
    batch = f"B={B}, " if kind == "layer" else ""
    label = f"{batch}H={H}, N={N}, L={L}"
    many = [
        ask(measure="time", kind=kind, shape=shape, repeats=repeats)
        for _ in range(processes)
    ]
    taken = sorted(many, key=lambda taken: taken["plain"] / taken["fast"])
    taken = taken[processes // 2]
    base = {"what": kind, "setting": label}
    wanted, met = verdict(taken["plain"] / taken["fast"], least_speed)
    rows = [
        base
        | {"measure": "seconds", "plain": f"{taken['plain']:.4f}"}
        | {
            "fast": f"{taken['fast']:.4f}",
            "ratio": f"{taken['plain'] / taken['fast']:.1f}",
        }
        | {"wanted": wanted, "met": met}
    ]
    for peer in set(taken) - {"plain", "fast"}:
        rows.append(
            base
            | {
                "what": f"{kind}, peer {peer}",
                "measure": "seconds",
                "plain": f"{taken[peer]:.4f}",
            }
            | {
                "fast": f"{taken['fast']:.4f}",
                "ratio": f"{taken[peer] / taken['fast']:.1f}",
            }
            | {"wanted": "–", "met": ""}
        )
    peak = {
        side: ask(measure="memory", kind=kind, shape=shape, side=side) / 2**20
        for side in ("plain", "fast")
    }
    ratio = peak["plain"] / max(peak["fast"], 1e-9)
    wanted, met = verdict(ratio, least_memory)
    rows.append(
        base
        | {"measure": "MiB at the peak", "plain": f"{peak['plain']:.0f}"}
        | {"fast": f"{peak['fast']:.0f}", "ratio": f"{ratio:.1f}"}
        | {"wanted": wanted, "met": met}
    )
    return rows


def growth_row() -> dict:
    """The slope of log time over log L, by least squares."""
    taken = [
        ask(measure="time of fast", kind="kernel", shape=(1, 64, 64, L), repeats=9)[
            "fast"
        ]
        for L in GROWTH
    ]
    slope = log_log_slope(GROWTH, taken).value
    return {
        "what": "kernel",
        "setting": f"H=64, N=64, L={GROWTH[0]}..{GROWTH[-1]}",
        "measure": "exponent of time in L",
        "plain": "–",
        "fast": f"{slope:.2f}",
        "ratio": "–",
        "wanted": "at most 1.1",
        "met": "yes" if slope <= 1.1 else "NO",
    }


def error_row(real: float) -> dict:
    error = ask(measure="error", real=real)
    return {
        "what": "kernel",
        "setting": f"H=16, N=64, L=16384, Re A = {real:g}",
        "measure": "error / max abs K",
        "plain": "–",
        "fast": f"{error:.1e}",
        "ratio": "–",
        "wanted": "at most 2e-06",
        "met": "yes" if error <= 2e-6 else "NO",
    }


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


GROUPS = {
    "library": lambda: (
        [row for spec in ROWS for row in measure_row(*spec)]
        + [growth_row(), error_row(0.0), error_row(-0.5)]
        + form_rows(ask)
        + fit_rows(ask)
        + deep_rows(ask)
        + eigenvalue_rows(ask)
        + memory_rows(ask)
        + choosing.choosing_rows(ask)
        + dense.dense_rows(ask)
    ),
    "tasks": lambda: tasks.task_rows(ask),
    "ssmbook": orchestration_rows,
    "make test": test_rows,
}


def measured_on() -> dict[str, str]:
    """The code, the day and the machine of a row, which is measured now."""
    changed = provenance.state(ROOT)["clean"] is False
    commit = provenance.commit(ROOT)
    commit = (commit[:7] if commit else "no commit") + " edited" * changed
    return {
        "version": f"{version('ssmlib')}, {commit}, {datetime.now(UTC):%Y-%m-%d}",
        "machine": f"{processor()}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}, torch {version('torch')}",
    }


def stored_rows() -> list[dict]:
    """The rows of results.csv."""
    with RESULTS.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def group_of(row: dict) -> str:
    return row["what"] if row["what"] in GROUPS else "library"


def write(rows: list[dict]) -> None:
    with RESULTS.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def main(only: str | None) -> None:
    """Measure all groups of rows, or one; each is written as soon as it is measured."""
    here = measured_on()  # before a row is written, which is a change
    for group in [only] if only else GROUPS:
        known = {name: [] for name in GROUPS}
        for row in stored_rows():
            known[group_of(row)].append(row)
        known[group] = [row | here for row in GROUPS[group]()]
        write([row for rows in known.values() for row in rows])
    rows = stored_rows()
    for row in rows:
        print("  ".join(row.values()))
    if any(row["met"] == "NO" for row in rows):
        sys.exit("a line that the project promises is not met")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", type=json.loads, help="measure one thing, as JSON")
    parser.add_argument("--only", choices=GROUPS, help="one group of rows")
    arguments = parser.parse_args()
    if arguments.task:
        print(json.dumps(worker(arguments.task)))
    else:
        main(arguments.only)

"""The kernel and the layer of S4D against plain references: rows of make bench."""

from __future__ import annotations

import importlib.util
import math

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


def measure(task: dict) -> object:
    """Runs in a process of its own."""
    from ssmbook.notebook.measure import peak_memory, times

    if task["measure"] == "error":
        return kernel_error(task["real"])
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


def verdict(value: float, least: float | None) -> tuple[str, str]:
    if least is None:
        return "–", ""
    return f"{least:g}", "yes" if value >= least else "NO"


def measure_row(
    ask, kind, shape, processes, repeats, least_speed, least_memory
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


def growth_row(ask) -> dict:
    """The slope of log time over log L, by least squares."""
    from ssmlib.statistics import log_log_slope

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


def error_row(ask, real: float) -> dict:
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


def kernel_rows(ask) -> list[dict]:
    rows = [row for spec in ROWS for row in measure_row(ask, *spec)]
    return [*rows, growth_row(ask), error_row(ask, 0.0), error_row(ask, -0.5)]

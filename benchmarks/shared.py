"""Layers whose features share one state, beside plain loops: rows of make bench."""

from __future__ import annotations

import importlib.util

H, N = 64, 64
SIZES = [(B, L) for L in (1024, 4096) for B in (1, 8)]
NAMES = ("LRU", "S5")


def plain(layer, u):
    """The same map by a loop over the steps, in complex64."""
    import torch

    A_bar, B_bar, C = (part.to(torch.complex64) for part in layer.modes())
    entered = torch.einsum("pk,bkl->lbp", B_bar, u.to(torch.complex64))
    pole, state, states = A_bar.exp(), torch.zeros_like(entered[0]), []
    for v in entered.unbind(0):
        state = pole * state + v
        states.append(state)
    y = torch.einsum("hp,lbp->bhl", C, torch.stack(states)).real
    return 2 * y + layer.D.unsqueeze(-1) * u


def jax_call(layer, u):
    """A peer: the same modes by an associative scan, compiled by XLA on one core."""
    import os

    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    import jax
    import jax.numpy as jnp

    def combine(first, second):
        return second[0] * first[0], second[0] * first[1] + second[1]

    def one(parts, u):  # (L, H)
        log_A_bar, B_bar, C, D = parts
        entered = u @ B_bar.T
        poles = jnp.broadcast_to(jnp.exp(log_A_bar), entered.shape)
        _, states = jax.lax.associative_scan(combine, (poles, entered))
        return 2 * (states @ C.T).real + D * u

    def loss(parts, u):
        return (jax.vmap(one, (None, 0))(parts, u) ** 2).sum()

    gradient = jax.jit(jax.grad(loss, (0, 1)))
    parts = tuple(jnp.asarray(p.detach().numpy()) for p in (*layer.modes(), layer.D))
    u = jnp.asarray(u.mT.detach().numpy())
    return lambda: jax.block_until_ready(gradient(parts, u))


def measure(task: dict) -> object:
    """Seconds of each form, forward with backward, on one core."""
    import torch

    from ssmbook.notebook.measure import times
    from ssmlib import layers

    torch.set_num_threads(1)
    layer = getattr(layers, task["name"])(H, N)
    generator = torch.Generator().manual_seed(0)
    u = torch.randn(task["B"], H, task["L"], generator=generator).requires_grad_()

    def run(form):
        layer.zero_grad()
        u.grad = None
        form(layer, u).square().sum().backward()

    calls = {
        "fast": lambda: run(lambda layer, u: layer(u)),
        "plain": lambda: run(plain),
    }
    if importlib.util.find_spec("jax"):
        calls["JAX"] = jax_call(layer, u)
    return times(calls, repeats=5)


def shared_rows(ask) -> list[dict]:
    """The rows; those of JAX only where it is installed."""
    rows = []
    for name in NAMES:
        for B, L in SIZES:
            taken = ask(measure="shared", name=name, B=B, L=L)
            for peer, least in (("plain", 2), ("JAX", 0.67)):
                if peer not in taken:
                    continue
                ratio = taken[peer] / taken["fast"]
                rows.append(
                    {"what": name if peer == "plain" else f"{name}, peer {peer}"}
                    | {"setting": f"B={B}, H={H}, N={N}, L={L}, one core"}
                    | {"measure": "seconds", "plain": f"{taken[peer]:.4f}"}
                    | {"fast": f"{taken['fast']:.4f}", "ratio": f"{ratio:.1f}"}
                    | {"wanted": f"{least:g}", "met": "yes" if ratio >= least else "NO"}
                )
    return rows

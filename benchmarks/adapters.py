"""The audit of a deep model beside one of its forward passes: a row of make bench."""

from __future__ import annotations

LAYERS, B, H, N, L = 24, 8, 64, 64, 1024
#: forward passes that an audit may take
MOST = 10


def calls() -> dict:
    """A forward pass, and the audit with its whole table, on one core, for `times`."""
    import torch

    from ssmlib import Model
    from ssmlib.adapters import audit

    torch.set_num_threads(1)
    model = Model(1, 4, d_model=H, d_state=N, n_layers=LAYERS).eval()
    x = torch.randn(B, 1, L, generator=torch.Generator().manual_seed(0))

    def forward():
        with torch.no_grad():
            model(x)

    return {"plain": forward, "fast": lambda: audit(model, L).rows}


def measure() -> dict[str, float]:
    """Runs in a process of its own."""
    from ssmbook.notebook.measure import times

    return times(calls(), repeats=5)


def audit_rows(ask) -> list[dict]:
    """The row; `ask` runs one measurement in a process of its own."""
    taken = ask(measure="audit")
    ratio = taken["fast"] / taken["plain"]
    return [
        {
            "what": "audit of a model, beside a forward pass",
            "setting": f"{LAYERS} layers of H={H}, N={N}, L={L}, B={B}, one core",
            "measure": "seconds",
            "plain": f"{taken['plain']:.3f}",
            "fast": f"{taken['fast']:.3f}",
            "ratio": f"{ratio:.1f}",
            "wanted": f"at most {MOST}",
            "met": "yes" if ratio <= MOST else "NO",
        }
    ]

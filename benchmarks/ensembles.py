"""What training many models at once gains: the rows of `fit` in make bench."""

from __future__ import annotations

import math
from dataclasses import replace

# The model of sequential-mnist, three epochs.
MODEL = {"epochs": 3, "batch_size": 250, "d_model": 8, "d_state": 32}
# A model whose features are large, one epoch.
DEEP = {
    "epochs": 1,
    "batch_size": 50,
    "d_model": 16,
    "n_layers": 3,
    "norm": True,
    "pooling": "mean",
}
SIZE = 32
SIZES = [2**k for k in range(5, 9)]


def fit_call(E: int, data=None, **changes):
    """A call that trains E configurations, each at a timescale of its own."""
    from ssmlib.tasks import images
    from ssmlib.training import fit

    data = data or images.mnist()
    octaves = [-11 + 8 * k / max(1, E - 1) for k in range(E)]
    grid = {"dt": [2.0**octave for octave in octaves]}
    return lambda: fit(data, grid, **MODEL | changes)


def deep_call(E: int, together: bool = True):
    """A call that trains E configurations of a deep model, at once or one by one."""
    from ssmlib.tasks import images
    from ssmlib.training import fit

    data = images.mnist()
    # 100 sequences of each part, from all classes, by which they are sorted.
    parts = {n: part[:: len(part) // 100][:100] for n, part in data.tensors().items()}
    data = replace(data, **parts)
    grid = [{"dt": 2.0 ** (-11 + 8 * k / max(1, E - 1))} for k in range(E)]
    if together:
        return lambda: fit(data, grid, **DEEP)
    return lambda: [fit(data, [entry], **DEEP) for entry in grid]


def deep_rows(ask) -> list[dict]:
    """The rows of a deep model, whose features do not fit into a processor's cache."""
    taken = ask(measure="deep time")
    few, many = (ask(measure="deep memory", E=E) / 2**20 for E in (4, SIZE))
    gain, growth = taken["one by one"] / taken["many"], many / few
    label = f"{DEEP['n_layers']} layers, L=784, B={DEEP['batch_size']}"
    base = {"what": "fit"}
    return [
        base
        | {
            "setting": f"{label}, E={SIZE} and {SIZE} fits of E=1",
            "measure": "seconds",
            "plain": f"{taken['one by one']:.1f}",
            "fast": f"{taken['many']:.1f}",
            "ratio": f"{gain:.2f}",
            "wanted": "1",
            "met": "yes" if gain >= 1 else "NO",
        },
        base
        | {
            "setting": f"{label}, E={SIZE} and E=4",
            "measure": "MiB at the peak",
            "plain": f"{few:.0f}",
            "fast": f"{many:.0f}",
            "ratio": f"{growth:.2f}",
            "wanted": "at most 1.3",
            "met": "yes" if growth <= 1.3 else "NO",
        },
    ]


def fit_rows(ask) -> list[dict]:
    """The rows; `ask` runs one measurement in a process of its own."""
    taken = ask(measure="fit time")
    gain = taken["one"] * SIZE / taken["many"]
    peaks = [ask(measure="fit memory", E=E) / 2**20 for E in SIZES]
    # Between the ends, so that a constant part shows as an exponent below 1.
    exponent = math.log(peaks[-1] / peaks[0]) / math.log(SIZES[-1] / SIZES[0])
    label = f"sequential-mnist's model, {MODEL['epochs']} epochs"
    return [
        {
            "what": "fit",
            "setting": f"{label}, E=1 and E={SIZE}",
            "measure": "seconds a configuration",
            "plain": f"{taken['one']:.4f}",
            "fast": f"{taken['many'] / SIZE:.4f}",
            "ratio": f"{gain:.1f}",
            "wanted": "4",
            "met": "yes" if gain >= 4 else "NO",
        },
        {
            "what": "fit",
            "setting": f"{label}, E={SIZES[0]}..{SIZES[-1]}",
            "measure": "exponent of peak memory in E",
            "plain": "–",
            "fast": f"{exponent:.2f}",
            "ratio": "–",
            "wanted": "at most 1.1",
            "met": "yes" if exponent <= 1.1 else "NO",
        },
    ]

"""What training many models at once gains: the rows of `fit` in make bench."""

from __future__ import annotations

import math

# The model of sequential-mnist, three epochs.
MODEL = {"epochs": 3, "batch_size": 250, "d_model": 8, "d_state": 32}
SIZE = 32
SIZES = [2**k for k in range(5, 9)]


def fit_call(E: int):
    """A call that trains E configurations, each at a timescale of its own."""
    from ssmlib.tasks import images
    from ssmlib.training import fit

    data = images.mnist()
    octaves = [-11 + 8 * k / max(1, E - 1) for k in range(E)]
    grid = {"dt": [2.0**octave for octave in octaves]}
    return lambda: fit(data, grid, **MODEL)


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

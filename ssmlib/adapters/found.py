"""What an audit found: a table, warnings, a figure, and what training moved."""

from __future__ import annotations

import functools
import json
import math
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from ssmlib._imports import optional
from ssmlib.adapters import measure, moved
from ssmlib.adapters._modes import quantiles
from ssmlib.adapters.registry import Site
from ssmlib.adapters.verdicts import PUBLISHED, Verdict

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
else:
    pd = optional("pandas", "train")

#: layers that a figure shows
_SHOWN = 40


@dataclass(frozen=True)
class Audit:
    """The layers of a model, measured; `str` gives them as text.

    Attributes:
        L: length of the sequences, in tokens.
        sites: the layers, in the order of the model.
        verdicts: one for each layer.
        energies: the mean square of the output of each layer's features, (H,) each.
        unknown: by path, why no adapter knows a layer that looks like one.
    """

    L: int
    sites: tuple[Site, ...]
    verdicts: tuple[Verdict, ...]
    energies: tuple[torch.Tensor, ...]
    unknown: dict[str, str]

    @functools.cached_property
    def rows(self) -> list[dict[str, Any]]:
        """Return one row per layer.

        Memory is the time constant -1 / log ``|lambda|`` in tokens, over all modes of
        the layer. `mf90` is the median over at most 16 features, `energy` that over
        all. Frequencies are in radians per token.
        """
        return [self._row(k) for k in range(len(self.sites))]

    @property
    def table(self) -> pd.DataFrame:
        """Return the rows as a table of pandas, the unknown layers last."""
        return pd.DataFrame(self.rows)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return one sentence per layer that is not as it should be."""
        found = []
        for site, verdict in zip(self.sites, self.verdicts, strict=True):
            where = site.path or "the model"
            if verdict.cause:
                found.append(f"{where} is {verdict.verdict}: {verdict.cause}")
            elif verdict.verdict not in (PUBLISHED, "no published law"):
                found.append(f"{where} is {verdict.verdict}: {verdict.off}")
            share = float(measure.aliased(site.modes).mean())
            # In S4D-Inv and others it is part of the law.
            if share > 0 and verdict.verdict != PUBLISHED:
                found.append(
                    f"{where}: {share:.0%} of the modes turn by more than pi per token "
                    "and alias with slower ones"
                )
        found += [
            f"{k or 'the model'} was not audited: {v}" for k, v in self.unknown.items()
        ]
        return tuple(found)

    def features(self, layer: int | str) -> list[dict[str, Any]]:
        """Return one row per feature or head of a layer, with its own MF90.

        Args:
            layer: its number, or its path.

        Raises:
            ValueError: for another layer.
        """
        paths = [site.path for site in self.sites]
        if layer in paths:
            layer = paths.index(str(layer))
        if not isinstance(layer, int) or not 0 <= layer < len(paths):
            raise ValueError(f"layer must be one of {', '.join(paths)}, got {layer!r}")
        modes, energy = self.sites[layer].modes, self.energies[layer]
        broken = self.verdicts[layer].verdict == "broken"
        rows = []
        for h in range(len(modes.A)):
            low, middle, high = quantiles(modes.memory[h])
            rows.append(
                {
                    "feature": h,
                    "dt": float(modes.dt[h].mean()),
                    "memory_5": low,
                    "memory_50": middle,
                    "memory_95": high,
                    "mf90": math.nan if broken else measure.mf90(modes, h),
                    "frequency_max": float(modes.log.imag[h].abs().max()),
                    "aliased": float(measure.aliased(modes)[h]),
                    "energy": float(energy[h]),
                }
            )
        return rows

    def _row(self, k: int) -> dict[str, Any]:
        site, verdict, modes = self.sites[k], self.verdicts[k], self.sites[k].modes
        dt, memory = quantiles(modes.dt), quantiles(modes.memory)
        H, n = modes.A.shape
        mf90 = [math.nan]
        if verdict.verdict != "broken":
            mf90 = sorted(measure.mf90(modes, int(h)) for h in measure.sampled(modes))
        return {
            "layer": site.path,
            "kind": site.adapter.kind,
            "features": H,
            "modes": n,
            **dict(zip(("dt_5", "dt_50", "dt_95"), dt, strict=True)),
            **dict(zip(("memory_5", "memory_50", "memory_95"), memory, strict=True)),
            "expected": verdict.expected,
            "mf90": mf90[len(mf90) // 2],
            "frequency_max": float(modes.log.imag.abs().max()),
            "aliased": float(measure.aliased(modes).mean()),
            "energy": quantiles(self.energies[k])[1],
            "law": verdict.law,
            "verdict": verdict.verdict,
            "off": verdict.off,
            "cause": verdict.cause,
            "note": _note(site),
        }

    def compare(self, other: Audit) -> pd.DataFrame:
        """Return what moved from this audit to another one, one row per layer.

        Args:
            other: the audit of the same model, as after training.

        Returns:
            A table of the layer, the ratios of the medians of dt and memory, the root
            mean square of the change of log dt and of log(-Re A), the largest change
            of a frequency in radians per token, and `what`, a sentence.

        Raises:
            TypeError: if other is no `Audit`.
            ValueError: if other has other layers.
        """
        if not isinstance(other, Audit):
            raise TypeError(f"other must be an Audit, got {type(other).__name__}")
        ours, theirs = ([_shape(s) for s in a.sites] for a in (self, other))
        if ours != theirs:
            raise ValueError(
                f"other must be of the same model, with the layers {ours}, got {theirs}"
            )
        pairs = zip(self.sites, other.sites, strict=True)
        return pd.DataFrame([moved.between(*pair) for pair in pairs])

    def figure(self) -> Figure:
        """Draw the memory of each layer: the median, and the range of 90 % of modes.

        Returns:
            A figure of matplotlib, with at most 40 layers.
        """
        from ssmlib import figures

        names = {id(s): s.path or "the model" for s in self.sites[:_SHOWN]}
        found: dict[str, dict[str, Any]] = {"this model": {}, "published law": {}}
        for site, verdict in zip(self.sites[:_SHOWN], self.verdicts, strict=False):
            low, middle, high = (
                min(max(v, 1e-6), 1e12) if v == v else math.nan
                for v in quantiles(site.modes.memory)
            )
            found["this model"][names[id(site)]] = _Range(middle, low, high)
            found["published law"][names[id(site)]] = verdict.expected
        fig, axis = figures.intervals(
            found, zero=None, log="x", xlabel="memory, in tokens"
        )
        axis.axvline(self.L, **figures.GUIDE)
        return fig

    def as_dict(self) -> dict[str, Any]:
        """Return the rows, warnings and unknown layers in the types of JSON."""
        rows = [{k: _plain(v) for k, v in row.items()} for row in self.rows]
        return {
            "L": self.L,
            "layers": rows,
            "warnings": list(self.warnings),
            "unknown": dict(self.unknown),
        }

    def json(self) -> str:
        """Return `as_dict` as text."""
        return json.dumps(self.as_dict(), indent=1, allow_nan=False)

    def __str__(self) -> str:
        lines = []
        for row in self.rows:
            lines += [
                f"{row['layer'] or 'the model'} ({row['kind']}, {row['features']} "
                f"features of {row['modes']} modes): {row['verdict']}",
                "  memory {memory_5:.3g}, {memory_50:.3g}, {memory_95:.3g} tokens (5, "
                "50, 95 %); 90 % of the memory function in {mf90:.3g}".format(**row),
                "  dt {dt_5:.3g} to {dt_95:.3g}; frequencies to {frequency_max:.3g} "
                "per token, {aliased:.0%} aliased; energy {energy:.3g}".format(**row),
            ]
            for name in ("law", "off", "cause", "note"):
                if row[name]:
                    lines.append(_block(f"  {name}: ", row[name]))
        lines += [_block("! ", text) for text in self.warnings]
        return "\n".join(lines)


@dataclass(frozen=True)
class _Range:
    """A value with its range, as `figures.intervals` draws it."""

    value: float
    low: float
    high: float


def _shape(site: Site) -> str:
    H, n = site.modes.A.shape
    return f"{site.path or 'the model'} ({site.adapter.kind}, {H} x {n})"


def _note(site: Site) -> str:
    notes = [site.adapter.note]
    if site.adapter.selective and site.adapter.dt_name:
        notes.insert(0, "Evaluated at the dt of the bias, for B = C = 1.")
    return " ".join(filter(None, notes))


def _plain(value):
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else ("inf" if value > 0 else "-inf")
    return value


def _block(first: str, text: str) -> str:
    return textwrap.fill(text, 79, initial_indent=first, subsequent_indent="    ")

"""Pages that are written from data: the ledger and the benchmarks."""

from __future__ import annotations

import csv
from pathlib import Path

from ssmlib.companion.claims import Expectation, Judgement

_BADGES = {
    "reproduced": "success",
    "qualified": "warning",
    "not reproduced": "danger",
    "not testable here": "secondary",
    "not judged": "secondary",
    "limits do not hold": "danger",
}


def _badge(verdict: str) -> str:
    return "{bdg-" + _BADGES[verdict] + "}`" + verdict + "`"


def _lines(expectations: tuple[Expectation, ...], values: dict) -> list[str]:
    rows = ["| predicted | measured | holds | because |", "|---|---|---|---|"]
    for e in expectations:
        measured = ", ".join(f"{values[k]:.6g}" for k in e.keys if k in values)
        holds = "yes" if all(k in values for k in e.keys) and e.holds(values) else "no"
        rows.append(f"| {e.predicts} | {measured or '–'} | {holds} | {e.because} |")
    return rows


def _bibtex(judgement: Judgement, citation: dict) -> str:
    claim = judgement.claim
    year = citation["date-released"].year
    place = f"Version {citation['version']}, claims.html\\#claim-{claim.id}"
    return (
        f"@misc{{ssmbegin-{claim.id},\n"
        "  author = {{The companion's contributors}},\n"
        f"  title = {{Claim {claim.id}: {judgement.found}}},\n"
        f"  howpublished = {{{citation['title']}}},\n"
        f"  year = {{{year}}},\n"
        f"  note = {{{place}}}\n"
        "}"
    )


def _entry(judgement: Judgement, citation: dict) -> list[str]:
    claim = judgement.claim
    paper = f"{{cite:t}}`{claim.paper}`, " if claim.paper != "companion" else ""
    seen = f" ([seen]({claim.url}) {claim.date})" if claim.url else ""
    ranges = "; ".join(
        f"`{name}` {low:g} to {high:g}" for name, (low, high) in claim.valid_for.items()
    )
    parts = [
        f"(claim-{claim.id})=",
        f"## {claim.id}",
        "",
        f"{_badge(judgement.found)} {paper}{claim.where}. "
        f"How we know: {claim.source}{seen}.",
        "",
        f"> {claim.says}",
        "",
        f"Measured in [{claim.notebook}](../notebooks/{claim.notebook}.ipynb); "
        f"scale: {claim.scale}" + (f"; judged for {ranges}." if ranges else "."),
        "",
        *_lines(claim.expect, judgement.values),
        "",
    ]
    if claim.limits:
        parts += ["Where it stops:", "", *_lines(claim.limits, judgement.values), ""]
    if not judgement.stands:
        parts += [
            f"The ledger says {_badge(claim.verdict)}; this run finds otherwise, "
            "and the reason below was written for the ledger's verdict.",
            "",
        ]
    if judgement.reason:
        parts += [f"Not judged in this run: {judgement.reason}.", ""]
    parts += [claim.why, ""]
    parts += [":::{dropdown} BibTeX", "```bibtex", _bibtex(judgement, citation), "```"]
    parts += [":::", ""]
    return parts


def claims(judged: list[Judgement], citation: dict) -> str:
    """The Claims page, Markdown, from judgements of this very run.

    citation: what CITATION.cff holds.
    """
    lines = [
        "# Claims",
        "",
        "Every claim that this book checks, and what came of it. A verdict is not an "
        "opinion: it follows from the figures that the notebooks record, by the rules "
        "on [How to read](how-to-read.md), and a test fails when the ledger says "
        "otherwise. What a claim predicts comes from a formula or a source, never "
        "from the measurement.",
        "",
        "| claim | paper | verdict |",
        "|---|---|---|",
    ]
    for j in judged:
        paper = (
            "this book"
            if j.claim.paper == "companion"
            else f"{{cite:t}}`{j.claim.paper}`"
        )
        lines.append(
            f"| [{j.claim.id}](claim-{j.claim.id}) | {paper} | {_badge(j.found)} |"
        )
    lines.append("")
    for judgement in judged:
        lines += _entry(judgement, citation)
    lines += [
        "To judge a run of your own, `.venv/bin/ssmbook claims --check` takes its "
        "folder: [How to rerun](rerun.md).",
        "",
    ]
    return "\n".join(lines)


def benchmarks(results: Path) -> str:
    """The Benchmarks page, Markdown, from benchmarks/results.csv."""
    lines = [
        "# Benchmarks",
        "",
        "Fast paths against plain references, forward and backward in float32, in one "
        "run: medians of interleaved repeats; memory is the peak above what the "
        "process held just before the call, each in a process of its own. Times belong "
        "to the machine named below; ratios travel better. `make bench` measures anew.",
        "",
    ]
    with results.open() as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    with results.open() as file:
        stamp = [line[1:].strip() for line in file if line.startswith("#")]
    header = list(rows[0])
    lines += ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    lines += ["| " + " | ".join(row.values()) + " |" for row in rows]
    lines += ["", "Measured on: " + "; ".join(stamp) + ".", ""]
    return "\n".join(lines)

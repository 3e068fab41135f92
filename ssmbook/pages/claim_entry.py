"""One claim on the Claims page: its sentence, its tables, its history."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ssmbook.ledger.data import why
from ssmbook.ledger.entries import Claim
from ssmbook.ledger.expectations import Expectation
from ssmbook.ledger.numerals import readable
from ssmbook.ledger.verdicts import Judgement
from ssmbook.notebook.chapters import Chapter
from ssmbook.notebook.recorded import Record
from ssmbook.pages.badges import badge, plain

_MEASURED = {
    "notebook": "",
    "deposit": " by its longer run",
    "study": " by its study, pooled over all parts",
}
#: measured numbers below it are rounding errors
_TINY = 1e-6
_HOLDS = {"holds": "yes", "fails": "no", "open": "open", "missing": "–"}
#: how large the models of a claim are
_SCALE = {
    "exact": "no training",
    "reduced": "smaller models or data than the paper's",
    "paper": "the paper's own models",
}
#: what LaTeX reads as a command, in text outside of formulas
_LATEX = str.maketrans(
    {c: f"\\{c}" for c in "%&#_{}"} | {"^": r"\textasciicircum{}", "~": r"\~{}"}
)
#: what the ledger adds in brackets, a sentence of its own: how it is read here
_ASIDE = re.compile(r"(?<=\.) \([A-Z]")


def sentence(claim: Claim) -> str:
    """What is claimed, without what our reading adds to it."""
    return _ASIDE.split(claim.says)[0]


def _numbers(e: Expectation, records: Mapping[str, Record]) -> list[str]:
    """The values of the records that it reads.

    They have three digits, or more if rounded values would not agree with the verdict.
    Below 1e-6, where differences come from rounding, one digit is enough.
    """
    known = {key: records[key].value for key in e.keys if key in records}
    exact = len(known) == len(e.keys)
    for more in range(15):
        digits = {k: more + (3 if abs(v) >= _TINY else 1) for k, v in known.items()}
        rounded = {k: float(f"{v:.{digits[k]}g}") for k, v in known.items()}
        if not exact or e.holds(rounded) == e.holds(known):
            break
    return [readable(v, digits[k]) for k, v in known.items()]


def values(e: Expectation, judgement: Judgement) -> str:
    """What was measured of what it predicts, with intervals or standard errors."""
    pooled = [judgement.effects[key] for key in e.keys if key in judgement.effects]
    if pooled:
        return ", ".join(own.text for own in pooled)
    records = judgement.records
    known = [records[key] for key in e.keys if key in records]
    numbers = _numbers(e, records)
    shown = [
        text + (f" ± {readable(r.se, 2)}" if r.se else "")
        for text, r in zip(numbers, known, strict=True)
    ]
    return ", ".join(shown) or "–"


def _row(e: Expectation, j: Judgement) -> list[str]:
    """The cells of effect, interval and n."""
    effects = [j.effects[key] for key in e.keys if key in j.effects]
    records = [] if effects else [j.records[key] for key in e.keys if key in j.records]
    numbers = [f"{own.value:.4g}" for own in effects] or _numbers(e, j.records)
    ends = [own.ends for own in (*effects, *records) if own.ends]
    spans = [" to ".join(readable(end, 4) for end in pair) for pair in ends]
    many = [f"{own.n} {own.unit}" for own in effects]
    return [", ".join(cell) or "–" for cell in (numbers, spans, many)]


def _table(
    expectations: tuple[Expectation, ...], states: tuple[str, ...], j: Judgement
) -> list[str]:
    rows = [
        "| predicted | effect | 95 % | n | holds | because |",
        "|---|---|---|---|---|---|",
    ]
    for k, e in enumerate(expectations):
        holds = _HOLDS[states[k]] if states else "–"
        cells = [e.in_full(j.labels), *_row(e, j), holds, e.because]
        rows.append("| " + " | ".join(cells) + " |")
    return [*rows, ""]


def _regions(j: Judgement) -> list[str]:
    """The effects in other settings, beside those that decide the claim."""
    rows = [
        f"| {words} | {own[key].label} | {own[key].text} |"
        for words, own in j.regions.items()
        for key in dict.fromkeys(j.claim.keys)
        if key in own  # a design may have fewer arms or tasks
    ]
    if not rows:
        return []
    heads = ["| setting | comparison | effect |", "|---|---|---|"]
    return ["In other settings, which decide nothing:", "", *heads, *rows, ""]


def _elsewhere(claim: Claim) -> list[str]:
    """Published figures at full scale, beside the claim."""
    if not claim.elsewhere:
        return []
    agrees = {True: "agrees", False: "does not agree"}
    rows = [
        f"- {own.says} This {agrees[own.agrees]} with the claim. "
        f"([Seen]({own.url}) {own.date}.)"
        for own in claim.elsewhere
    ]
    return ["Elsewhere, at full scale:", "", *rows, ""]


def _bibtex(judgement: Judgement, citation: dict) -> str:
    claim, released = judgement.claim, citation["date-released"]
    said = f"{sentence(claim).rstrip('.')} ({plain(judgement.shown)})"
    known = [values(e, judgement) for e in claim.expect]
    measured = "; ".join(dict.fromkeys(own for own in known if " to " in own))
    note = f"Measured: {measured}. " if measured else ""
    if judgement.fallen:
        note += f"Open, because it rests on {_fallen(judgement)}. "
    note += f"Version {citation['version']}, page Claims, entry {claim.id}"
    return (
        f"@misc{{ssmbook-{claim.id},\n"
        "  author = {{The companion's contributors}},\n"
        f"  title = {{{{{said.translate(_LATEX)}}}}},\n"
        f"  howpublished = {{{citation['title']}}},\n"
        f"  year = {{{released.year}}},\n"
        f"  date = {{{released.isoformat()}}},\n"
        f"  note = {{{note.translate(_LATEX)}}}\n"
        "}"
    )


def _fallen(judgement: Judgement) -> str:
    """The claims that it rests on and that do not hold, in words."""
    named = [f"{name} ({plain(own)})" for name, own in judgement.fallen.items()]
    return " and ".join(named)


def _support(judgement: Judgement) -> list[str]:
    """The claims that it rests on; those that do not hold make it open."""
    named = [f"[`{name}`](claim-{name})" for name in judgement.claim.requires]
    lines = [f"It rests on {' and '.join(named)}.", ""] if named else []
    if judgement.fallen:
        fell = [
            f"[`{name}`](claim-{name}) is {badge(own)}"
            for name, own in judgement.fallen.items()
        ]
        lines += [
            f"This claim is shown as open, because {' and '.join(fell)}. Its own "
            f"records give {badge(judgement.verdict)}.",
            "",
        ]
    return lines


def _registered(claim: Claim) -> list[str]:
    """When its predictions were first written down, and each change since."""
    first = claim.registered
    if first is None:
        return []
    lines = [f"Predictions registered {first.date} (`{first.hash}`)."]
    lines += [f"Changed {v.date} (`{v.hash}`): {v.because}" for v in claim.history]
    return [*lines, ""]


def slug(text: str) -> str:
    """Return a text as part of the name of a class in HTML."""
    return text.replace(" ", "-")


def entry(judgement: Judgement, chapter: Chapter, citation: dict) -> list[str]:
    """One claim, folded under its sentence; the link to it opens it."""
    claim, n = judgement.claim, len(judgement.claim.expect)
    paper = f"{{cite:t}}`{claim.about}`, " if claim.kind != "companion" else ""
    if claim.reviewer:
        paper = "a reviewer of " + paper
    seen = f" ([seen]({claim.url}) {claim.date})" if claim.url else ""
    ranges = ", ".join(
        f"`{name}` = {low:g}" if low == high else f"`{name}` from {low:g} to {high:g}"
        for name, (low, high) in claim.valid_for.items()
    )
    parts = [
        f"::::{{dropdown}} {badge(judgement.shown)} {sentence(claim)}",
        f":class-container: claim verdict-{slug(judgement.shown)} "
        f"paper-{claim.about} chapter-{claim.notebook} evidence-{claim.evidence}",
        "",
        *(f"(claim-{name})=" for name in (claim.id, *claim.former)),
        "",
        f"`{claim.id}`: {paper}{claim.where}. How we know: {claim.source}{seen}.",
        "",
        f"> {claim.says}",
        "",
        f"Measured in {{doc}}`../{chapter.document.removesuffix('.ipynb')}`"
        + _MEASURED[claim.judged_on]
        + f"; evidence: {claim.evidence}; {_SCALE[claim.scale]}"
        + (f"; evaluated at {ranges}." if ranges else "."),
        "",
        *_table(claim.expect, judgement.states[:n], judgement),
    ]
    if claim.limits:
        parts += ["Limits of the claim, which were measured as well:", ""]
        parts += _table(claim.limits, judgement.states[n:], judgement)
    parts += _support(judgement)
    if not judgement.agrees:
        parts += [
            f"The ledger says {badge(claim.verdict)}; this run finds otherwise, "
            "and the reason below was written for the ledger's verdict.",
            "",
        ]
    if judgement.reason:
        parts += [f"Not judged in this run: {judgement.reason}.", ""]
    parts += [why(judgement), ""]
    if claim.reruns:
        runs = claim.reruns
        ran = f"Of {runs.of} reruns ({runs.having}), {runs.open} left it open."
        parts += [ran, ""]
    parts += _regions(judgement)
    parts += _elsewhere(claim)
    parts += _registered(claim)
    parts += [":::{dropdown} Cite it: BibTeX", "```bibtex"]
    parts += [_bibtex(judgement, citation), "```", ":::", "::::", ""]
    return parts

"""The Claims page and the tables of chapters: the ledger as judged in this run."""

from __future__ import annotations

import html
import re
from collections import Counter

from ssmbook.ledger.data import why
from ssmbook.ledger.entries import KINDS, Claim
from ssmbook.ledger.expectations import Expectation
from ssmbook.ledger.verdicts import Judgement
from ssmbook.notebook.chapters import Chapter
from ssmbook.pages.badges import badge, words
from ssmbook.runs.bibliography import cited

_HEADS = {
    "paper": "What the papers say",
    "found": "What this book found",
    "identity": "Identities that check the code",
}
_ABOUT = {
    "paper": "Claims of the papers, as far as we could see what they say.",
    "found": "What was measured here and stands in no paper that we know of.",
    "identity": "Formulas of ours and what follows from them. They cannot fail unless "
    "the code does: that they hold is no evidence for a paper.",
}
#: whose a claim is, in a chapter's table
_WHOSE = {"paper": "on the paper", "found": "ours", "identity": "identity"}
_NAMES = {"companion": "this book"}
_MEASURED = {
    "notebook": "",
    "deposit": " by its longer run",
    "study": " by its study, pooled over all parts",
}
_HOLDS = {"holds": "yes", "fails": "no", "open": "open", "missing": "–"}
#: what the ledger adds in brackets, a sentence of its own: how it is read here
_ASIDE = re.compile(r"(?<=\.) \([A-Z]")


def sentence(claim: Claim) -> str:
    """What is claimed, without what our reading adds to it."""
    return _ASIDE.split(claim.says)[0]


def _values(e: Expectation, judgement: Judgement, digits: int = 6) -> str:
    """What was measured of what it predicts, with intervals or standard errors."""
    pooled = [judgement.effects[key] for key in e.keys if key in judgement.effects]
    if pooled:
        return ", ".join(f"{own.text}, {own.n} {own.unit}" for own in pooled)
    records = judgement.records
    known = [records[key] for key in e.keys if key in records]
    shown = [
        f"{r.value:.{digits}g}" + (f" ± {r.se:.2g}" if r.se else "") for r in known
    ]
    return ", ".join(shown) or "–"


def _table(
    expectations: tuple[Expectation, ...], states: tuple[str, ...], j: Judgement
) -> list[str]:
    rows = ["| predicted | measured | holds | because |", "|---|---|---|---|"]
    for k, e in enumerate(expectations):
        holds = _HOLDS[states[k]] if states else "–"
        rows.append(f"| {e.predicts} | {_values(e, j)} | {holds} | {e.because} |")
    return [*rows, ""]


def _bibtex(judgement: Judgement, citation: dict) -> str:
    claim = judgement.claim
    year = citation["date-released"].year
    version = f"Version {citation['version']}, claims.html\\#claim-{claim.id}"
    return (
        f"@misc{{ssmbook-{claim.id},\n"
        "  author = {{The companion's contributors}},\n"
        f"  title = {{Claim {claim.id}: {judgement.verdict}}},\n"
        f"  howpublished = {{{citation['title']}}},\n"
        f"  year = {{{year}}},\n"
        f"  note = {{{version}}}\n"
        "}"
    )


def _registered(claim: Claim) -> list[str]:
    """When its predictions were first written down, and each change since."""
    first = claim.registered
    if first is None:
        return []
    lines = [f"Predictions registered {first.date} (`{first.hash}`)."]
    lines += [f"Changed {v.date} (`{v.hash}`): {v.because}" for v in claim.history]
    return [*lines, ""]


def _slug(text: str) -> str:
    return text.replace(" ", "-")


def _entry(judgement: Judgement, chapter: Chapter, citation: dict) -> list[str]:
    """One claim, folded under its sentence; the link to it opens it."""
    claim, n = judgement.claim, len(judgement.claim.expect)
    paper = f"{{cite:t}}`{claim.paper}`, " if claim.paper != "companion" else ""
    seen = f" ([seen]({claim.url}) {claim.date})" if claim.url else ""
    ranges = "; ".join(
        f"`{name}` {low:g} to {high:g}" for name, (low, high) in claim.valid_for.items()
    )
    parts = [
        f"::::{{dropdown}} {badge(judgement.verdict)} {sentence(claim)}",
        f":class-container: claim verdict-{_slug(judgement.verdict)} "
        f"paper-{claim.paper} chapter-{claim.notebook}",
        "",
        f"(claim-{claim.id})=",
        "",
        f"`{claim.id}`: {paper}{claim.where}. How we know: {claim.source}{seen}.",
        "",
        f"> {claim.says}",
        "",
        f"Measured in {{doc}}`../{chapter.document.removesuffix('.ipynb')}`"
        + _MEASURED[claim.judged_on]
        + f"; scale: {claim.scale}"
        + (f"; judged for {ranges}." if ranges else "."),
        "",
        *_table(claim.expect, judgement.states[:n], judgement),
    ]
    if claim.limits:
        parts += ["Where it stops:", ""]
        parts += _table(claim.limits, judgement.states[n:], judgement)
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
    parts += _registered(claim)
    parts += [":::{dropdown} Cite it: BibTeX", "```bibtex"]
    parts += [_bibtex(judgement, citation), "```", ":::", "::::", ""]
    return parts


def _options(name: str, values: dict[str, str]) -> str:
    """A choice among classes of entries; an empty value is every one."""
    options = [f'<option value="">every {name}</option>']
    options += [
        f'<option value="{name}-{value}">{html.escape(label)}</option>'
        for value, label in values.items()
    ]
    return f'<label>{name} <select name="{name}">{"".join(options)}</select></label>'


def _filter(judged: list[Judgement]) -> list[str]:
    """A form that _static/claims.js brings to life; without it, all are shown."""
    papers = dict.fromkeys(j.claim.paper for j in judged)
    choices = [
        _options("paper", {p: _NAMES.get(p) or cited(p, titled=True) for p in papers}),
        _options("chapter", {j.claim.notebook: j.claim.notebook for j in judged}),
        _options("verdict", {_slug(j.verdict): words(j.verdict) for j in judged}),
        '<label>word <input type="search" name="word"></label>',
        '<output aria-live="polite"></output>',
    ]
    form = ['<form id="claim-filter" hidden>', *choices, "</form>"]
    return ["```{raw} html", *form, "```", ""]


def page(judged: list[Judgement], chapters: dict[str, Chapter], citation: dict) -> str:
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
        "from the measurement. The same as data: "
        '<a href="../_static/claims.json">claims.json</a>, whose fields '
        '<a href="../_static/claims.schema.json">claims.schema.json</a> explains.',
        "",
        *_filter(judged),
    ]
    for kind in KINDS:
        own = [j for j in judged if j.claim.kind == kind]
        if own:
            counts = Counter(words(j.verdict) for j in own)
            said = ", ".join(f"{n} {verdict}" for verdict, n in counts.most_common())
            lines += [f"## {_HEADS[kind]}", "", f"{_ABOUT[kind]} {len(own)}: {said}."]
            lines.append("")
        for judgement in own:
            lines += _entry(judgement, chapters[judgement.claim.notebook], citation)
    lines += [
        "## To judge a run of your own",
        "",
        "`.venv/bin/ssmbook claims --check` takes its folder: "
        "[How to rerun](rerun.md).",
        "",
    ]
    return "\n".join(lines)


def table(judged: list[Judgement]) -> str:
    """A chapter's claims, Markdown: what was predicted, what was measured."""
    if not judged:
        return ""
    rows = ["| claim | predicted: **measured** | verdict |", "|---|---|---|"]
    for j in sorted(judged, key=lambda j: KINDS.index(j.claim.kind)):
        said = f"[{sentence(j.claim)}](claim-{j.claim.id})".replace("|", r"\|")
        lines = [
            f"{e.predicts}: **{_values(e, j, digits=3)}**" for e in j.claim.predictions
        ]
        of = f"*{_WHOSE[j.claim.kind]}:* {said}"
        shown = badge(j.verdict)
        if j.claim.reruns and j.verdict == "undecided":
            shown += f" by {j.claim.reruns.open} of {j.claim.reruns.of} reruns"
        rows.append(f"| {of} | {'<br>'.join(lines)} | {shown} |")
    return "\n".join([*rows, "", ""])

"""The Claims page and the tables of chapters: the ledger as judged in this run."""

from __future__ import annotations

import html
import re

from ssmbook.ledger.data import why
from ssmbook.ledger.entries import EVIDENCE, KINDS, Claim
from ssmbook.ledger.expectations import Expectation
from ssmbook.ledger.verdicts import Judgement
from ssmbook.notebook.chapters import Chapter
from ssmbook.notebook.recorded import Record
from ssmbook.pages.badges import badge, counts, words
from ssmbook.runs.bibliography import cited
from ssmbook.studies.estimates import Effect

_HEADS = {
    "paper": "What the papers say",
    "reviewer": "What reviewers of the papers say",
    "companion": "What this book says",
}
_ABOUT = {
    "paper": "Claims in a paper's own words, as far as we could see them. Only these "
    "count on the front page.",
    "reviewer": "Sentences of the papers' public reviews.",
    "companion": "Expectations and formulas of this book that stand in no paper that "
    "we know of.",
}
#: whose a claim is, in a chapter's table
_WHOSE = {"paper": "the paper's", "reviewer": "a reviewer's", "companion": "ours"}
#: what the columns and marks of the tables mean
_LEGEND = (
    "*Predicted* is the range that the claim needs, for a record of the notebook (in "
    "code letters) or for a comparison of two arms (in words). *Effect* is what was "
    "measured: a number, or a ratio of two losses, of which 1 means no difference. "
    "*95 %* is the interval of the effect by Student's *t*; a dash stands where "
    "nothing is random. *n* is the number of seeds or tasks. *Holds* says yes if all "
    "of the interval is as predicted, no if none of it is, and open otherwise, after "
    "the correction for the number of claims in the chapter. The hash behind "
    "*registered* is a checksum of the predictions, which shows that they are those "
    "of that day."
)
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
        return ", ".join(own.text for own in pooled)
    records = judgement.records
    known = [records[key] for key in e.keys if key in records]
    shown = [
        f"{r.value:.{digits}g}" + (f" ± {r.se:.2g}" if r.se else "") for r in known
    ]
    return ", ".join(shown) or "–"


def _row(e: Expectation, j: Judgement) -> list[str]:
    """The cells of effect, interval and n."""
    known: list[Effect | Record] = [
        j.effects[key] for key in e.keys if key in j.effects
    ]
    known += [j.records[key] for key in e.keys if key in j.records]
    ends = [own.ends and " to ".join(f"{end:.4g}" for end in own.ends) for own in known]
    many = [f"{own.n} {own.unit}" for own in known if isinstance(own, Effect)]
    cells = [f"{own.value:.4g}" for own in known], [x for x in ends if x], many
    return [", ".join(cell) or "–" for cell in cells]


def _table(
    expectations: tuple[Expectation, ...], states: tuple[str, ...], j: Judgement
) -> list[str]:
    rows = [
        "| predicted | effect | 95 % | n | holds | because |",
        "|---|---|---|---|---|---|",
    ]
    for k, e in enumerate(expectations):
        holds = _HOLDS[states[k]] if states else "–"
        cells = [e.in_words(j.labels), *_row(e, j), holds, e.because]
        rows.append("| " + " | ".join(cells) + " |")
    return [*rows, ""]


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
    paper = f"{{cite:t}}`{claim.about}`, " if claim.kind != "companion" else ""
    if claim.reviewer:
        paper = "a reviewer of " + paper
    seen = f" ([seen]({claim.url}) {claim.date})" if claim.url else ""
    ranges = "; ".join(
        f"`{name}` {low:g} to {high:g}" for name, (low, high) in claim.valid_for.items()
    )
    parts = [
        f"::::{{dropdown}} {badge(judgement.verdict)} {sentence(claim)}",
        f":class-container: claim verdict-{_slug(judgement.verdict)} "
        f"paper-{claim.about} chapter-{claim.notebook} evidence-{claim.evidence}",
        "",
        f"(claim-{claim.id})=",
        "",
        f"`{claim.id}`: {paper}{claim.where}. How we know: {claim.source}{seen}.",
        "",
        f"> {claim.says}",
        "",
        f"Measured in {{doc}}`../{chapter.document.removesuffix('.ipynb')}`"
        + _MEASURED[claim.judged_on]
        + f"; evidence: {claim.evidence}; scale: {claim.scale}"
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
    parts += _elsewhere(claim)
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
    papers = dict.fromkeys(j.claim.about for j in judged)
    choices = [
        _options("paper", {p: _NAMES.get(p) or cited(p, titled=True) for p in papers}),
        _options("chapter", {j.claim.notebook: j.claim.notebook for j in judged}),
        _options("evidence", {name: name for name in EVIDENCE}),
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
        _LEGEND,
        "",
    ]
    for kind in KINDS:
        own = [j for j in judged if j.claim.kind == kind]
        if own:
            lines += [
                f"## {_HEADS[kind]}",
                "",
                _ABOUT[kind],
                "",
                *counts([(j.claim.evidence, j.verdict) for j in own]),
                "",
            ]
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
            f"{e.in_words(j.labels)}: **{_values(e, j, digits=3)}**"
            for e in j.claim.predictions
        ]
        of = f"*{_WHOSE[j.claim.kind]}, {j.claim.evidence}:* {said}"
        shown = badge(j.verdict)
        if j.claim.reruns and j.verdict == "undecided":
            shown += f" by {j.claim.reruns.open} of {j.claim.reruns.of} reruns"
        rows.append(f"| {of} | {'<br>'.join(lines)} | {shown} |")
    return "\n".join([*rows, "", ""])

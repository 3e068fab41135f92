"""The Claims page and the tables of chapters: the ledger as judged in this run."""

from __future__ import annotations

import html

from ssmbook.ledger.entries import EVIDENCE, KINDS
from ssmbook.ledger.verdicts import Judgement
from ssmbook.notebook.chapters import Chapter
from ssmbook.pages.badges import badge, counts, words
from ssmbook.pages.claim_entry import entry, sentence, slug, values
from ssmbook.runs.bibliography import cited

_HEADS = {
    "paper": "What the papers say",
    "reviewer": "What reviewers of the papers say",
    "companion": "What this book says",
}
_ABOUT = {
    "paper": "Claims of the papers. Each entry says how we know the claim: from the "
    "abstract, a public review, code, another paper, a summary, or only our reading. "
    "The front page counts those of its three papers.",
    "reviewer": "Sentences of the papers' public reviews.",
    "companion": "Expectations and formulas of this book that stand in no paper that "
    "we know of.",
}
#: whose a claim is, in a chapter's table
_WHOSE = {"paper": "the paper's", "reviewer": "a reviewer's", "companion": "ours"}
#: what the columns and marks of the tables mean
_LEGEND = (
    "*Predicted* is the range that the claim needs, for a recorded number (its name in "
    "the notebook follows in monospace) or for a comparison of two arms. Numbers are "
    "rounded. *Effect* is what was measured: a number, or a ratio of two losses, of "
    "which 1 means no difference. "
    "*95 %* is the interval of the effect, by the page *The protocol*; a dash stands "
    "where nothing is random. *n* is the number of seeds or tasks. *Holds* is yes if "
    "all of the interval is as predicted, no if none of it is, and open otherwise, "
    "after the correction for the number of claims in the chapter. The hash behind "
    "*registered* is a checksum of the predictions, which shows that they are those "
    "of that day."
)
_NAMES = {"companion": "this book"}


def _options(name: str, values: dict[str, str]) -> str:
    """A choice among classes of entries; an empty value is every one."""
    options = [f'<option value="">every {name}</option>']
    options += [
        f'<option value="{name}-{value}">{html.escape(label)}</option>'
        for value, label in values.items()
    ]
    return f'<label>{name} <select name="{name}">{"".join(options)}</select></label>'


def _filter(judged: list[Judgement], chapters: dict[str, Chapter]) -> list[str]:
    """A form that _static/claims.js brings to life; without it, all are shown."""
    papers = dict.fromkeys(j.claim.about for j in judged)
    used = {slug: chapters[slug] for slug in (j.claim.notebook for j in judged)}
    titles = {slug: f"{own.number}. {own.title}" for slug, own in used.items()}
    choices = [
        _options("paper", {p: _NAMES.get(p) or cited(p, titled=True) for p in papers}),
        _options("chapter", titles),
        _options("evidence", {name: name for name in EVIDENCE}),
        _options("verdict", {slug(j.shown): words(j.shown) for j in judged}),
        '<label>words <input type="search" name="word"></label>',
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
        "Every claim that this book checks, and its verdict. Verdicts are computed "
        "from recorded numbers, by the rules on [How to read](how-to-read.md); a test "
        "fails if the stated verdict is another one. Predictions come from a formula "
        "or a source. The claims are also available as data: "
        '<a href="../_static/claims.json">claims.json</a>, whose fields are described '
        'in <a href="../_static/claims.schema.json">claims.schema.json</a>.',
        "",
        f"Of the {len(judged)} claims, {sum(j.claim.foretold for j in judged)} have "
        "predictions that did not change after their measurement had been seen. For "
        "claims on a study, the predictions were stored before its first part ran.",
        "",
        "[All trained comparisons](effects.md) shows the measured effects of training "
        "on one axis.",
        "",
        *_filter(judged, chapters),
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
                *counts([(j.claim.evidence, j.shown) for j in own]),
                "",
            ]
        for judgement in own:
            lines += entry(judgement, chapters[judgement.claim.notebook], citation)
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
    rows = ["| claim | predicted; **measured** | verdict |", "|---|---|---|"]
    for j in sorted(judged, key=lambda j: KINDS.index(j.claim.kind)):
        said = f"[{sentence(j.claim)}](claim-{j.claim.id})".replace("|", r"\|")
        lines = [
            f"{e.in_words(j.labels)}; measured **{values(e, j)}**"
            for e in j.claim.predictions
        ]
        of = f"*{_WHOSE[j.claim.kind]}, {j.claim.evidence}:* {said}"
        shown = badge(j.shown)
        if j.claim.reruns and j.shown == "undecided":
            shown += f" by {j.claim.reruns.open} of {j.claim.reruns.of} reruns"
        if len(lines) > 1:
            lines = [f"• {line}" for line in lines]
        rows.append(f"| {of} | {'<br>'.join(lines)} | {shown} |")
    return "\n".join([":::{table}", ":class: contents", "", *rows, ":::", "", ""])

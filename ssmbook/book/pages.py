"""Pages that are made from data: the ledger, the benchmarks, the front page's cards."""

from __future__ import annotations

import csv
import re
from pathlib import Path

from ssmbook.book.chapters import Chapter
from ssmbook.book.ledger import Claim, Expectation
from ssmbook.book.verdicts import Judgement
from ssmbook.notebook.glue import Record, paste_own

_BADGES = {
    "reproduced": "success",
    "qualified": "warning",
    "undecided": "info",
    "not reproduced": "danger",
    "not testable here": "secondary",
    "not judged": "secondary",
    "limits do not hold": "danger",
}


_CLAIM = re.compile(r"\{claim\}`([\w-]+)`")


def _badge(verdict: str) -> str:
    return "{bdg-" + _BADGES[verdict] + "}`" + verdict + "`"


def cited(text: str) -> list[str]:
    """The claims that a text names by the role `{claim}`."""
    return _CLAIM.findall(text)


def with_verdicts(text: str, judged: list[Judgement], *, linked: bool) -> str:
    """Text with each role `{claim}` replaced by this run's verdict, a badge.

    linked: to the claim's entry. Raises ValueError for a claim that is not there.
    """
    verdicts = {j.claim.id: j.verdict for j in judged}

    def badge(match: re.Match) -> str:
        if match[1] not in verdicts:
            raise ValueError(f"there is no claim {match[1]!r}")
        verdict = verdicts[match[1]]
        if not linked:
            return _badge(verdict)
        return f"{{bdg-ref-{_BADGES[verdict]}}}`{verdict} <claim-{match[1]}>`"

    return _CLAIM.sub(badge, text)


_HOLDS = {"holds": "yes", "fails": "no", "open": "open", "missing": "–"}


def _lines(
    expectations: tuple[Expectation, ...], states: tuple[str, ...], records: dict
) -> list[str]:
    rows = ["| predicted | measured | holds | because |", "|---|---|---|---|"]
    for k, e in enumerate(expectations):
        measured = ", ".join(
            _measured(records[key]) for key in e.keys if key in records
        )
        holds = _HOLDS[states[k]] if states else "–"
        rows.append(f"| {e.predicts} | {measured or '–'} | {holds} | {e.because} |")
    return rows


def _measured(record: Record) -> str:
    error = f" ± {record.se:.2g}" if record.se else ""
    return f"{record.value:.6g}{error}"


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


def _entry(judgement: Judgement, chapter: Chapter, citation: dict) -> list[str]:
    claim, n = judgement.claim, len(judgement.claim.expect)
    paper = f"{{cite:t}}`{claim.paper}`, " if claim.paper != "companion" else ""
    seen = f" ([seen]({claim.url}) {claim.date})" if claim.url else ""
    ranges = "; ".join(
        f"`{name}` {low:g} to {high:g}" for name, (low, high) in claim.valid_for.items()
    )
    parts = [
        f"(claim-{claim.id})=",
        f"## {claim.id}",
        "",
        f"{_badge(judgement.verdict)} {paper}{claim.where}. "
        f"How we know: {claim.source}{seen}.",
        "",
        f"> {claim.says}",
        "",
        f"Measured in {{doc}}`../{chapter.document.removesuffix('.ipynb')}`"
        + (" by its longer run, kept" if claim.judged_on == "deposit" else "")
        + f"; scale: {claim.scale}"
        + (f"; judged for {ranges}." if ranges else "."),
        "",
        *_lines(claim.expect, judgement.states[:n], judgement.records),
        "",
    ]
    if claim.limits:
        limits = _lines(claim.limits, judgement.states[n:], judgement.records)
        parts += ["Where it stops:", "", *limits, ""]
    if not judgement.agrees:
        parts += [
            f"The ledger says {_badge(claim.verdict)}; this run finds otherwise, "
            "and the reason below was written for the ledger's verdict.",
            "",
        ]
    if judgement.reason:
        parts += [f"Not judged in this run: {judgement.reason}.", ""]
    values = {key: record.value for key, record in judgement.records.items()}
    parts += [paste_own(claim.why, values), ""]
    if claim.reruns:
        ran = "Of {of} reruns ({with}), {open} left it open.".format_map(claim.reruns)
        parts += [ran, ""]
    if claim.history:
        parts += [*_registered(claim), ""]
    parts += [":::{dropdown} BibTeX", "```bibtex", _bibtex(judgement, citation), "```"]
    parts += [":::", ""]
    return parts


def _registered(claim: Claim) -> list[str]:
    """When its predictions were first written down, and each change since."""
    first, *changes = claim.history
    lines = [f"Predictions registered {first.date} (`{first.hash}`)."]
    return lines + [f"Changed {v.date} (`{v.hash}`): {v.because}" for v in changes]


def claims_page(
    judged: list[Judgement], chapters: dict[str, Chapter], citation: dict
) -> str:
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
            f"| [{j.claim.id}](claim-{j.claim.id}) | {paper} | {_badge(j.verdict)} |"
        )
    lines.append("")
    for judgement in judged:
        lines += _entry(judgement, chapters[judgement.claim.notebook], citation)
    lines += [
        "To judge a run of your own, `.venv/bin/ssmbook claims --check` takes its "
        "folder: [How to rerun](rerun.md).",
        "",
    ]
    return "\n".join(lines)


def benchmarks_page(results: Path) -> str:
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


_FIGURE = re.compile(r"^!\[\]\((\S+)\)$", re.M)


def cards(texts: dict[str, str], chapters: dict[str, Chapter]) -> str:
    """The front page's cards, Markdown, in the order of the chapters.

    texts: what book/cards/<slug>.md holds: for each card a heading `# title`, where
    it has a picture a line `![](name of the figure)`, and text that pastes the
    records of its chapter by `{glue:text}`. Raises ValueError for an unknown slug.
    """
    if unknown := set(texts) - set(chapters):
        raise ValueError(f"cards of no chapter: {', '.join(sorted(unknown))}")
    lines = ["::::{grid} 1 1 2 2", ":gutter: 3", ""]
    for slug, chapter in chapters.items():
        for card in re.split(r"^# ", texts.get(slug, ""), flags=re.M)[1:]:
            title, _, body = card.partition("\n")
            body = _FIGURE.sub(r"```{figure} _figures/\1.svg\n```", body.strip())
            lines += [
                f":::{{grid-item-card}} {title}",
                f":link: ../{chapter.document.removesuffix('.ipynb')}",
                ":link-type: doc",
                "",
                _of_chapter(body, chapter),
                ":::",
                "",
            ]
    return "\n".join([*lines, "::::"])


def _of_chapter(text: str, chapter: Chapter) -> str:
    """Text whose roles paste records of its own chapter, for another page."""
    document = f"../{chapter.document}"
    return re.sub(r"\{glue:text\}`(?!\.\.)", f"{{glue:text}}`{document}::", text)

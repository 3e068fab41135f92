"""The parts of the front page: the chapters' findings, bars of verdicts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from ssmbook.notebook.chapters import Chapter
from ssmbook.pages.badges import CLAIM, color, counts


def contents(
    findings: Mapping[str, str],
    chapters: Mapping[str, Chapter],
    minutes: Mapping[str, str],
) -> str:
    """The table of the chapters, Markdown: title, finding, verdicts, minutes.

    findings: a sentence a chapter, which pastes its records by `{glue:text}`, then
    the claims that it rests on by `{claim}`. Raises ValueError where a chapter has
    none, or a finding no chapter.
    """
    if wrong := set(findings) ^ set(chapters):
        raise ValueError(f"findings.yml and _toc.yml disagree on {', '.join(wrong)}")
    lines = [
        ":::{table} The chapters: what each found, the verdicts on the claims it "
        "rests on, and how many minutes a rerun of the page takes on one core.",
        ":class: contents",
        "",
        "| chapter | found | verdicts | minutes |",
        "|---|---|---|---|",
    ]
    for slug, chapter in chapters.items():
        said = CLAIM.sub("", findings[slug]).strip()
        claims = " ".join(match[0] for match in CLAIM.finditer(findings[slug]))
        link = f"{{doc}}`../{chapter.document.removesuffix('.ipynb')}`"
        row = [f"{chapter.number}. {link}", of_chapter(said, chapter), claims]
        lines.append("| " + " | ".join([*row, minutes[slug]]) + " |")
    return "\n".join([*lines, ":::"])


def of_chapter(text: str, chapter: Chapter) -> str:
    """Text whose roles paste records of its own chapter, for another page."""
    document = f"../{chapter.document}"
    return re.sub(r"\{glue:text\}`(?!\.\.)", f"{{glue:text}}`{document}::", text)


def minutes(seconds: int | None) -> str:
    """A run time for the table: whole minutes, rounded up."""
    if seconds is None:
        return "–"
    return "< 1" if seconds < 60 else str(-(-seconds // 60))


def bar(claims: Sequence[tuple[str, str]]) -> str:
    """Return a bar of the verdicts on a paper, and their numbers in words, Markdown.

    claims: of each claim about the paper's own results, its evidence and its verdict.
    """
    parts = "".join(
        f'<span class="sd-bg-{color(v)} sd-bg-text-{color(v)}" '
        f'style="flex-grow:{n}">{n}</span>'
        for v, n in Counter(verdict for _, verdict in claims).most_common()
    )
    lines = [
        "```{raw} html",
        f'<div class="verdicts" aria-hidden="true">{parts}</div>',
        "```",
        "",
        f"Claims of this paper, {len(claims)} in all. Each entry of the ledger says "
        "how we know it:",
        "",
        *counts(claims),
    ]
    return "\n".join(lines)

"""How readers find the way: a chapter's kind, time and prerequisites, and paths."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from ssmbook.ledger.verdicts import Judgement
from ssmbook.notebook import strict_yaml
from ssmbook.notebook.chapters import Chapter
from ssmbook.notebook.executed import Executed
from ssmbook.notebook.files import read_text, shown

WORDS_PER_MINUTE = 200
SECONDS_PER_FIGURE = 20  # of a displayed formula as well
MOST = 3  # prerequisites of a chapter

#: by the most demanding evidence of a chapter's claims, the kind of its page
_KINDS = {
    "training": "training",
    "measurement": "measurement without training",
    "identity": "theory",
}
_FENCE = re.compile(r"(`{3,}|~{3,}|:{3,})(.*)")
_OPTION = re.compile(r":[\w-]+:")
_FIGURES = ("{glue:figure}", "{figure}")
_DISPLAYED = re.compile(r"\$\$.+?\$\$", re.DOTALL)
_INLINE = re.compile(r"\$[^$\n]+\$")
_WORD = re.compile(r"\S*\w\S*")
_SECTION = re.compile(r"^## ", re.MULTILINE)


def seconds(text: str) -> float:
    """Return how long the text of a page takes to read, without its code.

    text: Markdown. A formula within a line counts as one word.
    """
    prose, figures = _prose(text)
    prose, formulas = _DISPLAYED.subn("", prose)
    words = len(_WORD.findall(_INLINE.sub("x", prose)))
    return 60 * words / WORDS_PER_MINUTE + SECONDS_PER_FIGURE * (figures + formulas)


def _prose(text: str) -> tuple[str, int]:
    """The text without code and the marks of directives, and its number of figures."""
    lines, figures = [], 0
    opened: list[tuple[str, bool]] = []  # fences, and whether each holds code
    for line in text.splitlines():
        match = _FENCE.fullmatch(line.strip())
        coded = bool(opened) and opened[-1][1]
        if match and not match[2].strip() and opened:
            if match[1].startswith(opened[-1][0]):
                opened.pop()
        elif match and not coded:
            figures += match[2].startswith(_FIGURES)
            opened.append((match[1], not match[2].startswith("{")))
        elif not (coded or (opened and _OPTION.match(line))):
            lines.append(line)
    return "\n".join(lines), figures


def minutes(text: str) -> tuple[int, int]:
    """Return the minutes of a page's first screen and of the page, rounded up.

    The first screen is all above the second heading below the title.
    """
    heads = [match.start() for match in _SECTION.finditer(text)]
    first = text[: heads[1]] if len(heads) > 1 else text
    short, whole = (max(1, int(-(-seconds(t) // 60))) for t in (first, text))
    return short, whole


def of_book(
    root: Path,
    chapters: Mapping[str, Chapter],
    sources: Mapping[str, Executed],
    judged: Sequence[Judgement],
) -> dict[str, dict[str, Any]]:
    """Return the fields minutes, kinds and needs of `Site`, each by document.

    Args:
        root: the repository.
        chapters: the chapters, by slug and in order.
        sources: by slug, the notebooks that have the text of the chapters.
        judged: the claims of the book.

    Raises:
        ValueError: for a bad file of prerequisites.
    """
    documents = {slug: _document(chapter) for slug, chapter in chapters.items()}
    pages = sorted((root / "book").glob("*.md"))
    spent = {f"book/{page.stem}": minutes(read_text(page)) for page in pages}
    kinds = {}
    for slug, document in documents.items():
        cells = sources[slug].node.cells
        text = [cell.source for cell in cells if cell.cell_type == "markdown"]
        spent[document] = minutes("\n\n".join(text))
        own = [j.claim.evidence for j in judged if j.claim.notebook == slug]
        kinds[document] = kind(own)
    needs = prerequisites(root / "book" / "prerequisites.yml", chapters)
    needs = {documents[slug]: own for slug, own in needs.items()}
    return {"minutes": spent, "kinds": kinds, "needs": needs}


def _document(chapter: Chapter) -> str:
    return chapter.document.removesuffix(".ipynb")


def kind(evidence: Iterable[str]) -> str | None:
    """Return the kind of a page by the evidence of its claims, None without claims."""
    there = set(evidence)
    return next((words for name, words in _KINDS.items() if name in there), None)


def prerequisites(
    path: Path, chapters: Mapping[str, Chapter]
) -> dict[str, list[tuple[str, str]]]:
    """Return the chapters and terms that each chapter presupposes.

    Args:
        path: a file that has for each chapter a list: the slug of a chapter, or
            `term: NAME` for a term of the glossary.
        chapters: by slug, in order.

    Returns:
        By slug, pairs of "doc" and a document, or of "term" and a term.

    Raises:
        ValueError: for a chapter that the file does not have or does not know, a list
            of another form or length, a cycle, or a chapter that comes later.
    """
    given = strict_yaml.load(path)
    if not isinstance(given, dict):
        raise ValueError(f"{path} must map each chapter to a list, got {shown(given)}")
    if unknown := [slug for slug in given if slug not in chapters]:
        raise ValueError(f"{path}: {shown(unknown[0])} is no chapter of _toc.yml")
    if missing := [slug for slug in chapters if slug not in given]:
        raise ValueError(f"{path}: the chapter {missing[0]} is missing")
    needs = {
        slug: _needs(f"{path}: {slug}", given[slug], chapters) for slug in chapters
    }
    before = {slug: [n for k, n in own if k == "doc"] for slug, own in needs.items()}
    try:
        TopologicalSorter(before).prepare()
    except CycleError as error:
        cycle = " -> ".join(error.args[1][::-1])
        raise ValueError(f"{path}: chapters presuppose each other: {cycle}") from None
    order = list(chapters)
    for slug, own in before.items():
        for name in own:
            if order.index(name) > order.index(slug):
                raise ValueError(
                    f"{path}: {slug} presupposes {name}, which comes later in _toc.yml"
                )
    return {
        slug: [(k, f"/{_document(chapters[n])}" if k == "doc" else n) for k, n in own]
        for slug, own in needs.items()
    }


def _needs(
    where: str, listed: object, chapters: Mapping[str, Chapter]
) -> list[tuple[str, str]]:
    """Pairs of "doc" and a slug, or of "term" and a term."""
    if not isinstance(listed, list) or len(listed) > MOST:
        raise ValueError(
            f"{where} must be a list of at most {MOST} chapters or terms, got "
            f"{shown(listed)}"
        )
    found = []
    for one in listed:
        if isinstance(one, dict) and list(one) == ["term"] and _is_text(one["term"]):
            found.append(("term", one["term"]))
        elif _is_text(one) and one in chapters:
            found.append(("doc", one))
        else:
            raise ValueError(
                f"{where}: {shown(one)} is neither a chapter of _toc.yml nor "
                "`term: NAME`"
            )
        if found[-1] in found[:-1]:
            raise ValueError(f"{where}: {shown(one)} is listed twice")
    return found


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def path(steps: Iterable[str], known: Mapping[str, tuple[int, int]]) -> str:
    """Return a path through the book, Markdown: its minutes, and its steps in order.

    Args:
        steps: lines `DOCUMENT: SENTENCE`, or `DOCUMENT, in short: SENTENCE` for the
            first screen alone.
        known: the minutes of each document, as `of_book` returns them.

    Raises:
        ValueError: for a line of another form, or an unknown document.
    """
    total, lines = 0, []
    for step in filter(None, map(str.strip, steps)):
        place, _, said = step.partition(": ")
        document, _, part = place.partition(", ")
        if not said or part not in ("", "in short"):
            raise ValueError(
                "a step must read `DOCUMENT: SENTENCE` or `DOCUMENT, in short: "
                f"SENTENCE`, got {shown(step)}"
            )
        if document not in known:
            raise ValueError(f"there is no page {shown(document)} with a reading time")
        short, whole = known[document]
        taken = short if part else whole
        total += taken
        much = "the first screen, " if part else ""
        lines.append(f"1. {{doc}}`/{document}` ({much}{in_words(taken)}). {said}")
    if not lines:
        raise ValueError("a path must have a step")
    return "\n".join([f"Reading time: {in_words(total)}.", "", *lines])


def in_words(count: int) -> str:
    """Return a number of minutes with its unit."""
    return "1 minute" if count == 1 else f"{count} minutes"

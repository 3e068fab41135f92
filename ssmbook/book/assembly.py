"""The book's source tree: pages, executed notebooks, figures, generated pages."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from ssmbook.ledger import data
from ssmbook.ledger.entries import load
from ssmbook.ledger.verdicts import Judgement, judge
from ssmbook.notebook import strict_yaml
from ssmbook.notebook.chapters import Chapter, chapters
from ssmbook.notebook.files import read_text
from ssmbook.pages import (
    benchmarks_page,
    changes,
    chapter_page,
    claims_page,
    downloads,
    forest,
    front_page,
    reading,
)
from ssmbook.pages.chapter_page import Page
from ssmbook.pages.site import Site
from ssmbook.runs import studies
from ssmbook.studies.design import BASE
from ssmbook.studies.estimates import effects
from ssmbook.studies.parts import Measured, measured

_FIGURE = re.compile(r"```\{figure\} _figures/([\w-]+)\.svg\n")
_EMPTY = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 460 60"><text x="8" y="36" '
    'font-size="16" fill="#7f7f7f">Missing: its notebook failed.</text></svg>\n'
)


def assemble(
    root: Path, tree: Path, executed: dict[str, Page], *, with_pdf: bool = False
) -> list[Judgement]:
    """Write the book's tree: pages, executed notebooks, figures, the ledger.

    Pages are copied; what they show of this run is in the file of `Site`.

    Args:
        root: the repository.
        tree: the folder that is written, in the place of what is there.
        executed: the executed notebook of each chapter, by slug.
        with_pdf: whether the front page links to the PDF.

    Returns:
        The claims as judged on these notebooks.

    Raises:
        ValueError: if the chapters are not those of _toc.yml.
    """
    known = chapters(root)
    if differing := sorted(set(known) ^ set(executed)):
        raise ValueError(
            f"_toc.yml was edited while the book was built: {', '.join(differing)} is "
            "new or gone; run the same command again"
        )
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(root / "book", tree / "book")
    for name in ("_config.yml", "_toc.yml"):
        shutil.copy(root / name, tree / name)
    longer = studies.read(root)
    alts = _write_chapters(tree, known, executed, longer)
    ran = {slug: page.executed for slug, page in executed.items()}
    failed = {s: sorted(one.names) for s, one in ran.items() if one.failure is not None}
    if failed:
        _draw_missing(tree / "book")
    trained = measured(root)
    judged = judge(load(root), ran, longer, trained)
    sources = {slug: page.source for slug, page in executed.items()}
    own = {"effects": _effects(trained), "alts": alts, "stored": failed}
    own |= reading.of_book(root, known, sources, judged)
    own["forest"] = forest.part(root / "book" / "effects.yml", judged, trained)
    _site(root, known, ran, judged, **own, pdf=with_pdf).write(tree)
    citation = strict_yaml.load(root / "CITATION.cff")
    for name, text in (
        ("claims.md", claims_page.page(judged, known, citation)),
        ("_static/claims.json", _json(data.as_data(judged))),
        ("_static/claims.schema.json", _json(data.schema())),
        ("benchmarks.md", benchmarks_page.page(root / "benchmarks" / "results.csv")),
    ):
        (tree / "book" / name).write_text(text, encoding="utf-8")
    return judged


def _json(content: object) -> str:
    return json.dumps(content, indent=1) + "\n"


def _write_chapters(
    tree: Path,
    known: Mapping[str, Chapter],
    executed: Mapping[str, Page],
    longer: Mapping[str, studies.Study],
) -> dict[str, str]:
    """Write each chapter's page and its figures; the alt text of each figure."""
    alts = {}
    for slug, page in executed.items():
        study = longer.get(slug)
        own = {}
        for name, (svg, alt) in page.figures(study).items():
            downloads.write(tree, name, svg)
            own[name] = alt
        chapter_page.write(page, tree / known[slug].document, own, study)
        alts |= own
    return alts


def _effects(trained: Mapping[str, Measured]) -> dict[str, dict[str, str]]:
    """The effects of each chapter's studies in words; of an incomplete one, so far."""
    found: dict[str, dict[str, str]] = {}
    for study in trained.values():
        known = effects(study) if len(study.parts[BASE]) else {}
        found.setdefault(study.study.chapter, {}).update(
            (name, known[name].text if known else "(not measured yet)")
            for name in study.study.contrasts
        )
    return found


def _draw_missing(book: Path) -> None:
    """Write a figure that says so for each that a page shows and no notebook drew."""
    for page in book.glob("*.md"):
        for name in _FIGURE.findall(read_text(page)):
            figure = book / "_figures" / f"{name}.svg"
            if not figure.exists():
                figure.parent.mkdir(exist_ok=True)
                figure.write_text(_EMPTY, encoding="utf-8")


def _site(root: Path, known: dict, ran: dict, judged: list, **own) -> Site:
    """What the roles and directives of the pages show of this run."""
    papers: dict[str, list[tuple[str, str]]] = {}
    for j in judged:
        if j.claim.kind != "reviewer":
            papers.setdefault(j.claim.about, []).append((j.claim.evidence, j.shown))
    tables = {
        slug: claims_page.table([j for j in judged if j.claim.notebook == slug])
        for slug in known
    }
    findings = strict_yaml.load(root / "book" / "findings.yml")
    minutes = {slug: front_page.minutes(one.seconds) for slug, one in ran.items()}
    return Site(
        verdicts={j.claim.id: j.shown for j in judged},
        papers=papers,
        claims=tables,
        chapters=front_page.contents(findings, known, minutes),
        changes=dict(changes.of_book(root, judged)),
        **own,
    )

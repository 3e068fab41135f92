"""The book's source tree: pages, executed notebooks, figures, the judged ledger."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import nbformat

from ssmbook.book import chapter_page, claims, deposits, front, pages, pdf
from ssmbook.book.chapter_page import Page
from ssmbook.book.chapters import Chapter, chapters
from ssmbook.book.ledger import load
from ssmbook.book.verdicts import Judgement, judge
from ssmbook.notebook import glue, strict_yaml
from ssmbook.notebook.files import read_notebook, read_text
from ssmbook.notebook.session import footer_seconds
from ssmbook.runs import execution

_FIGURE = re.compile(r"(```\{figure\} _figures/([\w-]+)\.svg\n)")
_EMPTY = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 460 60"><text x="8" y="36" '
    'font-size="16" fill="#7f7f7f">Missing: its notebook failed.</text></svg>\n'
)


def _shown(node, values: dict) -> dict[str, tuple[str, str]]:
    """(SVG, alt text) of a notebook's figures, by name."""
    found = glue.figures(node).items()
    return {name: (svg, glue.paste_own(alt, values)) for name, (svg, alt) in found}


def _shown_longer(deposit: deposits.Deposit) -> dict[str, tuple[str, str]]:
    """Those of a deposit, by the names that pages have for them."""
    values = {key: record.value for key, record in deposit.records.items()}
    cell = nbformat.from_dict({"cell_type": "code", "outputs": deposit.outputs})
    shown = _shown(nbformat.from_dict({"cells": [cell]}), values)
    return {f"deposit-{name}": figure for name, figure in shown.items()}


def _mark_missing(tree: Path, known: dict[str, Chapter], failed: dict) -> None:
    """Replace what prose would paste from notebooks that failed before storing it.

    failed: by slug, the names that the notebook did store.
    """

    def lookup(own: str):
        def missing(document: str, key: str) -> str | None:
            slug = Path(document).stem if document else own
            absent = slug in failed and key not in failed[slug]
            return "*(missing)*" if absent else None

        return missing

    for path in (tree / "book").glob("*.md"):
        text = read_text(path)
        path.write_text(glue.paste(text, lookup("")), encoding="utf-8")
        for _, name in _FIGURE.findall(text):
            figure = tree / "book" / "_figures" / f"{name}.svg"
            if not figure.exists():
                figure.parent.mkdir(exist_ok=True)
                figure.write_text(_EMPTY, encoding="utf-8")
    for slug, chapter in known.items():
        path = tree / chapter.document
        node = read_notebook(path)
        for cell in node.cells:
            if cell.cell_type == "markdown":
                cell.source = glue.paste(cell.source, lookup(slug))
        execution.write(node, path)


def _values(node) -> dict[str, int | float]:
    """A notebook's records, whether it reached its end or not."""
    outputs = [o for cell in node.cells for o in cell.get("outputs", [])]
    return {key: r.value for key, r in glue.output_records(outputs).items()}


def _write_pages(root: Path, tree: Path, known: dict, executed: dict, alts) -> None:
    """The front page's table, and alt texts from where each figure is drawn."""
    findings = strict_yaml.load(root / "book" / "findings.yml")
    took = {
        slug: front.minutes(footer_seconds(read_notebook(page.path)))
        for slug, page in executed.items()
    }
    made = front.contents(findings, known, took)
    (tree / "book" / "findings.yml").unlink()
    for path in (tree / "book").glob("*.md"):
        text = read_text(path).replace(front.CONTENTS, made)
        text = _FIGURE.sub(
            lambda m: m[1] + (f":alt: {alts[m[2]]}\n" if m[2] in alts else ""), text
        )
        path.write_text(text, encoding="utf-8")


def _write_verdicts(tree: Path, notebooks: dict[str, Path], judged: list) -> None:
    """Verdicts where text names a claim, or a paper's."""
    for path in (tree / "book").glob("*.md"):
        text = front.with_bars(read_text(path), judged)
        path.write_text(pages.with_verdicts(text, judged), encoding="utf-8")
    for slug, path in notebooks.items():
        own = [j for j in judged if j.claim.notebook == slug]
        chapter_page.judge(path, judged, claims.table(own))


def assemble(
    root: Path, tree: Path, executed: dict[str, Page], *, with_pdf: bool = False
) -> list[Judgement]:
    """Write the book's tree: pages, executed notebooks, figures, the ledger.

    executed: by slug. with_pdf: the front page links to the PDF. Returns the claims as
    judged on these notebooks.
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
    failed, alts, kept = {}, {}, deposits.read(root)
    for slug, page in executed.items():
        node = read_notebook(page.path)
        shown = _shown(node, _values(node))
        deposit = kept.get(slug)
        if deposit is not None:
            shown |= _shown_longer(deposit)
        own = {}
        for name, (svg, alt) in shown.items():
            figure = tree / "book" / "_figures" / f"{name}.svg"
            figure.parent.mkdir(exist_ok=True)
            figure.write_text(svg, encoding="utf-8")
            own[name] = alt
        chapter_page.write(page, tree / known[slug].document, own, deposit)
        alts |= own
        if page.failed is not None:
            failed[slug] = glue.names(node)
    _write_pages(root, tree, known, executed, alts)
    if failed:
        _mark_missing(tree, known, failed)
    paths = {slug: tree / chapter.document for slug, chapter in known.items()}
    judged = judge(load(root), paths, kept)
    _write_verdicts(tree, paths, judged)
    page = tree / "book" / "intro.md"
    text = pdf.link(read_text(page), made=with_pdf)
    page.write_text(text, encoding="utf-8")
    citation = strict_yaml.load(root / "CITATION.cff")
    book = tree / "book"
    measured = root / "benchmarks" / "results.csv"
    for name, text in (
        ("claims.md", claims.page(judged, known, citation)),
        ("_static/claims.json", json.dumps(claims.as_data(judged), indent=1) + "\n"),
        ("benchmarks.md", pages.benchmarks_page(measured)),
    ):
        (book / name).write_text(text, encoding="utf-8")
    return judged

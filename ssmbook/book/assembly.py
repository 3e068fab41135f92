"""The book's source tree: pages, executed notebooks, figures, the judged ledger."""

from __future__ import annotations

import hashlib
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import nbformat
import yaml

from ssmbook.book import deposits, pages
from ssmbook.book.chapters import Chapter, chapters
from ssmbook.book.ledger import load
from ssmbook.book.verdicts import Judgement, judge
from ssmbook.notebook import glue
from ssmbook.notebook.parameters import interface, parameters
from ssmbook.runs import execution

CARDS = "<!-- cards of the chapters -->"
_FIGURE = re.compile(r"(```\{figure\} _figures/([\w-]+)\.svg\n)")
_PLACED = re.compile(r"(```\{glue:figure\} ([\w-]+)\n)")
_EMPTY = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 460 60"><text x="8" y="36" '
    'font-size="16" fill="#7f7f7f">Missing: its notebook failed.</text></svg>\n'
)


@dataclass(frozen=True)
class Page:
    """An executed notebook on its way into the book, and the source of its prose.

    failed: why it did not reach its end.
    """

    path: Path
    source: Path
    failed: str | None = None


def tree_hash(folder: Path) -> str:
    """sha256 over every file of a folder, by name and content; compiled ones apart."""
    digest = hashlib.sha256()
    files = (p for p in folder.rglob("*") if p.is_file() and p.suffix != ".pyc")
    for path in sorted(files):
        digest.update(str(path.relative_to(folder)).encode() + b"\0")
        digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()


def _rerun_banner(changed: dict) -> str:
    values = ", ".join(f"`{name} = {value!r}`" for name, value in changed.items())
    return (
        ":::{admonition} Rerun with other parameters\n:class: warning\n"
        f"This page ran with {values}. The text was written for the laptop profile; "
        "figures and verdicts below are this run's.\n:::"
    )


def _failed_banner(reason: str) -> str:
    return (
        ":::{admonition} This notebook failed\n:class: danger\n"
        "It did not reach its end in this run, so figures are missing below and its "
        f"claims are not judged. It stopped at:\n\n```text\n{reason}\n```\n:::"
    )


def _banner(name: str, text: str):
    """A cell whose id is not drawn at random: the same page, the same bytes."""
    return nbformat.v4.new_markdown_cell(text, id=f"banner-{name}")


def _with_prose_of(source: Path, executed):
    """The executed code cells among the text that the source has by now.

    Text is not part of a run's key: it may have been edited since.
    """
    code = iter([cell for cell in executed.cells if cell.cell_type == "code"])
    injected = [
        cell
        for cell in executed.cells
        if "injected-parameters" in cell.metadata.get("tags", [])
    ]
    cells = []
    for cell in nbformat.read(source, 4).cells:
        if cell.cell_type != "code":
            cells.append(cell)
            continue
        cells.append(next(code))
        if "parameters" in cell.metadata.get("tags", []) and injected:
            cells.append(next(code))
    executed.cells = cells
    return executed


def _with_alts(node, alts: dict[str, str]):
    """The notebook with each figure's alt text where the page takes it from.

    A figure that text places with a caption, by a block `{glue:figure}`, is shown
    there and not again below the cell that draws it.
    """
    placed = set()

    def place(match: re.Match) -> str:
        placed.add(match[2])
        alt = f":alt: {alts[match[2]]}\n" if match[2] in alts else ""
        return f"{match[1]}{alt}:name: fig-{match[2]}\n\n"

    for cell in node.cells:
        if cell.cell_type == "markdown":
            cell.source = _PLACED.sub(place, cell.source)
    for cell in node.cells:
        for output in cell.get("outputs", []):
            name = output.get("metadata", {}).get("scrapbook", {}).get("name")
            if name in alts:
                output["data"]["text/plain"] = alts[name]
                cell.metadata["mystnb"] = {"image": {"alt": alts[name]}}
            if name in placed:
                tags = cell.metadata.setdefault("tags", [])
                cell.metadata["tags"] = [*tags, "remove-output"]
    return node


def _deposited(deposit: deposits.Deposit):
    """A cell that shows nothing, and names what the longer run recorded."""
    cell = nbformat.v4.new_code_cell(
        "# the chapter's longer run", id="deposit", execution_count=0
    )
    cell.metadata["tags"] = ["remove-cell"]
    cell.outputs = deposits.named_outputs(deposit)
    return cell


def _write_notebook(
    page: Page, target: Path, alts: dict[str, str], deposit: deposits.Deposit | None
) -> None:
    """A notebook at its place in the tree, with a banner where it differs."""
    node = _with_prose_of(page.source, nbformat.read(page.path, 4))
    if deposit is not None:
        node.cells.append(_deposited(deposit))
    node = _with_alts(node, alts)
    defaults = {name: p.default for name, p in interface(page.path).items()}
    ran_with = parameters(page.path)
    changed = {n: v for n, v in ran_with.items() if v != defaults[n]}
    if changed:
        node.cells.insert(1, _banner("rerun", _rerun_banner(changed)))
    if page.failed is not None:
        node.metadata["failed"] = page.failed
        node.cells.insert(1, _banner("failed", _failed_banner(page.failed)))
        for cell in node.cells:
            if cell.cell_type == "code":
                cell.outputs = [o for o in cell.outputs if o.get("name") != "stderr"]
    execution.write(node, target)


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
        text = path.read_text()
        path.write_text(glue.paste(text, lookup("")))
        for _, name in _FIGURE.findall(text):
            figure = tree / "book" / "_figures" / f"{name}.svg"
            if not figure.exists():
                figure.parent.mkdir(exist_ok=True)
                figure.write_text(_EMPTY)
    for slug, chapter in known.items():
        path = tree / chapter.document
        node = nbformat.read(path, 4)
        for cell in node.cells:
            if cell.cell_type == "markdown":
                cell.source = glue.paste(cell.source, lookup(slug))
        execution.write(node, path)


def _values(node) -> dict[str, int | float]:
    """A notebook's records, whether it reached its end or not."""
    outputs = [o for cell in node.cells for o in cell.get("outputs", [])]
    return {key: r.value for key, r in glue.output_records(outputs).items()}


def _write_pages(root: Path, tree: Path, known: dict, alts: dict[str, str]) -> None:
    """The front page's cards, and alt texts from where each figure is drawn."""
    folder = root / "book" / "cards"
    texts = {path.stem: path.read_text() for path in sorted(folder.glob("*.md"))}
    made = pages.cards(texts, known)
    shutil.rmtree(tree / "book" / "cards", ignore_errors=True)
    for path in (tree / "book").glob("*.md"):
        text = path.read_text().replace(CARDS, made)
        path.write_text(
            _FIGURE.sub(
                lambda m: m[1] + (f":alt: {alts[m[2]]}\n" if m[2] in alts else ""), text
            )
        )


def _write_verdicts(tree: Path, notebooks: dict[str, Path], judged: list) -> None:
    """Verdicts where text names a claim; cards are links themselves."""
    for path in (tree / "book").glob("*.md"):
        text = path.read_text()
        path.write_text(pages.with_verdicts(text, judged, linked=False))
    for path in notebooks.values():
        node = nbformat.read(path, 4)
        for cell in node.cells:
            if cell.cell_type == "markdown":
                cell.source = pages.with_verdicts(cell.source, judged, linked=True)
        execution.write(node, path)


def assemble(root: Path, tree: Path, executed: dict[str, Page]) -> list[Judgement]:
    """Write the book's tree: pages, executed notebooks, figures, the ledger.

    executed: by slug. Returns the claims as judged on these notebooks.
    """
    known = chapters(root)
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(root / "book", tree / "book")
    for name in ("_config.yml", "_toc.yml"):
        shutil.copy(root / name, tree / name)
    failed, alts, kept = {}, {}, deposits.read(root)
    for slug, page in executed.items():
        node = nbformat.read(page.path, 4)
        shown = _shown(node, _values(node))
        deposit = kept.get(slug)
        if deposit is not None:
            shown |= _shown_longer(deposit)
        own = {}
        for name, (svg, alt) in shown.items():
            figure = tree / "book" / "_figures" / f"{name}.svg"
            figure.parent.mkdir(exist_ok=True)
            figure.write_text(svg)
            own[name] = alt
        _write_notebook(page, tree / known[slug].document, own, deposit)
        alts |= own
        if page.failed is not None:
            failed[slug] = glue.names(node)
    _write_pages(root, tree, known, alts)
    if failed:
        _mark_missing(tree, known, failed)
    paths = {slug: tree / chapter.document for slug, chapter in known.items()}
    judged = judge(load(root), paths, kept)
    _write_verdicts(tree, paths, judged)
    citation = yaml.safe_load((root / "CITATION.cff").read_text())
    book = tree / "book"
    (book / "claims.md").write_text(pages.claims_page(judged, known, citation))
    measured = root / "benchmarks" / "results.csv"
    (book / "benchmarks.md").write_text(pages.benchmarks_page(measured))
    return judged

"""The book's source tree: pages, executed notebooks, figures, the judged ledger."""

from __future__ import annotations

import hashlib
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import nbformat
import yaml

from ssmlib.companion import execution, pages
from ssmlib.companion.claims import Judgement, judge, load
from ssmlib.companion.parameters import interface, parameters
from ssmlib.companion.records import figures_of, names_of

_PASTED = re.compile(r"\{glue:text\}`(?:([^`:]*)::)?(\w+)(?::[^`]*)?`")
_BLOCK = re.compile(r"```\{glue\} (\w+)\n:doc: (\S+)\n```")
_FIGURE = re.compile(r"_figures/([\w-]+)\.svg")
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


def _place(page: Page, target: Path) -> None:
    """A notebook on its place in the tree, with a banner where it differs."""
    node = _with_prose_of(page.source, nbformat.read(page.path, 4))
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


def _say_what_is_missing(tree: Path, failed: dict[str, set[str]]) -> None:
    """Replace what prose would paste from notebooks that failed before storing it."""

    def missing(stem: str, key: str) -> bool:
        return stem in failed and key not in failed[stem]

    def told(text: str, own: str) -> str:
        text = _PASTED.sub(
            lambda m: "*(missing)*" if missing(stem_of(m[1]) or own, m[2]) else m[0],
            text,
        )
        return _BLOCK.sub(
            lambda m: "*(missing)*" if missing(stem_of(m[2]), m[1]) else m[0], text
        )

    def stem_of(path: str | None) -> str:
        return Path(path).stem if path else ""

    for path in (tree / "book").glob("*.md"):
        text = path.read_text()
        path.write_text(told(text, ""))
        for name in _FIGURE.findall(text):
            figure = tree / "book" / "_figures" / f"{name}.svg"
            if not figure.exists():
                figure.parent.mkdir(exist_ok=True)
                figure.write_text(_EMPTY)
    for path in (tree / "notebooks").glob("*.ipynb"):
        node = nbformat.read(path, 4)
        for cell in node.cells:
            if cell.cell_type == "markdown":
                cell.source = told(cell.source, path.stem)
        execution.write(node, path)


def assemble(root: Path, tree: Path, executed: dict[str, Page]) -> list[Judgement]:
    """Write the book's tree: pages, executed notebooks, figures, the ledger.

    Returns the claims as judged on these notebooks.
    """
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(root / "book", tree / "book")
    for name in ("_config.yml", "_toc.yml"):
        shutil.copy(root / name, tree / name)
    failed = {}
    for stem, page in executed.items():
        _place(page, tree / "notebooks" / f"{stem}.ipynb")
        node = nbformat.read(page.path, 4)
        if page.failed is not None:
            failed[stem] = names_of(node)
        for name, svg in figures_of(node).items():
            figure = tree / "book" / "_figures" / f"{name}.svg"
            figure.parent.mkdir(exist_ok=True)
            figure.write_text(svg)
    if failed:
        _say_what_is_missing(tree, failed)
    judged = judge(load(root / "book" / "claims.yml"), tree / "notebooks")
    citation = yaml.safe_load((root / "CITATION.cff").read_text())
    (tree / "book" / "claims.md").write_text(pages.claims(judged, citation))
    (tree / "book" / "benchmarks.md").write_text(
        pages.benchmarks(root / "benchmarks" / "results.csv")
    )
    return judged

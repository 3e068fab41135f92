"""A chapter's page: executed cells, the text as it is by now, figures, verdicts."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path

import nbformat

from ssmbook.book import deposits, pages
from ssmbook.book.verdicts import Judgement
from ssmbook.notebook.files import read_notebook
from ssmbook.notebook.parameters import interface, parameters
from ssmbook.runs import execution

_PLACED = re.compile(r"(```\{glue:figure\} ([\w-]+)\n)")
#: the heading below which a chapter's claims stand
_BESIDE = re.compile(r"^## Measured beside claimed$\n*", re.M)


@dataclass(frozen=True)
class Page:
    """An executed notebook on its way into the book, and the source of its prose.

    failed: why it did not reach its end.
    """

    path: Path
    source: Path
    failed: str | None = None


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
    ran = [cell for cell in executed.cells if cell.cell_type == "code"]
    injected = [
        cell for cell in ran if "injected-parameters" in cell.metadata.get("tags", [])
    ]
    own = [cell for cell in ran if cell not in injected]
    text = read_notebook(source).cells
    asked = [cell.source for cell in text if cell.cell_type == "code"]
    if asked != [cell.source for cell in own]:
        raise ValueError(
            f"the code of {source} was edited while the book was built: it is not the "
            "code that ran; run the same command again"
        )
    code = iter(own)
    cells = []
    for cell in text:
        cells.append(next(code) if cell.cell_type == "code" else cell)
        if "parameters" in cell.metadata.get("tags", []):
            cells += injected
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
                shown = cell.metadata.setdefault("mystnb", {})
                shown["image"] = {"alt": alts[name]}
            if name in placed:
                tags = cell.metadata.setdefault("tags", [])
                cell.metadata["tags"] = [*dict.fromkeys([*tags, "remove-output"])]
    return node


def _with_own_runs(node):
    """The notebook with a caption on each figure that text shows of the longer run.

    That of the page's own run stands where it is drawn, and says whose it is.
    """
    text = "\n".join(c.source for c in node.cells if c.cell_type == "markdown")
    placed = {match[2] for match in _PLACED.finditer(text)}
    cells = []
    for cell in node.cells:
        cells.append(cell)
        for output in cell.get("outputs", []):
            name = output.get("metadata", {}).get("scrapbook", {}).get("name")
            longer = f"deposit-{name}"
            if longer in placed and name not in placed:
                said = f"As {{numref}}`fig-{longer}`, of this page's own, shorter run."
                block = f"```{{glue:figure}} {name}\n{said}\n```"
                cells.append(_banner(name, block))
    node.cells = cells
    return node


def _with_titles(node):
    """The notebook with a title on each cell that folds, of what its code does."""
    for cell in node.cells:
        if "hide-input" in cell.metadata.get("tags", []):
            shown = cell.metadata.setdefault("mystnb", {})
            for way in ("show", "hide"):
                shown[f"code_prompt_{way}"] = f"Code: {does(cell.source)}"
    return node


def does(source: str) -> str:
    """What a cell's code does, in a few words: its first comment, or what it makes."""
    if source.startswith("# "):
        return source.partition("\n")[0].removeprefix("# ").rstrip(".")
    tree = ast.parse(source)
    called = {ast.unparse(n.func) for n in ast.walk(tree) if isinstance(n, ast.Call)}
    parts = []
    if any(isinstance(n, ast.Import | ast.ImportFrom) for n in tree.body):
        parts.append("imports")
    if names := [n.name for n in tree.body if isinstance(n, ast.FunctionDef)]:
        parts.append(f"functions {', '.join(names)}")
    if "ssmbook.figure" in called:
        parts.append("draws the figure")
    elif called & {"ssmbook.record", "ssmbook.estimate", "estimate"}:
        parts.append("keeps the numbers")
    return ", ".join(parts) or "works it out"


def _deposited(deposit: deposits.Deposit):
    """A cell that shows nothing, and names what the longer run recorded."""
    cell = nbformat.v4.new_code_cell(
        "# the chapter's longer run", id="deposit", execution_count=0
    )
    cell.metadata["tags"] = ["remove-cell"]
    cell.outputs = deposits.named_outputs(deposit)
    return cell


def write(
    page: Page, target: Path, alts: dict[str, str], deposit: deposits.Deposit | None
) -> None:
    """Write a chapter's page, with a banner where it differs from the stored one.

    alts: of each figure; deposit: its longer run, which the text pastes as well.
    """
    node = _with_prose_of(page.source, read_notebook(page.path))
    if deposit is not None:
        node.cells.append(_deposited(deposit))
    node = _with_titles(_with_alts(_with_own_runs(node), alts))
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


def judge(path: Path, judged: list[Judgement], table: str) -> None:
    """Write into a page each verdict that its text names, and its claims' table."""
    node = read_notebook(path)
    for cell in node.cells:
        if cell.cell_type == "markdown":
            text = pages.with_verdicts(cell.source, judged)
            cell.source = _BESIDE.sub(lambda head: f"{head[0]}{table}", text)
    execution.write(node, path)

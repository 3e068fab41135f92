"""A chapter's page: executed cells, the text as it is by now, figures, banners."""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat

from ssmbook.notebook import glue, losses
from ssmbook.notebook.executed import Executed
from ssmbook.notebook.syntax import parse
from ssmbook.pages import downloads
from ssmbook.runs import execution, studies

if TYPE_CHECKING:
    from nbformat import NotebookNode

_PLACED = re.compile(r"```\{glue:figure\} ([\w-]+)\n")

#: functions that a cell records values with
_RECORDS = {
    "estimate",
    *(f"ssmbook.{name}" for name in ("record", "record_all", "estimate")),
}


@dataclass(frozen=True)
class Page:
    """An executed notebook on its way into the book, and the source of its text.

    Text is not part of the key of a run: it may have been edited since. For stored
    notebooks both are the same.
    """

    executed: Executed
    source: Executed

    def figures(self, study: studies.Study | None) -> dict[str, tuple[str, str]]:
        """Return (SVG, alt text) of its figures and those of its longer run, by name.

        Alt texts have the records that they paste; figures of the longer run have the
        names that pages have for them.
        """
        found = _with_values(self.executed)
        if study is not None:
            longer = _with_values(study)
            found |= {f"deposit-{name}": figure for name, figure in longer.items()}
        return found


def _with_values(ran: Executed) -> dict[str, tuple[str, str]]:
    values = ran.values
    return {
        n: (svg, glue.paste_own(alt, values)) for n, (svg, alt) in ran.figures.items()
    }


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


def _with_text_of(source: Executed, executed: Executed) -> NotebookNode:
    """Return a copy of the executed notebook with the text of its source.

    Raises:
        ValueError: if the code of the source is not the code that ran.
    """
    ran = [cell for cell in executed.node.cells if cell.cell_type == "code"]
    injected = [c for c in ran if "injected-parameters" in c.metadata.get("tags", [])]
    own = [cell for cell in ran if cell not in injected]
    text = source.node.cells
    asked = [cell.source for cell in text if cell.cell_type == "code"]
    if asked != [cell.source for cell in own]:
        raise ValueError(
            f"the code of {source.path} was edited while the book was built: it is not "
            "the code that ran; run the same command again"
        )
    code = iter(own)
    cells = []
    for cell in text:
        cells.append(next(code) if cell.cell_type == "code" else cell)
        if "parameters" in cell.metadata.get("tags", []):
            cells += injected
    node = copy.copy(executed.node)
    node.cells = copy.deepcopy(cells)
    node.metadata = copy.deepcopy(executed.node.metadata)
    return node


def _placed(node: NotebookNode) -> set[str]:
    """The figures that text places with a caption, by blocks `{glue:figure}`."""
    text = "\n".join(c.source for c in node.cells if c.cell_type == "markdown")
    return set(_PLACED.findall(text))


def _name(output: dict) -> str | None:
    return output.get("metadata", {}).get("scrapbook", {}).get("name")


def _with_alts(node: NotebookNode, alts: Mapping[str, str]) -> NotebookNode:
    """The notebook with the alt text of each figure where the page takes it from.

    A figure that text places is not shown again below the cell that draws it, and a
    table of losses is for programs.
    """
    placed = {*_placed(node), losses.NAME}
    for cell in node.cells:
        for output in cell.get("outputs", []):
            name = _name(output)
            if name is not None and name in alts:
                output["data"]["text/plain"] = alts[name]
                svg = output["data"][glue.SVG]
                output["data"][glue.SVG] = downloads.without_numbers(svg)
                shown = cell.metadata.setdefault("mystnb", {})
                shown["image"] = {"alt": alts[name]}
            if name in placed:
                tags = cell.metadata.setdefault("tags", [])
                cell.metadata["tags"] = [*dict.fromkeys([*tags, "remove-output"])]
    return node


def _with_titles(node: NotebookNode) -> NotebookNode:
    """Return the notebook with a title on each folded cell that describes its code."""
    for cell in node.cells:
        if "hide-input" in cell.metadata.get("tags", []):
            shown = cell.metadata.setdefault("mystnb", {})
            for way in ("show", "hide"):
                shown[f"code_prompt_{way}"] = f"Code: {does(cell.source)}"
    return node


def does(source: str) -> str:
    """Describe the code of a cell in a few words: its first comment, or its results."""
    if source.startswith("# "):
        return source.partition("\n")[0].removeprefix("# ").rstrip(".")
    tree = parse(source)
    called = {ast.unparse(n.func) for n in ast.walk(tree) if isinstance(n, ast.Call)}
    parts = []
    if any(isinstance(n, ast.Import | ast.ImportFrom) for n in tree.body):
        parts.append("imports")
    if names := [f"{n.name}()" for n in tree.body if isinstance(n, ast.FunctionDef)]:
        parts.append(f"defines {', '.join(names)}")
    if "ssmbook.figure" in called:
        parts.append("draws the figure")
    elif called & _RECORDS:
        parts.append("records the values")
    return ", ".join(parts) or "computes the values"


def _longer(study: studies.Study):
    """A cell that shows nothing, and names what the longer run recorded."""
    cell = nbformat.v4.new_code_cell(
        "# the chapter's longer run", id="study", execution_count=0
    )
    cell.metadata["tags"] = ["remove-cell"]
    cell.outputs = studies.named_outputs(study)
    return cell


def write(
    page: Page,
    target: Path,
    alts: Mapping[str, str],
    study: studies.Study | None,
) -> None:
    """Write a chapter's page, with a banner where it differs from the stored one.

    Args:
        page: the executed notebook and the source of its text.
        target: the file that is written.
        alts: the alt text of each figure.
        study: the chapter's longer run, whose records and figures its text pastes.
    """
    executed = page.executed
    node = _with_text_of(page.source, executed)
    if study is not None:
        node.cells.append(_longer(study))
    node = _with_titles(_with_alts(node, alts))
    if changed := executed.changed:
        node.cells.insert(1, _banner("rerun", _rerun_banner(changed)))
    if executed.failure is not None:
        node.metadata["failed"] = executed.failure
        node.cells.insert(1, _banner("failed", _failed_banner(executed.failure)))
        for cell in node.cells:
            if cell.cell_type == "code":
                cell.outputs = [o for o in cell.outputs if o.get("name") != "stderr"]
    execution.write(node, target)

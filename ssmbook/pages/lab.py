"""A copy of a notebook for JupyterLab, whose text shows what the book's page shows.

The book's notebooks paste numbers, verdicts and citations by roles, which JupyterLab
shows as they are written. In the copy they are plain Markdown. Its code and outputs are
those of the notebook, so that it can be executed.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Collection, Mapping

from nbformat import NotebookNode

from ssmbook.notebook import glue
from ssmbook.notebook.executed import named_outputs
from ssmbook.pages.badges import words
from ssmbook.runs.bibliography import cited

Value = int | float | str
_OPEN = re.compile(r"^(`{3,}|:{3,})\{([\w:-]+)\} ?(.*)$")
_OPTION = re.compile(r"^:[\w-]+:")
_ROLE = re.compile(r"\{([\w:-]+)\}`([^`]+)`")
#: a link to another page of the book, from whose folder the copy is taken
_LINK = re.compile(r"(?<!!)\[([^\]]*)\]\((?!https?:)[^)]*\)")
#: directives whose place stays empty: the page makes what they show
_LEFT_OUT = ("chapter-claims",)


def text(
    node: NotebookNode, values: Mapping[str, Value], verdicts: Mapping[str, str]
) -> NotebookNode:
    """Return a copy of a notebook with plain text.

    Args:
        node: the notebook.
        values: what the text pastes: records, texts and effects, by name.
        verdicts: the verdict of each claim.
    """
    node = copy.deepcopy(node)
    outputs = [o for cell in node.cells for o in cell.get("outputs", [])]
    drawn = set(named_outputs(outputs))
    for cell in node.cells:
        if cell.cell_type == "markdown":
            source = _unfenced(glue.paste_own(cell.source, values), drawn)
            cell.source = _plain(source, values, verdicts)
    return node


def _plain(
    source: str, values: Mapping[str, Value], verdicts: Mapping[str, str]
) -> str:
    """Markdown without the book's roles."""

    def role(match: re.Match) -> str:
        name, content = match.groups()
        if name in ("claim", "named-claim"):
            said = f"({words(verdicts[content])})" if content in verdicts else ""
            return f"`{content}` {said}".strip()
        if name == "effect":
            return str(values.get(content, content))
        if name.startswith("cite:"):
            return "; ".join(map(cited, content.split(",")))
        return re.sub(r" *<[^>]*>$", "", content)  # a term, and the word it is under

    return _LINK.sub(r"\1", _ROLE.sub(role, source))


def _unfenced(source: str, drawn: Collection[str]) -> str:
    """Markdown whose directives are their titles and contents; drawn: own figures."""
    lines, closing = [], []
    skipped = options = False
    for line in source.splitlines():
        if opened := _OPEN.match(line):
            fence, name, title = opened.groups()
            closing.append(fence)
            skipped, options = name in _LEFT_OUT, True
            if name == "glue:figure":
                where = "below its code" if title in drawn else "on the book's page"
                lines += [f"*Figure {title}, {where}.*"]
            elif title and not skipped:
                lines += [f"**{title}**", ""]
            continue
        if closing and line.rstrip() == closing[-1]:
            closing.pop()
            skipped = options = False
            continue
        options = options and bool(_OPTION.match(line))
        if not (skipped or options):
            lines.append(line)
    return "\n".join(lines)

"""The page of one run: its notebook, to read in a browser, nothing from outside."""

from __future__ import annotations

import copy
import re
import sys
from pathlib import Path

from ssmbook.notebook import glue
from ssmbook.notebook.executed import output_records, visible
from ssmbook.runs.bibliography import cited
from ssmbook.runs.document import Run
from ssmbook.runs.key import ROOT
from ssmbook.runs.stores import Store

_BOOK = ROOT / "book"
_TEMPLATES = Path(__file__).parent / "templates"
_FOLDER = ("nbconvert", "templates")
# Before those of the user, which may have the same names.
_INSTALLED = [str(Path(sys.prefix, "share", "jupyter", *_FOLDER))]
_CITE = re.compile(r"\{cite:[tp]\}`([^`]*)`")
_DIRECTIVE = re.compile(r"```\{chapter-claims\}\n```\n*")
_LINK = re.compile(r"\[([^\]]*)\]\((?!https?:)[^)]*\)")


def write_mathjax(store: Store) -> None:
    """Put MathJax, once, where the pages of a store look for it."""
    mathjax = _BOOK / "_static" / "mathjax"
    for name in {"LICENSE", "tex-svg.js"} - {*store.names("mathjax")}:
        store.write(f"mathjax/{name}", (mathjax / name).read_bytes())


def _prose(text: str, values: dict) -> str:
    """Markdown without the book's own roles: figures pasted, citations spelt out."""
    text = glue.paste_own(_DIRECTIVE.sub("", text), values)
    text = _CITE.sub(lambda m: "; ".join(map(cited, m[1].split(","))), text)
    return _LINK.sub(r"\1", text)


def _about(run: Run) -> dict[str, str | None]:
    """What the head of the page says, by row."""
    commit = run.git["commit"]
    changed = "" if run.git["clean"] in (True, None) else ", with changes"
    threads = f"{run.threads} thread{'s' * (run.threads > 1)}"
    rows = {
        "Run": f"{run.notebook}, {run.key[:16]}",
        "Parameters": ", ".join(f"{n} = {v}" for n, v in run.parameters.items()),
        "Library": f"{run.version}, commit "
        f"{commit[:12] if commit else 'unknown'}{changed}",
        "Machine": f"{run.machine.get('gpu', run.machine['device'])}, {threads}, "
        f"Python {run.machine['python']}",
        "Ran": f"{run.started[:19]} UTC, {run.seconds} s",
    }
    return ({"Failed": run.error} if run.failed else {}) | rows


def _trusted(made: str | bytes) -> str:
    """In place of a cleaning of what Pygments made, which took most of the time."""
    return made.decode() if isinstance(made, bytes) else made


def render(node, run: Run) -> str:
    """The HTML page of an executed notebook and of what its run.json says."""
    from jupyter_core.paths import jupyter_path
    from nbconvert import HTMLExporter

    node = copy.deepcopy(node)
    values: dict[str, int | float] = {}
    for cell in node.cells:
        if cell.cell_type == "code":
            # One cell after the other: a run that failed may store a key twice.
            values |= {k: r.value for k, r in output_records(cell.outputs).items()}
            cell.outputs = visible(cell.outputs)
    for cell in node.cells:
        if cell.cell_type == "markdown":
            cell.source = _prose(cell.source, values)
    exporter = HTMLExporter(
        template_name="run",
        extra_template_basedirs=[str(_TEMPLATES)],
        template_data_paths=[*_INSTALLED, *jupyter_path(*_FOLDER)],
        filters={"clean_html": _trusted},
    )
    resources = {"run": run, "about": _about(run)}
    return exporter.from_notebook_node(node, resources)[0]

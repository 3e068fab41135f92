"""The page of one run: its notebook, to read in a browser, nothing from outside."""

from __future__ import annotations

import copy
import html
import re
from functools import cache
from pathlib import Path

from ssmlib.companion.records import PREFIX, output_records

_BOOK = Path(__file__).resolve().parents[2] / "book"
_MATHJAX = _BOOK / "_static" / "mathjax"
_GLUE = re.compile(r"\{glue:text\}`(?:[^`:]*::)?(\w+)(?::([^`]*))?`")
_CITE = re.compile(r"\{cite:[tp]\}`([^`]*)`")
_LINK = re.compile(r"\[([^\]]*)\]\((?!https?:)[^)]*\)")

# Two folders up: a run stands in <store>/<notebook>/<key>/.
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark }}
body {{ font: 1rem/1.6 system-ui, sans-serif; margin: 0 auto; max-width: 46rem;
  padding: 1rem }}
pre {{ font-size: .85rem; line-height: 1.4; overflow-x: auto; padding: .5rem .75rem }}
.input_area pre {{ background: #7f7f7f1a; border-left: 3px solid #7f7f7f66 }}
.prompt, .anchor-link {{ display: none }}
.output_area, .rendered_html {{ overflow-x: auto }}
.about {{ border: 1px solid #7f7f7f66; padding: .25rem 1rem }}
.about td {{ vertical-align: top; overflow-wrap: anywhere }}
.about td:first-child {{ overflow-wrap: normal; padding-right: 1rem }}
.dataframe {{ border: 0; border-collapse: collapse }}
.dataframe th, .dataframe td {{ border: 0; border-bottom: 1px solid #7f7f7f66;
  padding: .15rem .5rem; text-align: right }}
.failed {{ border-color: #d55e00; border-width: 2px }}
svg, img {{ height: auto; max-width: 100% }}
</style>
<script>MathJax = {{tex: {{inlineMath: [["$", "$"]]}}, options: {{enableMenu: false}}}}
</script>
<script defer src="../../mathjax/tex-svg.js"></script>
</head>
<body>
{about}
<main>
{body}
</main>
</body>
</html>
"""


def supply(store) -> None:
    """Put MathJax, once, where the pages of a store look for it."""
    for name in {"LICENSE", "tex-svg.js"} - {*store.names("mathjax")}:
        store.write(f"mathjax/{name}", (_MATHJAX / name).read_bytes())


@cache
def _bibliography():
    from pybtex.database import parse_file

    return parse_file(str(_BOOK / "references.bib"))


def _cited(key: str) -> str:
    """`Liu and Li (2025)`, `Gu et al. (2022)`; the key itself where it is unknown."""
    entry = _bibliography().entries.get(key.strip())
    if entry is None or not entry.persons.get("author"):
        return key.strip()
    names = [" ".join(person.last_names) for person in entry.persons["author"]]
    who = f"{names[0]} et al." if len(names) > 2 else " and ".join(names)
    return re.sub("[{}]", "", f"{who} ({entry.fields.get('year', 'undated')})")


def _prose(text: str, values: dict) -> str:
    """Markdown without the book's own roles: figures pasted, citations spelt out."""

    def pasted(match) -> str:
        if match[1] not in values:
            return match[1]
        return format(values[match[1]], match[2] or "")

    text = _GLUE.sub(pasted, text)
    text = _CITE.sub(lambda m: "; ".join(map(_cited, m[1].split(","))), text)
    return _LINK.sub(r"\1", text)


def _about(document: dict) -> str:
    failed = document["status"] == "failed"
    values = document["parameters"]
    commit = document["git"]["commit"]
    clean = "" if document["git"]["clean"] in (True, None) else ", with changes"
    rows = {
        "Run": f"{document['notebook']}, {document['key'][:16]}",
        "Parameters": ", ".join(f"{n} = {v}" for n, v in values.items()),
        "Library": f"{document['library']['version']}, commit "
        f"{commit[:12] if commit else 'unknown'}{clean}",
        "Machine": f"{document['machine'].get('gpu', document['machine']['device'])}, "
        f"{document['threads']} threads, Python {document['machine']['python']}",
        "Ran": f"{document['started'][:19]} UTC, {document['seconds']} s",
    }
    if failed:
        rows = {"Failed": document["error"]} | rows
    lines = "\n".join(
        f"<tr><td>{name}</td><td>{html.escape(text)}</td></tr>"
        for name, text in rows.items()
    )
    kind = "about failed" if failed else "about"
    return f'<header class="{kind}"><table>\n{lines}\n</table></header>'


def _trusted(made: str | bytes) -> str:
    """In place of a cleaning of what Pygments made, which took most of the time."""
    return made.decode() if isinstance(made, bytes) else made


def page(node, document: dict) -> str:
    """The HTML page of an executed notebook and of what its run.json says."""
    from nbconvert import HTMLExporter

    node = copy.deepcopy(node)
    code = [cell for cell in node.cells if cell.cell_type == "code"]
    values = {
        name: record.value
        for cell in code
        for name, record in output_records(cell.outputs).items()
    }
    for cell in code:
        cell.outputs = [
            output
            for output in cell.outputs
            if not any(mime.startswith(PREFIX) for mime in output.get("data", {}))
        ]
    for cell in node.cells:
        if cell.cell_type == "markdown":
            cell.source = _prose(cell.source, values)
    exporter = HTMLExporter(template_name="basic", filters={"clean_html": _trusted})
    body, _ = exporter.from_notebook_node(node)
    title = html.escape(f"Run of {document['notebook']}")
    return _PAGE.format(title=title, about=_about(document), body=body)

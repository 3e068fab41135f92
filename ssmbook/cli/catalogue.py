"""What there is to run: chapters, what each finds, its parameters, its last run."""

from __future__ import annotations

from pathlib import Path

from ssmbook.book.chapters import chapters
from ssmbook.book.ledger import load
from ssmbook.notebook.files import read_notebook
from ssmbook.notebook.parameters import declared
from ssmbook.notebook.session import footer_seconds
from ssmbook.runs.reading import Tell, stored_runs
from ssmbook.runs.stores import Store


def entries(root: Path, stores: list[Store], tell: Tell) -> list[dict]:
    """One entry per chapter: title, findings, parameters, seconds of its last run.

    The last run is the newest complete one in `stores`, or else the stored outputs.
    tell: as for `stored_runs`. Raises ValueError for a chapter without a title.
    """
    ledger = load(root)
    listed = []
    for chapter in chapters(root).values():
        node = read_notebook(chapter.path)
        known = declared(node, chapter.path)
        listed.append(
            {
                "notebook": chapter.slug,
                "number": chapter.number,
                "title": _title(node, chapter.path),
                "findings": [
                    {"claim": c.id, "verdict": c.verdict, "says": c.says}
                    for c in ledger
                    if c.notebook == chapter.slug
                ],
                "parameters": [
                    {
                        "name": p.name,
                        "type": p.type,
                        "default": p.default,
                        "allowed": p.allowed,
                        "help": p.help,
                    }
                    for p in known.values()
                ],
                "last_run": _last_run(node, chapter.slug, stores, tell),
            }
        )
    return listed


def _title(node, path: Path) -> str:
    """The chapter's title: the first line of its first cell."""
    for cell in node.cells[:1]:
        for line in cell.source.splitlines()[:1]:
            return line.lstrip("# ")
    raise ValueError(f"{path} must begin with a cell whose first line is its title")


def _last_run(node, slug: str, stores: list[Store], tell: Tell) -> dict | None:
    found = [r for s in stores for r in stored_runs(s, slug, tell, documents_only=True)]
    complete = [run for run in found if not run.failed]
    if complete:
        last = max(complete, key=lambda run: run.started)
        return {"started": last.started, "seconds": last.seconds}
    seconds = footer_seconds(node)
    return None if seconds is None else {"started": None, "seconds": seconds}

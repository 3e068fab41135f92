"""What there is to run: chapters, what each finds, its parameters, its last run."""

from __future__ import annotations

from pathlib import Path

import nbformat

from ssmbook.book.chapters import chapters
from ssmbook.book.ledger import load
from ssmbook.notebook.parameters import declared
from ssmbook.notebook.session import footer_seconds
from ssmbook.runs.jobs import stored_runs
from ssmbook.runs.stores import Store


def entries(root: Path, stores: list[Store]) -> list[dict]:
    """An entry a chapter: title, findings, parameters, seconds of its last run.

    The last run is the newest complete one in `stores`, or else the stored outputs.
    """
    ledger = load(root)
    listed = []
    for chapter in chapters(root).values():
        node = nbformat.read(chapter.path, 4)
        known = declared(node, chapter.path)
        listed.append(
            {
                "notebook": chapter.slug,
                "number": chapter.number,
                "title": node.cells[0].source.splitlines()[0].lstrip("# "),
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
                "last_run": _last_run(node, chapter.slug, stores),
            }
        )
    return listed


def _last_run(node, slug: str, stores: list[Store]) -> dict | None:
    complete = [r for s in stores for r in stored_runs(s, slug) if not r.failed]
    if complete:
        last = max(complete, key=lambda run: run.started)
        return {"started": last.started, "seconds": last.seconds}
    seconds = footer_seconds(node)
    return None if seconds is None else {"started": None, "seconds": seconds}

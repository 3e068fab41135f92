"""What there is to run: chapters, what each finds, its parameters, its last run."""

from __future__ import annotations

from pathlib import Path

from ssmbook.ledger import support
from ssmbook.ledger.entries import load
from ssmbook.notebook.chapters import chapters
from ssmbook.notebook.executed import Executed
from ssmbook.runs.reading import Tell, stored_runs
from ssmbook.runs.stores import Store


def entries(root: Path, stores: list[Store], tell: Tell) -> list[dict]:
    """One entry per chapter: title, findings, parameters, seconds of its last run.

    The last run is the newest complete one in `stores`, or else the stored outputs.
    tell: as for `stored_runs`. Raises ValueError for a chapter without a title.
    """
    ledger = load(root)
    verdicts = support.shown(
        {c.id: c.requires for c in ledger}, {c.id: c.verdict for c in ledger}
    )
    listed = []
    for chapter in chapters(root).values():
        stored = Executed.read(chapter.path)
        listed.append(
            {
                "notebook": chapter.slug,
                "number": chapter.number,
                "title": _title(stored),
                "findings": [
                    {"claim": c.id, "verdict": verdicts[c.id], "says": c.says}
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
                    for p in stored.interface.values()
                ],
                "last_run": _last_run(stored, chapter.slug, stores, tell),
            }
        )
    return listed


def _title(stored: Executed) -> str:
    """The chapter's title: the first line of its first cell."""
    for cell in stored.node.cells[:1]:
        for line in cell.source.splitlines()[:1]:
            return line.lstrip("# ")
    raise ValueError(
        f"{stored.path} must begin with a cell whose first line is its title"
    )


def _last_run(
    stored: Executed, slug: str, stores: list[Store], tell: Tell
) -> dict | None:
    found = [r for s in stores for r in stored_runs(s, slug, tell, documents_only=True)]
    complete = [run for run in found if not run.failed]
    if complete:
        last = max(complete, key=lambda run: run.started)
        return {"started": last.started, "seconds": last.seconds}
    seconds = stored.seconds
    return None if seconds is None else {"started": None, "seconds": seconds}

"""What there is to run: notebooks, what each finds, its parameters, its last run."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat

from ssmlib.companion import runs
from ssmlib.companion.claims import load
from ssmlib.companion.parameters import declared
from ssmlib.companion.stores import Bucket, Folder

_FOOTER = re.compile(r"\| (\d+) s\s*$")


def catalogue(root: Path, stores: list[Folder | Bucket]) -> list[dict]:
    """An entry a notebook: title, findings, parameters, seconds of its last run.

    The last run is the newest complete one in `stores`, or else the stored outputs.
    """
    ledger = load(root / "book" / "claims.yml")
    found = []
    for path in sorted((root / "notebooks").glob("*.ipynb")):
        node = nbformat.read(path, 4)
        known = declared(node, path)
        found.append(
            {
                "notebook": path.stem,
                "title": node.cells[0].source.splitlines()[0].lstrip("# "),
                "findings": [
                    {"claim": c.id, "verdict": c.verdict, "says": c.says}
                    for c in ledger
                    if c.notebook == path.stem
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
                "last_run": _last_run(node, path.stem, stores),
            }
        )
    return found


def _last_run(node, stem: str, stores: list) -> dict | None:
    made = [d for s in stores for d in runs.documents(s, stem)]
    complete = [d for d in made if d["status"] == "complete"]
    if complete:
        last = max(complete, key=lambda document: document["started"])
        return {"started": last["started"], "seconds": last["seconds"]}
    for output in node.cells[-1].get("outputs", []):
        if match := _FOOTER.search(output.get("text", "")):
            return {"started": None, "seconds": int(match[1])}
    return None

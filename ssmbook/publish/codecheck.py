"""codecheck.yml: what a codechecker needs, in the format of the CODECHECK community.

`python -m ssmbook.publish.codecheck` writes it from CITATION.cff and _toc.yml. The
codechecker, the report and the certificate do not exist before somebody checks the
book, nor does the address of an archived version: these fields hold a placeholder.
"""

from __future__ import annotations

import sys
from pathlib import Path

from ssmbook.notebook import strict_yaml
from ssmbook.notebook.chapters import chapters
from ssmbook.runs.stores import replace

NAME = "codecheck.yml"
VERSION = "https://codecheck.org.uk/spec/config/1.0/"
#: stands where a codechecker, or the one who archives the book, fills something in
PLACEHOLDER = "FIXME"
_HEAD = """---
# The files that a codechecker makes again and compares. `make notebooks` makes the
# notebooks, with their figures and recorded numbers; `make bench` makes the table.
# FIXME marks what is unknown before the book is archived and checked.
# Made by `python -m ssmbook.publish.codecheck` from CITATION.cff and _toc.yml.
"""


def text(root: Path) -> str:
    """Return the content of codecheck.yml."""
    citation = strict_yaml.load(root / "CITATION.cff")
    content = {
        "version": VERSION,
        "paper": {
            "title": citation["title"],
            "authors": citation["authors"],
            "reference": PLACEHOLDER,
            "reference-other": [paper["url"] for paper in citation["references"]],
        },
        "manifest": _manifest(root),
        "codechecker": [{"name": PLACEHOLDER}],
        "summary": PLACEHOLDER,
        "repository": PLACEHOLDER,
        "check_time": PLACEHOLDER,
        "certificate": PLACEHOLDER,
        "report": PLACEHOLDER,
    }
    dumped = strict_yaml.text(content)
    return _HEAD + dumped


def _manifest(root: Path) -> list[dict[str, str]]:
    """One item per chapter, and the table of the benchmarks."""
    items = [
        {
            "file": chapter.path.relative_to(root).as_posix(),
            "comment": f"Chapter {chapter.number}, {chapter.title}: its figures and "
            "its recorded numbers",
        }
        for chapter in chapters(root).values()
    ]
    benchmarks = "The page Benchmarks: times and memory relative to reference code"
    return [*items, {"file": "benchmarks/results.csv", "comment": benchmarks}]


def main() -> None:
    """Write the file into the current folder."""
    try:
        replace(Path(NAME), text(Path.cwd()).encode())
    except (ValueError, OSError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()

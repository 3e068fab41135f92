"""What pages show of one run of the book: assembly writes it, Sphinx reads it.

The file lies at the top of the book's source tree. Pages themselves stay as they are
written; the roles and directives of `sphinx_extension` take the rest from here.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from sphinx.environment import BuildEnvironment

FILE = "ssmbook.json"


@dataclass(frozen=True)
class Site:
    """What the roles and directives of a book show.

    Attributes:
        verdicts: the verdict of this run, by claim.
        papers: of each claim of a paper its evidence and verdict, by the
            paper's key in the bibliography.
        effects: the effects of a study's contrasts in words, by slug and name.
        claims: the table of a chapter's claims, Markdown, by slug.
        chapters: the table of the chapters, Markdown.
        changes: the table of changes since an earlier version, by version.
        forest: the tables of all trained comparisons, Markdown.
        alts: the alt text of each figure, by the name of the figure.
        minutes: by document, the minutes to read its first screen, and all of it.
        kinds: by a chapter's document, what kind of page it is; None without claims.
        needs: by a chapter's document, what it presupposes: pairs of "doc" and a
            document, or of "term" and a term.
        stored: by the slug of a notebook that failed, the names that it stored before.
        pdf: whether the book is printed as well.
    """

    verdicts: dict[str, str] = field(default_factory=dict)
    papers: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    effects: dict[str, dict[str, str]] = field(default_factory=dict)
    claims: dict[str, str] = field(default_factory=dict)
    chapters: str = ""
    changes: dict[str, str] = field(default_factory=dict)
    forest: str = ""
    alts: dict[str, str] = field(default_factory=dict)
    minutes: dict[str, tuple[int, int]] = field(default_factory=dict)
    kinds: dict[str, str | None] = field(default_factory=dict)
    needs: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    stored: dict[str, list[str]] = field(default_factory=dict)
    pdf: bool = False

    def lacks(self, slug: str, name: str) -> bool:
        """Return whether a notebook failed before it stored a name."""
        return slug in self.stored and name not in self.stored[slug]

    def write(self, tree: Path) -> None:
        """Write it into the source tree of a book."""
        text = json.dumps(asdict(self), indent=1) + "\n"
        (tree / FILE).write_text(text, encoding="utf-8")

    @classmethod
    def read(cls, tree: Path) -> Site:
        """Read it from the source tree of a book; FileNotFoundError without one."""
        path = tree / FILE
        if not path.is_file():
            raise FileNotFoundError(
                f"{path} does not exist: build the book by `ssmbook build`, which "
                "writes its source tree"
            )
        return cls(**json.loads(path.read_text(encoding="utf-8")))


def of_build(env: BuildEnvironment) -> Site:
    """Return the site of a build, which is read once."""
    app = cast(Any, env.app)
    if not hasattr(app, "ssmbook_site"):
        app.ssmbook_site = Site.read(Path(env.srcdir))
    return app.ssmbook_site

"""The mark of chapters on trained models, in the table of contents beside each page."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, Any

from ssmbook.pages.site import of_build

if TYPE_CHECKING:
    from sphinx.application import Sphinx

_LINK = re.compile(
    r'(<a class="[^"]*reference internal" href="([^"#]*)(?:#)?">)(.*?)</a>'
)
MARK = '<small class="kind">training</small>'


def marked(contents: str, page: str, kinds: dict[str, str | None]) -> str:
    """Return a table of contents in which the chapters on trained models are marked.

    Args:
        contents: HTML.
        page: the document on whose page it stands.
        kinds: by a chapter's document, what kind of page it is.
    """

    def mark(match: re.Match) -> str:
        link, address, title = match.groups()
        folder = posixpath.dirname(page)
        there = posixpath.normpath(posixpath.join(folder, address)) if address else page
        if kinds.get(there.removesuffix(".html")) != "training":
            return match[0]
        return f"{link}{title} {MARK}</a>"

    return _LINK.sub(mark, contents)


def mark_chapters(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: object
) -> None:
    """Let the theme's function for the table of contents return a marked one."""
    theme, kinds = context.get("generate_toctree_html"), of_build(app.env).kinds
    if theme is None:
        return

    def contents(*args: Any, **options: Any) -> str:
        return marked(str(theme(*args, **options)), page, kinds)

    context["generate_toctree_html"] = contents

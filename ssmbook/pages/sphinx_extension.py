"""The roles and directives of the book's pages, for Sphinx.

    {claim}`id`              the verdict on a claim, linked to its entry
    {named-claim}`id`        the same, after the name of the claim
    {effect}`name`           the effect of a contrast of the chapter's study, in words
    ```{verdict-bar} paper   a bar of the verdicts on a paper
    ```{chapter-claims}      the table of the chapter's claims
    ```{chapter-table}       the table of all chapters
    ```{reading-path}        steps through the book, with the minutes to read them
    ```{changes} version     what changed in the ledger since an earlier version
    ```{forest}              every trained comparison on one axis, by question
    ```{pdf-link}            a link to the PDF, where it is made; with `page`, to one of
                             the page on which it stands

Below the title of a chapter stands its kind, its reading time and its prerequisites.
The table of contents beside each page marks the chapters on trained models.
Figures take their alt text from the notebook that draws them. A page that pastes a
record or a figure of a notebook that failed says that it is missing.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from docutils import nodes
from docutils.statemachine import StringList
from myst_nb.ext.glue.directives import PasteAnyDirective, PasteFigureDirective
from myst_nb.ext.glue.roles import PasteTextRole
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective, SphinxRole
from sphinx_design.badges_buttons import XRefBadgeRole

from ssmbook.pages import front_page, reading
from ssmbook.pages.badges import color, words
from ssmbook.pages.sidebar import mark_chapters
from ssmbook.pages.site import of_build
from ssmbook.pages.transforms import BelowTitles, OfNotebooks, add_links

if TYPE_CHECKING:
    from sphinx.application import Sphinx

_log = logging.getLogger(__name__)
_FEW = 9  # names that a message lists


def _unknown(what: str, name: str, known: Collection[str]) -> str:
    """Say that a name is unknown, and which one is near or which there are."""
    if near := difflib.get_close_matches(name, known, n=1):
        return f"there is no {what} {name!r}; did you mean {near[0]!r}?"
    first = ", ".join(list(known)[:_FEW])
    more = f" and {len(known) - _FEW} more" if len(known) > _FEW else ""
    return f"there is no {what} {name!r}; there are {first}{more}"


class ClaimRole(SphinxRole):
    """The verdict on a claim, as a badge that leads to its entry."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Make the badge; a warning for a claim that is not in the ledger."""
        claim, verdicts = self.text.strip(), of_build(self.env).verdicts
        if claim not in verdicts:
            said = _unknown("claim", claim, verdicts)
            _log.warning("%s", said, location=self.get_location())
            return [nodes.problematic(self.rawtext, self.rawtext)], []
        badge = XRefBadgeRole(color(verdicts[claim]))
        text = f"{words(verdicts[claim])} <claim-{claim}>"
        return badge(self.name, self.rawtext, text, self.lineno, self.inliner)


class NamedClaimRole(ClaimRole):
    """The name of a claim, then the verdict on it."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Make the name and the badge; a warning as of the role `claim`."""
        badge, messages = super().run()
        name = nodes.inline("", self.text.strip(), classes=["claim-name"])
        return [name, nodes.Text(" "), *badge], messages


class EffectRole(SphinxRole):
    """The effect of a contrast: a ratio or a difference with its interval."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return the words; a warning for a contrast that the study does not have."""
        document, _, name = self.text.strip().rpartition("::")
        slug = Path(document or self.env.docname).stem
        known = of_build(self.env).effects.get(slug, {})
        if name not in known:
            said = _unknown(f"contrast of the study {slug}", name, known)
            _log.warning("%s", said, location=self.get_location())
            return [nodes.problematic(self.rawtext, self.rawtext)], []
        return [nodes.inline("", known[name])], []


class _Made(SphinxDirective):
    """A directive in whose place Markdown is parsed."""

    has_content = False
    #: whether the Markdown has headings
    headings = False

    def markdown(self) -> str:
        """Return what the page shows; ValueError for a wrong argument."""
        raise NotImplementedError

    def run(self) -> list[nodes.Node]:
        """Parse the Markdown; a warning with file and line for a wrong argument."""
        try:
            lines = self.markdown().splitlines()
        except ValueError as error:
            _log.warning("%s", error, location=self.get_location())
            return []
        made = nodes.Element()
        source, _ = self.get_source_info()
        self.state.nested_parse(
            StringList(lines, source), self.content_offset, made, self.headings
        )
        return made.children


class VerdictBar(_Made):
    """A bar of the verdicts on a paper, and their numbers in words."""

    required_arguments = 1

    def markdown(self) -> str:
        """Return the bar; raise ValueError for an unknown paper."""
        paper, papers = self.arguments[0], of_build(self.env).papers
        if paper not in papers:
            raise ValueError(_unknown("claim of the paper", paper, papers))
        return front_page.bar(papers[paper])


class ChapterClaims(_Made):
    """The claims of the chapter on whose page it stands."""

    def markdown(self) -> str:
        """Return the claims; raise ValueError on a page that is no chapter."""
        slug, claims = Path(self.env.docname).name, of_build(self.env).claims
        if slug not in claims:
            raise ValueError(
                f"chapter-claims belongs on the page of a chapter: {slug} is none"
            )
        return claims[slug]


class ChapterTable(_Made):
    """The table of all chapters: what each found, verdicts, minutes."""

    def markdown(self) -> str:
        """Return the table."""
        return of_build(self.env).chapters


class ReadingPath(_Made):
    """Steps through the book, one per line, with the minutes to read them."""

    has_content = True

    def markdown(self) -> str:
        """Return the steps; raise ValueError for a bad one."""
        return reading.path(self.content, of_build(self.env).minutes)


class Changes(_Made):
    """What changed in the ledger since an earlier version."""

    required_arguments = 1

    def markdown(self) -> str:
        """Return the table; raise ValueError for an unknown version."""
        version, known = self.arguments[0], of_build(self.env).changes
        if version not in known:
            raise ValueError(_unknown("version", version, known))
        return known[version]


class Forest(_Made):
    """Every trained comparison on one axis of ratios, by question."""

    headings = True

    def markdown(self) -> str:
        """Return the tables."""
        return of_build(self.env).forest


class PdfLink(_Made):
    """A link to the PDF of the book or of this page; nothing where none is made."""

    optional_arguments = 1

    def markdown(self) -> str:
        """Return the link or an empty text; raise ValueError for a wrong argument."""
        name, words = "book", "The whole book as PDF"
        if self.arguments:
            if self.arguments != ["page"]:
                raise ValueError(_unknown("kind of PDF", self.arguments[0], ["page"]))
            name, words = Path(self.env.docname).name, "This page as PDF"
        made = f'<a class="pdf-link" href="../{name}.pdf">{words}</a>'
        return made if of_build(self.env).pdf else ""


class Text(PasteTextRole):
    """`{glue:text}`, which knows the notebooks that failed."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return the text, or "(missing)" if its notebook failed."""
        env = self.document.settings.env
        document, _, key = self.text.rpartition("::")
        slug = Path(document or env.docname).stem
        if of_build(env).lacks(slug, key.partition(":")[0]):
            return [nodes.emphasis("", "(missing)")], []
        return super().run()


class Pasted(PasteAnyDirective):
    """`{glue}`, which knows the notebooks that failed."""

    def run(self) -> list[nodes.Node]:
        """Return the output, or "(missing)" if its notebook failed."""
        env = self.state.document.settings.env
        slug = Path(self.options.get("doc", env.docname)).stem
        if of_build(env).lacks(slug, self.arguments[0]):
            return [nodes.paragraph("", "", nodes.emphasis("", "(missing)"))]
        return super().run()


class Figure(PasteFigureDirective):
    """`{glue:figure}` with the notebook's alt text, and the label `fig-<name>`."""

    option_spec: ClassVar[dict] = dict(PasteFigureDirective.option_spec or {})

    def run(self) -> list[nodes.Node]:
        """Return the figure, or "(missing)" if its notebook failed."""
        env, name = self.state.document.settings.env, self.arguments[0]
        site = of_build(env)
        if site.lacks(Path(env.docname).name, name):
            return [nodes.paragraph("", "", nodes.emphasis("", "(missing)"))]
        self.options.setdefault("name", f"fig-{name}")
        if name in site.alts:
            self.options.setdefault("alt", site.alts[name])
        found: list[nodes.Node] = [*super().run()]
        for figure in found:
            for caption in figure.findall(nodes.caption):
                add_links(caption, name, env)
        return found


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the roles and directives."""
    app.setup_extension("myst_nb")
    app.setup_extension("sphinx_design")
    app.add_role("claim", ClaimRole())
    app.add_role("named-claim", NamedClaimRole())
    app.add_role("effect", EffectRole())
    app.add_directive("verdict-bar", VerdictBar)
    app.add_directive("chapter-claims", ChapterClaims)
    app.add_directive("chapter-table", ChapterTable)
    app.add_directive("reading-path", ReadingPath)
    app.add_directive("changes", Changes)
    app.add_directive("forest", Forest)
    app.add_directive("pdf-link", PdfLink)
    app.add_directive("glue", Pasted, override=True)
    app.add_role_to_domain("glue", "text", Text(), override=True)
    app.add_directive_to_domain("glue", "figure", Figure, override=True)
    app.add_transform(OfNotebooks)
    app.add_transform(BelowTitles)
    # After the theme, which puts its function there.
    app.connect("html-page-context", mark_chapters, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

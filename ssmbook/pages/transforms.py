"""Changes of each page of the book: alt texts, and the line below a chapter's title."""

from __future__ import annotations

import re
from pathlib import Path

from docutils import nodes
from sphinx.addnodes import download_reference, pending_xref
from sphinx.environment import BuildEnvironment
from sphinx.transforms import SphinxTransform

from ssmbook.pages import downloads, reading
from ssmbook.pages.site import of_build

_NEEDS = Path("book", "prerequisites.yml")
_FIGURE = re.compile(r"_figures/([\w-]+)\.svg")
_WORDS = {"svg": "figure as SVG", "csv": "data as CSV"}


class OfNotebooks(SphinxTransform):
    """What each figure on a page takes from its notebook: alt text, links to files."""

    default_priority = 100

    def apply(self, **_) -> None:
        """Set the alt text of each figure, and add the links to its caption."""
        alts = of_build(self.env).alts
        for image in self.document.findall(nodes.image):
            match = _FIGURE.fullmatch(image["uri"])
            if match is None:
                continue
            if match[1] in alts:
                image.setdefault("alt", alts[match[1]])
            for caption in image.parent.findall(nodes.caption):
                add_links(caption, match[1], self.env)


def add_links(caption: nodes.caption, name: str, env: BuildEnvironment) -> None:
    """Add the links to a caption, of the files of a figure that there are."""
    links = nodes.inline("", classes=["figure-files"])
    for kind, words in _WORDS.items():
        file = f"{downloads.FOLDER}/{name}.{kind}"
        if Path(env.srcdir, file).is_file():
            links += nodes.Text(" · " if len(links) else " (")
            links += download_reference(
                "", "", nodes.Text(words), refdoc=env.docname, reftarget=f"/{file}"
            )
    if len(links):
        links += nodes.Text(")")
        caption += links


class BelowTitles(SphinxTransform):
    """The line below the title of a chapter: kind, reading time, prerequisites."""

    default_priority = 100

    def apply(self, **_) -> None:
        """Insert the line on the page of a chapter."""
        site, document = of_build(self.env), self.env.docname
        title = next(self.document.findall(nodes.title), None)
        if document not in site.needs or title is None:
            return
        line = nodes.paragraph(classes=["about-chapter"])
        kind = site.kinds[document]
        known = [f"Kind: {kind}"] if kind else []
        known += [f"Reading time: {reading.in_words(site.minutes[document][1])}"]
        line += nodes.Text(" · ".join(known))
        for number, (kind, target) in enumerate(site.needs[document]):
            line += nodes.Text(", " if number else " · Presupposes: ")
            line += self._link(kind, target)
        title.parent.insert(title.parent.index(title) + 1, line)

    def _link(self, kind: str, target: str) -> pending_xref:
        """A link to a chapter, kind "doc", or to a term of the glossary, "term"."""
        link = pending_xref(
            "",
            nodes.inline("", target, classes=["xref", "std", f"std-{kind}"]),
            refdoc=self.env.docname,
            refdomain="std",
            reftype=kind,
            reftarget=target,
            refexplicit=False,
            refwarn=True,
        )
        link.source = str(Path(self.env.srcdir, _NEEDS))
        return link

"""What themes, docutils and pandas write that a screen reader stumbles over.

Each pattern is one rule of axe; tests/browser/test_pages.py runs all of its rules.
"""

import re


def _parameters(match: re.Match) -> str:
    """A signature of many lines is a list of definitions without their terms."""
    lines = match[1].replace("<dd>", "<span>").replace("</dd>", "</span>")
    return f'<span class="sig-lines">{lines}</span>'


_USED = "<summary>Where this book uses it</summary>"
REPAIRS = (
    # An empty head of a column, as pandas has one above its index, names nothing.
    (r"<th([^>]*)>(\s*|<p></p>)</th>", r"<td\1>\2</td>"),
    # A list without items; a role that is no more.
    (r'<div role="list" class="citation-list">', '<div class="citation-list">'),
    (r'(<div class="citation" id="[^"]*") role="doc-biblioentry"', r"\1"),
    # A name in place of the title that a fold has.
    (r'<summary aria-label="Toggle hidden content">', "<summary>"),
    (r'(?s)<dl>\n(<dd><em class="sig-param">.*?)</dl>', _parameters),
    # A link within what folds.
    (r"<summary>Expand for references to <a .*?</a></summary>", _USED),
)
TOGGLE = '<summary><span class="toctree-toggle"'
NAMED = TOGGLE.replace("<summary>", '<summary aria-label="Pages of this part">')


def _repair(app, page, template, context, doctree):
    for pattern, text in REPAIRS:
        if "body" in context:
            context["body"] = re.sub(pattern, text, context["body"])


def _name_toggles(app, page, template, context, doctree):
    contents = context["generate_toctree_html"]

    def named(*args, **options):
        return str(contents(*args, **options)).replace(TOGGLE, NAMED)

    context["generate_toctree_html"] = named


def setup(app):
    app.connect("html-page-context", _repair)
    # After the theme, which puts its function there.
    app.connect("html-page-context", _name_toggles, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""What docutils and pandas write into a page that a screen reader stumbles over.

Each pattern is one rule of axe; tests/browser/test_pages.py runs all of its rules.
"""

import re

REPAIRS = (
    # An empty head of a column, as pandas has one above its index, names nothing.
    (r"<th([^>]*)>(\s*|<p></p>)</th>", r"<td\1>\2</td>"),
    # A list without items; a role that is no more.
    (r'<div role="list" class="citation-list">', '<div class="citation-list">'),
    (r'(<div class="citation" id="[^"]*") role="doc-biblioentry"', r"\1"),
)


def _repair(app, page, template, context, doctree):
    for pattern, text in REPAIRS:
        if "body" in context:
            context["body"] = re.sub(pattern, text, context["body"])


def setup(app):
    app.connect("html-page-context", _repair)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

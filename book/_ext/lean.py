"""Leave out scripts that no page of this book needs.

Those of sphinx-thebe, which Jupyter Book brings along: no page runs code through them,
and they stand on each page twice, which the browser reports as an error. And Font
Awesome's, a megabyte and a half to read on each page: the theme's icons come from its
font.
"""

import re
from pathlib import Path

_ICONS = re.compile(r'\s*<script src="[^"]*fontawesome\.js[^"]*"></script>')


def _drop(app, page, template, context, doctree):
    for kind in ("script_files", "css_files"):
        context[kind] = [
            file
            for file in context[kind]
            if "thebe" not in f"{file.filename} {file.attributes}"
        ]


def _drop_icons(app, failure):
    if failure:
        return
    for path in Path(app.outdir).rglob("*.html"):
        path.write_text(
            _ICONS.sub("", path.read_text(encoding="utf-8")), encoding="utf-8"
        )


def setup(app):
    app.connect("html-page-context", _drop)
    app.connect("build-finished", _drop_icons)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

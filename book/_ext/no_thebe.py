"""Leave out the scripts of sphinx-thebe, which Jupyter Book brings along.

No page runs code through them, and they stand on each page twice, which the browser
reports as an error.
"""


def _drop(app, page, template, context, doctree):
    for kind in ("script_files", "css_files"):
        context[kind] = [
            file
            for file in context[kind]
            if "thebe" not in f"{file.filename} {file.attributes}"
        ]


def setup(app):
    app.connect("html-page-context", _drop)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

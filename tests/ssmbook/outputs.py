"""Notebooks with outputs, made by hand."""

import nbformat

from ssmbook.notebook.glue import PREFIX


def output_of(key, value, **tolerance):
    return nbformat.from_dict(
        {
            "output_type": "display_data",
            "data": {PREFIX + "text/plain": repr(value)},
            "metadata": {
                "scrapbook": {"name": key, "mime_prefix": PREFIX},
                "tolerance": tolerance,
            },
        }
    )


def notebook(path, *outputs, parameters_cell="L: int = 4  # [1..9] length", count=1):
    cells = [
        nbformat.v4.new_code_cell(
            parameters_cell, execution_count=count, metadata={"tags": ["parameters"]}
        ),
        nbformat.v4.new_code_cell("pass", execution_count=count, outputs=list(outputs)),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path

"""The machinery of a book made of notebooks: parameters, records, runs, claims, builds.

It knows no science. A notebook needs the names below; the rest is for the command
`ssmbook`.
"""

from __future__ import annotations

from ssmbook.notebook.executed import records
from ssmbook.notebook.glue import estimate, figure, record, record_all, text
from ssmbook.notebook.kept import kept
from ssmbook.notebook.losses import record_losses, study
from ssmbook.notebook.session import start

__all__ = [
    "estimate",
    "figure",
    "kept",
    "record",
    "record_all",
    "record_losses",
    "records",
    "start",
    "study",
    "text",
]

"""The command `ssmbook`."""

from __future__ import annotations

import io
import sys


def main() -> None:
    """Run the command; one line where the extra `book` is not installed."""
    # A terminal need not know every letter.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    try:
        from ssmbook.cli.main import app

        app()
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in ("ssmlib", "ssmbook"):
            raise
        sys.exit(f"ssmbook needs the extra book, {error.name} is missing: "
                 'pip install "ssmlib[book]"')  # fmt: skip

"""The command `ssmbook`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command; one line where the extra `book` is not installed."""
    try:
        from ssmbook.cli.main import app

        app()
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in ("ssmlib", "ssmbook"):
            raise
        sys.exit(f"ssmbook needs the extra book, {error.name} is missing: "
                 'pip install "ssmlib[book]"')  # fmt: skip

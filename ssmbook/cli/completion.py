"""Names that the shell completes; outside of a repository there are none."""

from __future__ import annotations

import contextlib


def chapters(incomplete: str) -> list[str]:
    """Return the chapters whose name begins so."""
    from ssmbook.cli import terminal
    from ssmbook.notebook import chapters as known

    with contextlib.suppress(Exception):  # a shell has no place for an error
        names = known.chapters(terminal.repository())
        return [name for name in names if name.startswith(incomplete)]
    return []


def studies(incomplete: str) -> list[str]:
    """Return the studies whose name begins so."""
    from ssmbook.cli import terminal

    with contextlib.suppress(Exception):
        files = sorted((terminal.repository() / "studies").glob("*/study.yml"))
        names = [path.parent.name for path in files]
        return [name for name in names if name.startswith(incomplete)]
    return []

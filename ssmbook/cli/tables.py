"""Tables of stored runs: written beside the runs, damaged ones left out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import typer

from ssmbook.cli import terminal

if TYPE_CHECKING:
    import pandas


class LeftOut:
    """Stored runs that are left out of an answer, a line on stderr for each."""

    def __init__(self):
        self.damaged = 0

    def out(self, error: ValueError) -> None:
        """Note a run by the error that its reading raised."""
        from ssmbook.runs.reading import OldRun

        terminal.say(str(error))
        self.damaged += not isinstance(error, OldRun)

    def exit(self) -> None:
        """End with status 1 where a damaged run is missing from the answer."""
        if self.damaged:
            terminal.say(f"damaged runs, which the answer leaves out: {self.damaged}")
            raise typer.Exit(1)


def tabulate(
    slug: str,
    address: str,
    drawn: list[str] | None,
    output: Path | None,
    left: LeftOut,
) -> None:
    """Write the table of a notebook's runs, and the figure where there is one.

    Two processes that write into one folder do so one after the other.
    """
    from ssmbook.runs import sharing
    from ssmbook.runs.stores import Store

    if output is None:
        output = (Store(address).folder or Path("runs")) / slug
    with sharing.lock(output):
        _write_table(slug, address, drawn, output, left)


def _write_table(
    slug: str,
    address: str,
    drawn: list[str] | None,
    output: Path,
    left: LeftOut,
) -> None:
    from io import BytesIO

    from ssmbook.runs import results, stores
    from ssmbook.runs.reading import stored_runs

    store = stores.Store(address)
    made = stored_runs(store, slug, left.out)
    table = results.table(made)
    for path in results.write(table, output):
        typer.echo(path)
    parameters = results.parameters_of(made)
    records = [c for c in table.columns if c not in (*results.ABOUT, *parameters)]
    unknown = sorted(set(drawn or []) - set(records))
    if unknown:
        raise ValueError(
            f"no record {', '.join(unknown)}; there are {', '.join(records)}"
        )
    complete = _rows(table, "status", "complete")
    if results.column(complete, "state").nunique() > 1:
        terminal.say(
            "these runs come from several states of notebook, library or lock (see the "
            "column state): the figure shows those of the newest"
        )
        complete = _rows(complete, "state", complete["state"].tolist()[-1])
    if results.varied(complete, parameters) and records:
        moving = results.varied(complete, records) or records
        figure = results.figure(complete, parameters, drawn or moving[:4])
        drawing = BytesIO()
        figure.savefig(drawing, format="svg", metadata={"Date": None})
        svg = drawing.getvalue()
        stores.replace(output / "results.svg", svg[svg.index(b"<svg") :])
        typer.echo(output / "results.svg")
    _show(complete if len(complete) else table, parameters, (drawn or records)[:4])


#: rows that a terminal shows of a table; the file has all
_ROWS = 20


def _show(table: pandas.DataFrame, parameters: list[str], records: list[str]) -> None:
    """Print the runs to stderr, since stdout has the files: what varies, some records.

    The newest runs come last.
    """
    import sys

    from rich.console import Console
    from rich.table import Table

    from ssmbook.runs import results

    names = [*results.varied(table, parameters), "status", "seconds", *records]
    shown = Table(*names, box=None, pad_edge=False)
    for row in table[names].tail(_ROWS).itertuples(index=False):
        cells = (f"{v:.4g}" if isinstance(v, float) else str(v) for v in row)
        shown.add_row(*cells)
    if len(table) > _ROWS:
        shown.caption = f"the newest {_ROWS} of {len(table)} runs"
    Console(file=sys.stderr, highlight=False).print(shown)


def _rows(table: pandas.DataFrame, column: str, value: str) -> pandas.DataFrame:
    return cast("pandas.DataFrame", table[table[column] == value])

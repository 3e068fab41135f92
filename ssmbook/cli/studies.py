"""The commands about studies: study, plan."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ssmbook.cli import completion, runs, terminal


def study(
    name: Annotated[
        str,
        typer.Argument(
            help="a study: a folder with a study.yml",
            autocompletion=completion.studies,
        ),
    ],
    design: Annotated[
        str | None, typer.Option(help="a design of study.yml; default: all")
    ] = None,
    seeds: Annotated[
        str | None,
        typer.Option(help="FIRST:STOP, whole parts, STOP excluded; default: all"),
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="the folder of data that the study reads")
    ] = None,
    jobs: runs.Jobs = None,
) -> None:
    """Measure the missing parts of a study, and store each when it is finished.

    If it is interrupted, run the same command again: it continues with the next part.
    """
    from ssmbook.studies import running

    running.run(
        terminal.repository(),
        name,
        terminal.say,
        design=design,
        seeds=_seeds(seeds),
        data=None if data is None else Path(data),
        workers=jobs,
    )


def plan(json: runs.Json = False) -> None:
    """Print the missing parts of each study, and the seeds that claims need."""
    from dataclasses import asdict

    from ssmbook.ledger import plan as planning
    from ssmbook.ledger.entries import load
    from ssmbook.studies.parts import measured

    root = terminal.repository()
    trained = measured(root)
    designs, needs = planning.progress(trained), planning.needs(load(root), trained)
    if json:
        parts = {"designs": designs, "undecided": needs}
        terminal.answer({k: [asdict(own) for own in v] for k, v in parts.items()})
        return
    for p in designs:
        hours = "" if p.hours is None else f", about {p.hours:.1f} core hours are left"
        done = f"{p.measured} of {p.stated} seeds"
        typer.echo(f"{p.study}, {p.design}: {done}{hours if p.hours != 0 else ''}")
    for need in needs:
        seeds = "no number decides" if need.n is None else f"about {need.n} draws"
        typer.echo(f"{need.claim}: undecided; {seeds}, for {need.key}")


def _seeds(text: str | None) -> range | None:
    if text is None:
        return None
    first, colon, stop = text.partition(":")
    if not (
        colon and first.isdecimal() and stop.isdecimal() and int(first) < int(stop)
    ):
        raise ValueError(f"--seeds must be FIRST:STOP with FIRST < STOP, got {text}")
    return range(int(first), int(stop))

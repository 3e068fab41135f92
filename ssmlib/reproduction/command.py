"""The command `ssmbook reproduce`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from ssmlib._imports import optional

if TYPE_CHECKING:
    import typer
else:
    typer = optional("typer", "book")


def reproduce(
    row: Annotated[
        str,
        typer.Argument(help="A published configuration, such as image or cifar."),
    ],
    data: Annotated[
        Path | None,
        typer.Option(
            help="Folder with the data sets, as the page Data and licenses lays them "
            "out. Default: the environment variable SSMLIB_DATA."
        ),
    ] = None,
    plan: Annotated[
        bool,
        typer.Option("--plan", help="Time twenty steps, print the hours, and stop."),
    ] = False,
    model: Annotated[
        str, typer.Option(help="S4-LegS, S4D-LegS, S4D-Inv or S4D-Lin.")
    ] = "S4D-LegS",
    version: Annotated[
        str,
        typer.Option(
            help="paper: the authors' code at the time of the paper. head: their code "
            "in 2024."
        ),
    ] = "paper",
    device: Annotated[str, typer.Option(help="cpu, cuda or another device.")] = "cpu",
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Default: the published number.")
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            min=1, help="Stop after so many steps; the same command without it goes on."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of parameters and batches.")] = 0,
    out: Annotated[
        Path, typer.Option(help="Folder of the checkpoint and of the result.")
    ] = Path("reproduced"),
) -> None:
    """Train a published configuration of S4D as its authors did.

    A checkpoint is written after every epoch and every five minutes. If the training is
    interrupted, run the same command again: it continues, with the same losses.
    """
    from ssmlib import reproduction
    from ssmlib.published import configuration

    def say(text: str) -> None:
        print(text, file=sys.stderr)

    published = configuration(row, version)
    say(f"reading the data of {row}")
    split = reproduction.load(row, data)
    training = reproduction.Training(
        published, split, model=model, seed=seed, device=device
    )
    if plan:
        typer.echo(f"{row}, {model}: {reproduction.plan(training, epochs)}")
        return
    name = reproduction.Name(row, version, model, seed)
    found = reproduction.run(name, training, out, epochs=epochs, steps=steps, say=say)
    history = training.progress.history
    if path := reproduction.gate(row, history):
        typer.echo(path)
    if found is None:
        typer.echo(
            f"stopped after {steps:,} steps in all; the same command without --steps "
            "continues"
        )
        return
    typer.echo(reproduction.table(found))

"""The commands `ssmbook recommend`, `ssmbook reproduce` and `ssmbook audit`."""

from __future__ import annotations

import json
import sys
import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from ssmlib._imports import optional

if TYPE_CHECKING:
    import typer
else:
    typer = optional("typer", "book")


def recommend(
    data: Annotated[
        str,
        typer.Argument(
            help="A table (.csv, .tsv, .txt), a .npy file of shape (T,) or (n, L), or "
            "the name of a data set."
        ),
    ],
    column: Annotated[
        str | None,
        typer.Option(help="Column of a table: its name, or its number from 1."),
    ] = None,
    length: Annotated[
        int | None,
        typer.Option(
            help="Length of a window of one series, in steps. Default: the power of "
            "two below a sixteenth of the series, at most 1024."
        ),
    ] = None,
    raw: Annotated[
        bool,
        typer.Option(
            "--raw",
            help="Use the data in their own scale. Default: standardize all values by "
            "one mean and one scale.",
        ),
    ] = False,
    constant: Annotated[
        float, typer.Option(help="C of dt = C / sqrt(L lambda_max).")
    ] = 1.0,
    delay: Annotated[
        int | None,
        typer.Option(
            help="How many steps the target lies back, if known. The real part then "
            "follows from it, and not from the length."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    figure: Annotated[
        Path | None, typer.Option(help="An .svg file to draw the answer in.")
    ] = None,
) -> None:
    """Recommend dt, real part and frequencies of an SSM for your own data.

    For example, `ssmbook recommend data.csv --column 2 --length 512`.
    """
    _check_figure(figure)
    print(f"reading {data}", file=sys.stderr)
    from ssmlib import recommend as advice
    from ssmlib.tasks import own

    x, notes = own.read(data, column)
    if x.ndim == 1 and length is None:
        length = min(1024, 2 ** max(1, (len(x) // 16).bit_length() - 1))
        notes += ("The length was chosen from the size of the data: --length sets it.",)
    print("computing lambda_max and its interval", file=sys.stderr)
    answer = advice.recommend(x, length, constant=constant, raw=raw, delay=delay)
    if notes:
        seen = " ".join([answer.reasons["data"], *notes])
        answer = replace(answer, reasons={**answer.reasons, "data": seen})
    if figure is not None:
        from ssmlib.figures import svg

        figure.write_text(svg(advice.figure(answer)), encoding="utf-8")
    if as_json:
        typer.echo(json.dumps(answer.as_dict(), indent=1))
    else:
        typer.echo(f"{data}: {answer}")


def reproduce(
    row: Annotated[
        str,
        typer.Argument(help="A published configuration, such as image or cifar."),
    ],
    data: Annotated[
        str | None,
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
    seed: Annotated[
        int, typer.Option(min=0, help="Seed of parameters and batches.")
    ] = 0,
    out: Annotated[
        str, typer.Option(help="Folder of the checkpoint and of the result.")
    ] = "reproduced",
) -> None:
    """Train a published configuration of S4D as its authors did.

    For example, `ssmbook reproduce image --data FOLDER --plan`.

    A checkpoint is written after every epoch and every five minutes. If the training is
    interrupted, run the same command again: it continues, with the same losses.
    """
    from ssmlib import reproduction
    from ssmlib.published import configuration
    from ssmlib.tasks.files import UnpublishedWarning

    def say(text: str) -> None:
        print(text, file=sys.stderr)

    published = configuration(row, version)
    say(f"reading the data of {row}")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UnpublishedWarning)
        split = reproduction.load(row, data)
    notes = [str(warning.message) for warning in caught]
    for note in notes:
        say(f"warning: {note}")
    training = reproduction.Training(
        published, split, model=model, seed=seed, device=device
    )
    if plan:
        typer.echo(f"{row}, {model}: {reproduction.plan(training, epochs)}")
        return
    name = reproduction.Name(row, version, model, seed)
    found = reproduction.run(
        name, training, Path(out), epochs=epochs, steps=steps, notes=notes, say=say
    )
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


def audit(
    checkpoint: Annotated[
        Path,
        typer.Argument(
            help="A .safetensors file, or a .pt, .pth, .bin or .ckpt file of "
            "torch.save. A file with pickled code is refused, and no code is run."
        ),
    ],
    length: Annotated[
        int, typer.Option(min=1, help="Length of the sequences, in tokens.")
    ] = 1024,
    kind: Annotated[
        str | None, typer.Option(help="The only kind of layers to look for.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    figure: Annotated[
        Path | None, typer.Option(help="An .svg file to draw the memory in.")
    ] = None,
) -> None:
    """Audit the SSM layers of a checkpoint: what they remember, and their law.

    For example, `ssmbook audit model.safetensors --length 1024`.
    """
    _check_figure(figure)
    print(f"reading {checkpoint}", file=sys.stderr)
    from ssmlib import adapters

    found = adapters.audit(adapters.read(checkpoint), length, kind=kind)
    if figure is not None:
        from ssmlib.figures import svg

        figure.write_text(svg(found.figure()), encoding="utf-8")
    typer.echo(found.json() if as_json else str(found))


def _check_figure(figure: Path | None) -> None:
    if figure is not None and (
        figure.suffix != ".svg" or not figure.absolute().parent.is_dir()
    ):
        raise ValueError(
            f"figure must be an .svg file in a folder that exists, got {figure}"
        )

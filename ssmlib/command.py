"""The command `ssmbook recommend`."""

from __future__ import annotations

import json
import sys
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
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    figure: Annotated[
        Path | None, typer.Option(help="An .svg file to draw the answer in.")
    ] = None,
) -> None:
    """Recommend dt, real part and frequencies of an SSM for your own data."""
    if figure is not None and (
        figure.suffix != ".svg" or not figure.absolute().parent.is_dir()
    ):
        raise ValueError(
            f"figure must be an .svg file in a folder that exists, got {figure}"
        )
    print(f"reading {data}", file=sys.stderr)
    from ssmlib import recommend as advice
    from ssmlib.tasks import own

    x, notes = own.read(data, column)
    if x.ndim == 1 and length is None:
        length = min(1024, 2 ** max(1, (len(x) // 16).bit_length() - 1))
        notes += ("The length was chosen from the size of the data: --length sets it.",)
    print("computing lambda_max and its interval", file=sys.stderr)
    answer = advice.recommend(x, length, constant=constant, raw=raw)
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

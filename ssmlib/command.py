"""`ssmbook recommend`, and the data sets that `ssmbook doctor` loads: entry points."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from ssmlib._imports import optional

if TYPE_CHECKING:
    import typer
else:
    typer = optional("typer", "book")


def recommend(
    data: Annotated[str, typer.Argument(help="a .csv or .npy file, or a data set")],
    column: Annotated[str | None, typer.Option(help="column of a .csv")] = None,
    length: Annotated[
        int | None,
        typer.Option(
            help="length of a window of one series; default: the power of two below "
            "a sixteenth of the series, at most 1024"
        ),
    ] = None,
    standardize: Annotated[
        bool, typer.Option(help="first bring all values to mean 0, mean square 1")
    ] = False,
    constant: Annotated[
        float, typer.Option(help="C of dt = C / sqrt(L lambda_max)")
    ] = 1.0,
    as_json: Annotated[bool, typer.Option("--json", help="answer in JSON")] = False,
    figure: Annotated[
        Path | None, typer.Option(help="an .svg file to draw the answer in")
    ] = None,
) -> None:
    """How an SSM might begin on your sequences: dt, real part, frequencies."""
    from ssmlib import autocorrelation
    from ssmlib import recommend as advice
    from ssmlib.tasks import own

    x = own.load(data, column)
    if standardize:
        x = autocorrelation.standardize(x.reshape(1, -1)).reshape(x.shape)
    if x.ndim == 1 and length is None:
        length = min(1024, 2 ** max(1, (len(x) // 16).bit_length() - 1))
    answer = advice.recommend(x, length, constant=constant)
    if figure is not None:
        if figure.suffix != ".svg" or not figure.absolute().parent.is_dir():
            raise ValueError(f"figure must be an .svg in a folder, got {figure}")
        from ssmlib.figures import svg

        figure.write_text(svg(advice.figure(answer)), encoding="utf-8")
    if as_json:
        typer.echo(json.dumps(answer.as_dict(), indent=1))
    else:
        typer.echo(f"{data}: {answer}")


def loaders() -> dict[str, Callable]:
    """Every data set that the notebooks read, as a call that loads it."""
    from functools import partial

    from ssmlib.tasks import images, medical, series, speech

    calls: dict = {name: partial(series.load, name) for name in series.names()}
    calls |= {"vowels": speech.vowels, "arterial_pressure": medical.arterial_pressure}
    return calls | {
        name: getattr(images, name) for name in ("mnist", "digits", "patches")
    }

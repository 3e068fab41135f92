"""The command `ssmbook`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="The companion's book: build it, judge its claims; and advice on own data.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _root() -> Path:
    """The repository: the nearest folder upwards that holds the book."""
    for folder in (Path.cwd(), *Path.cwd().parents):
        if (folder / "_toc.yml").is_file() and (folder / "notebooks").is_dir():
            return folder
    raise typer.BadParameter("run ssmbook inside the companion's repository")


def _fail(error: Exception) -> typer.Exit:
    typer.secho(str(error), fg="red", err=True)
    return typer.Exit(1)


@app.command()
def claims(
    notebooks: Annotated[
        Path | None, typer.Option(help="executed notebooks to judge; default: stored")
    ] = None,
) -> None:
    """Judge the ledger. Exit status 1 where a verdict no longer holds."""
    from ssmlib.companion.claims import judge, load

    root = _root()
    try:
        ledger = load(root / "book" / "claims.yml")
        judged = judge(ledger, notebooks or root / "notebooks")
    except ValueError as error:
        raise _fail(error) from error
    for j in judged:
        mark = "" if j.stands else f"   (the ledger says: {j.claim.verdict})"
        typer.echo(f"{j.found:18} {j.claim.id}{mark}")
    wrong = sum(not j.stands for j in judged)
    typer.echo(f"{len(judged)} claims, {wrong} not as the ledger says")
    if wrong:
        raise typer.Exit(1)


@app.command()
def build(
    profile: Annotated[
        str | None, typer.Option(help="a profile of notebooks/, such as full")
    ] = None,
    stored: Annotated[
        bool, typer.Option(help="build from stored outputs, execute nothing")
    ] = False,
) -> None:
    """Execute the notebooks (cached) and build the book, warnings being errors."""
    from nbclient.exceptions import CellExecutionError

    from ssmlib.companion import build as builder

    if stored and profile:
        raise typer.BadParameter("--stored executes nothing, so it takes no --profile")
    try:
        if stored:
            front = builder.build_stored(_root(), typer.echo)
        else:
            front = builder.build(_root(), typer.echo, with_profile=profile)
    except (ValueError, RuntimeError, OSError, CellExecutionError) as error:
        raise _fail(error) from error
    typer.echo(f"Open {front}")


@app.command()
def notebooks(
    stems: Annotated[list[str] | None, typer.Argument(help="default: all")] = None,
) -> None:
    """Execute notebooks in place and store their outputs."""
    from nbclient.exceptions import CellExecutionError

    from ssmlib.companion.build import store

    try:
        store(_root(), stems or [], typer.echo)
    except (ValueError, CellExecutionError) as error:
        raise _fail(error) from error


@app.command()
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
    json: Annotated[bool, typer.Option(help="answer in JSON")] = False,
    figure: Annotated[
        Path | None, typer.Option(help="an .svg file to draw the answer in")
    ] = None,
) -> None:
    """How an SSM might begin on your sequences: dt, real part, frequencies."""
    from json import dumps

    from ssmlib import autocorrelation
    from ssmlib import recommend as advice
    from ssmlib.tasks import own

    try:
        x = own.load(data, column)
        if standardize:
            x = autocorrelation.standardize(x.reshape(1, -1)).reshape(x.shape)
        if x.ndim == 1 and length is None:
            length = min(1024, 2 ** max(1, (len(x) // 16).bit_length() - 1))
        found = advice.recommend(x, length, constant=constant)
        if figure is not None:
            if figure.suffix != ".svg" or not figure.absolute().parent.is_dir():
                raise ValueError(f"figure must be an .svg in a folder, got {figure}")
            from ssmlib.figures import svg

            figure.write_text(svg(advice.figure(found)))
    except (ValueError, TypeError, OSError, ModuleNotFoundError) as error:
        raise _fail(error) from error
    typer.echo(dumps(found.as_dict(), indent=1) if json else f"{data}: {found}")


if __name__ == "__main__":
    app()

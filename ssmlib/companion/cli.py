"""The command `ssmbook`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from ssmlib.companion import cli_runs, terminal

# Bytecode that a full disk cuts short stays, and Python 3.11 then fails to import it:
# neither this process nor the kernels and workers it starts write any.
sys.dont_write_bytecode = True
os.environ["PYTHONDONTWRITEBYTECODE"] = "1"

app = typer.Typer(
    help="The companion's book: list, run and sweep its notebooks, rebuild it, judge "
    "its claims; and advice on own data.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command("list")(cli_runs.list_notebooks)
app.command()(cli_runs.run)
app.command()(cli_runs.sweep)
app.command()(cli_runs.results)


@app.command()
def claims(
    check: Annotated[
        Path | None,
        typer.Option(
            help="a run, a rebuilt book or a folder of executed notebooks to judge; "
            "default: the stored notebooks"
        ),
    ] = None,
    json: cli_runs.Json = False,
) -> None:
    """Judge the ledger. Exit status 1 where a judged verdict no longer holds."""
    from ssmlib.companion.claims import executed_in, judge, load

    root = terminal.repository()
    with terminal.errors():
        ledger = load(root / "book" / "claims.yml")
        judged = judge(*executed_in(ledger, check or root / "notebooks"))
    wrong = sum(not j.stands for j in judged)
    if json:
        terminal.answer(
            [
                {"claim": j.claim.id, "ledger": j.claim.verdict, "found": j.found}
                | {"stands": j.stands, "values": j.values, "reason": j.reason}
                for j in judged
            ]
        )
    else:
        for j in judged:
            aside = j.reason if j.stands else f"the ledger says: {j.claim.verdict}"
            mark = f"   ({aside})" if aside else ""
            typer.echo(f"{j.found:18} {j.claim.id}{mark}")
        idle = sum(j.found == "not judged" for j in judged)
        aside = f", {idle} not judged" if idle else ""
        typer.echo(f"{len(judged)} claims, {wrong} not as the ledger says{aside}")
    if wrong:
        raise typer.Exit(1)


@app.command()
def build(
    profile: Annotated[
        str | None, typer.Option(help="a profile of notebooks/, or a .yml file")
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="cpu or cuda, for every notebook")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", help="folder of the book; default: _build")
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="notebooks at once")] = 1,
    timeout: cli_runs.Timeout = 1200,
    stored: Annotated[
        bool, typer.Option(help="build from stored outputs, execute nothing")
    ] = False,
) -> None:
    """Execute the notebooks (cached) and build the book, warnings being errors.

    Exit status 1 where a notebook failed: the others are there, its page says so.
    """
    from ssmlib.companion import build as builder

    root = terminal.repository()
    if stored and (profile or device or output or jobs > 1):
        raise typer.BadParameter("--stored executes nothing, so it stands alone")
    failed: list[str] = []
    with terminal.errors(RuntimeError):
        if stored:
            front = builder.build_stored(root, terminal.say)
        else:
            front, failed = builder.build(
                root,
                terminal.say,
                with_profile=profile,
                device=device,
                output=output,
                jobs=jobs,
                timeout=timeout,
            )
    typer.echo(f"Open {front}")
    if failed:
        terminal.say(f"failed, and shown so: {', '.join(failed)}")
        raise typer.Exit(1)


@app.command()
def notebooks(
    names: Annotated[list[str] | None, typer.Argument(help="default: all")] = None,
) -> None:
    """Execute notebooks in place and store their outputs."""
    from ssmlib.companion.build import store

    with terminal.errors():
        store(terminal.repository(), names or [], terminal.say)


@app.command()
def doctor(json: cli_runs.Json = False) -> None:
    """Can this machine run the book? What is missing, and what mends it."""
    from dataclasses import asdict

    from ssmlib.companion import doctor as look

    root = terminal.repository()
    findings = [
        look.python(),
        *look.packages(root / "requirements.lock"),
        look.device(),
        look.memory(),
        look.disk(root),
        *look.data(_loaders()),
    ]
    if json:
        terminal.answer([asdict(finding) for finding in findings])
    else:
        for f in findings:
            fix = f"\n        to mend it: {f.fix}" if f.fix else ""
            typer.echo(f"{'MISS' if f.fix else 'ok':6}  {f.what}: {f.found}{fix}")
    if any(finding.fix for finding in findings):
        raise typer.Exit(1)


def _loaders() -> dict:
    """Every data set that the notebooks read, as a call that loads it."""
    from functools import partial

    from ssmlib.tasks import images, series

    found: dict = {name: partial(series.load, name) for name in series.names()}
    return found | {
        name: getattr(images, name) for name in ("mnist", "digits", "patches")
    }


@app.command()
def archive(
    output: Annotated[
        Path | None, typer.Option("-o", help="folder; default: dist")
    ] = None,
) -> None:
    """One reproducible tar of the commit: source, book, records, checksums."""
    from hashlib import sha256

    from ssmlib.companion.archive import archive as pack

    root = terminal.repository()
    with terminal.errors(RuntimeError):
        path = pack(root, output or root / "dist", terminal.say)
    typer.echo(f"{sha256(path.read_bytes()).hexdigest()}  {path}")


@app.command()
def citation() -> None:
    """Write codemeta.json and .zenodo.json anew from CITATION.cff."""
    from subprocess import CalledProcessError

    from ssmlib.companion.citation import generated
    from ssmlib.companion.stores import replace

    root = terminal.repository()
    with terminal.errors(CalledProcessError):
        for name, text in generated(root).items():
            replace(root / name, text.encode())
            typer.echo(root / name)


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
    json: cli_runs.Json = False,
    figure: Annotated[
        Path | None, typer.Option(help="an .svg file to draw the answer in")
    ] = None,
) -> None:
    """How an SSM might begin on your sequences: dt, real part, frequencies."""
    from ssmlib import autocorrelation
    from ssmlib import recommend as advice
    from ssmlib.tasks import own

    with terminal.errors(TypeError, ModuleNotFoundError):
        x = own.load(data, column)
        if standardize:
            x = autocorrelation.standardize(x.reshape(1, -1)).reshape(x.shape)
        if x.ndim == 1 and length is None:
            length = min(1024, 2 ** max(1, (len(x) // 16).bit_length() - 1))
        found = advice.recommend(x, length, constant=constant)
        if figure is not None:
            if figure.suffix != ".svg" or not figure.absolute().parent.is_dir():
                raise ValueError(f"figure must be an .svg in a folder, got {figure}")
            from ssmlib.companion.stores import replace
            from ssmlib.figures import svg

            replace(figure, svg(advice.figure(found)).encode())
    if json:
        terminal.answer(found.as_dict())
    else:
        typer.echo(f"{data}: {found}")


if __name__ == "__main__":
    app()

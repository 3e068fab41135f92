"""The command `ssmbook`: claims, build, notebooks, doctor, archive, citation.

Commands about runs are in `cli.runs`; other packages add theirs by the entry point
`ssmbook.commands`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import Annotated

import typer

from ssmbook.cli import examples, lab, runs, studies, terminal

# Bytecode that a full disk cuts short stays, and Python 3.11 then fails to import it:
# neither this process nor the kernels and workers it starts write any.
sys.dont_write_bytecode = True
os.environ["PYTHONDONTWRITEBYTECODE"] = "1"

app = typer.Typer(
    help="List, run and sweep the notebooks of the book, build the book, and evaluate "
    "its claims. Recommend an initialization for your data.",
    no_args_is_help=True,
    invoke_without_command=True,
    pretty_exceptions_enable=False,
)


@app.callback(epilog="`ssmbook COMMAND --help` has examples.")
def _main(
    shown: Annotated[
        bool,
        typer.Option("--version", is_eager=True, help="Print the version and stop."),
    ] = False,
) -> None:
    if shown:
        typer.echo(f"ssmbook {version('ssmlib')}")
        raise typer.Exit


def command(function: Callable, name: str | None = None) -> Callable:
    """Add a command with its examples, its errors in one line."""
    named = name or function.__name__
    app.command(name, epilog=examples.epilog(named))(terminal.guarded(function))
    return function


command(runs.list_notebooks, "list")
command(runs.run)
command(runs.sweep)
command(runs.results)
command(studies.study)
command(studies.plan)
command(lab.lab)


@command
def claims(
    check: Annotated[
        Path | None,
        typer.Option(
            help="a run, a built book or a folder of executed notebooks whose results "
            "are evaluated; default: the stored notebooks"
        ),
    ] = None,
    json: runs.Json = False,
) -> None:
    """Evaluate all claims. The exit status is 1 if a result contradicts a verdict.

    Without --check, the stored results must give each verdict of the ledger. With
    --check, a result contradicts a verdict only if it gives the opposite one. An
    undecided result contradicts nothing.
    """
    from ssmbook.ledger import nulls
    from ssmbook.ledger.entries import load
    from ssmbook.ledger.verdicts import answerable, judge, supported
    from ssmbook.notebook.executed import Executed
    from ssmbook.runs import studies as longer_runs
    from ssmbook.runs.reading import run_in
    from ssmbook.studies.parts import measured

    root = terminal.repository()
    ledger = load(root)
    claimed, notebooks = answerable(ledger, check or root / "notebooks")
    folder = check.parent if check and check.suffix == ".html" else check
    if folder and (folder / "run.json").is_file():
        # Its document says which notebook it is of, and what that recorded.
        slug = run_in(folder).notebook
        claimed = [claim for claim in claimed if claim.notebook == slug]
        notebooks = {slug: folder / f"{slug}.ipynb"}
    elif folder:
        for path in notebooks.values():
            if (path.parent / "run.json").exists():
                run_in(path.parent)
    needed = {c.notebook for c in claimed if check or c.judged_on == "notebook"}
    ran = {s: Executed.read(path) for s, path in notebooks.items() if s in needed}
    longer, trained = (
        (None, None) if check else (longer_runs.read(root), measured(root))
    )
    judged = supported(judge(claimed, ran, longer, trained), ledger)
    if trained is not None:
        nulls.check_all(claimed, trained)
    bad = {j.claim.id for j in judged if (j.contradicts if check else not j.agrees)}
    if json:
        terminal.answer(
            [
                {"claim": j.claim.id, "ledger": j.claim.verdict, "verdict": j.verdict}
                | {"shown": j.shown, "fallen": dict(j.fallen)}
                | {"agrees": j.agrees, "contradicts": j.contradicts}
                | {"values": j.values, "reason": j.reason}
                for j in judged
            ]
        )
    else:
        for j in judged:
            aside = j.reason if j.agrees else f"the ledger says: {j.claim.verdict}"
            if j.fallen:
                needed = ", ".join(j.fallen)
                rests = f"alone {j.verdict}, but {needed} does not hold"
                aside = "; ".join(filter(None, (rests, aside)))
            mark = f"   ({aside})" if aside else ""
            typer.echo(f"{j.shown:18} {j.claim.id}{mark}")
        idle = sum(j.verdict == "not judged" for j in judged)
        aside = f", {idle} not judged" if idle else ""
        what = "contradict the ledger" if check else "not as the ledger says"
        typer.echo(f"{len(judged)} claims, {len(bad)} {what}{aside}")
    if bad:
        raise typer.Exit(1)


@command
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
    jobs: runs.Jobs = None,
    threads: runs.Threads = 1,
    timeout: runs.Timeout = 1200,
    stored: Annotated[
        bool, typer.Option(help="build from stored outputs, execute nothing")
    ] = False,
    pdf: Annotated[
        bool, typer.Option("--pdf", help="book.pdf too, printed by Chromium")
    ] = False,
) -> None:
    """Execute the notebooks that have no stored run, and build the book.

    Warnings count as errors. If a notebook fails, the exit status is 1. The book then
    has the other notebooks, and the page of the failed one shows the error.
    """
    from ssmbook.book import build as builder

    root = terminal.repository()
    if stored and (profile or device or output or jobs or threads > 1):
        raise typer.BadParameter(
            "--stored executes nothing: give no other option but --pdf"
        )
    failed: list[str] = []
    if stored:
        front = builder.build_stored(root, terminal.say, with_pdf=pdf)
    else:
        front, failed = builder.build(
            root,
            terminal.say,
            with_profile=profile,
            device=device,
            output=output,
            jobs=jobs,
            threads=threads,
            timeout=timeout,
            with_pdf=pdf,
        )
    typer.echo(f"Open {front}")
    if failed:
        terminal.say(f"failed, and shown so: {', '.join(failed)}")
        raise typer.Exit(1)


@command
def notebooks(
    names: Annotated[list[str] | None, typer.Argument(help="default: all")] = None,
    jobs: runs.Jobs = None,
) -> None:
    """Execute notebooks in place and store their outputs."""
    from ssmbook.runs.storing import store_outputs

    store_outputs(terminal.repository(), names or [], terminal.say, jobs=jobs)


@partial(command, name="studies")
def make_studies(
    names: Annotated[list[str] | None, typer.Argument(help="default: all")] = None,
    jobs: runs.Jobs = None,
) -> None:
    """Execute the longer runs, the older kind of study, and store them in studies/."""
    from ssmbook.runs import studies as longer_runs

    root = terminal.repository()
    longer_runs.make(root, names or [], terminal.say, jobs=jobs)


@partial(command, name="deposits")
def make_deposits(
    names: Annotated[list[str] | None, typer.Argument(help="default: all")] = None,
    jobs: runs.Jobs = None,
) -> None:
    """The former name of `ssmbook studies`."""
    terminal.say("`ssmbook deposits` is now `ssmbook studies`, which runs")
    make_studies(names, jobs)


@command
def doctor(json: runs.Json = False) -> None:
    """Check whether this machine can run the book, and print what is missing."""
    from dataclasses import asdict

    from ssmbook.cli.doctor import examine

    findings = examine(terminal.repository())
    if json:
        terminal.answer([asdict(finding) for finding in findings])
    else:
        for f in findings:
            fix = f"\n        to fix it: {f.fix}" if f.fix else ""
            typer.echo(f"{'MISS' if f.fix else 'ok':6}  {f.what}: {f.status}{fix}")
    if any(finding.fix for finding in findings):
        raise typer.Exit(1)


@command
def archive(
    output: Annotated[
        Path | None, typer.Option("-o", help="folder; default: dist")
    ] = None,
    verify: Annotated[
        Path | None,
        typer.Option(help="an archive whose files are compared with its checksums"),
    ] = None,
) -> None:
    """Write one reproducible archive: source, book, records and checksums."""
    from ssmbook.runs.stores import sha256

    if verify is not None:
        from ssmbook.publish.verify import verify as count

        if output is not None:
            raise typer.BadParameter("--verify writes nothing: give no -o")
        terminal.say(f"{count(verify)} files, all as SHA256SUMS lists them")
        typer.echo(f"{sha256(verify.read_bytes())}  {verify}")
        return
    from ssmbook.publish.archive import pack

    root = terminal.repository()
    path = pack(root, output or root / "dist", terminal.say)
    typer.echo(f"{sha256(path.read_bytes())}  {path}")


@command
def citation() -> None:
    """Write codemeta.json and .zenodo.json from CITATION.cff."""
    from ssmbook.publish.citation import write

    root = terminal.repository()
    for path in write(root):
        typer.echo(path)


for point in entry_points(group="ssmbook.commands"):
    app.command(point.name)(terminal.guest(point.load()))

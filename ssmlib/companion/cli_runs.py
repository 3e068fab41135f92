"""The commands about runs: list, run, sweep, results."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from ssmlib.companion import terminal
from ssmlib.companion.session import THREADS

Notebook = Annotated[str, typer.Argument(help="a number, a name or a path: 03")]
Store = Annotated[
    str | None,
    typer.Option("--runs", help="where runs are kept: a folder, s3://… or gs://…"),
]
Parameters = Annotated[
    list[str] | None, typer.Option("-p", help="a parameter: L=4096; repeatable")
]
Timeout = Annotated[int, typer.Option(min=1, help="seconds that a cell may take")]
Force = Annotated[bool, typer.Option("--force", help="run again what stands already")]
Json = Annotated[bool, typer.Option("--json", help="answer in JSON")]


def _address(root: Path, address: str | None) -> str:
    """Where runs are kept; a folder by its whole path: workers stand elsewhere."""
    if address is None:
        return str(root / "runs")
    if "://" in address or not address:
        return address  # `store` says what is wrong with it
    return str(Path(address).absolute())


def list_notebooks(
    notebook: Annotated[str | None, typer.Argument(help="default: all")] = None,
    runs: Store = None,
    json: Json = False,
) -> None:
    """The notebooks: findings, parameters with type, default and help, last run."""
    from ssmlib.companion.build import find
    from ssmlib.companion.catalogue import catalogue
    from ssmlib.companion.stores import store

    root = terminal.repository()
    with terminal.errors():
        places = [_address(root, runs), str(root / "_build" / "runs")]
        found = catalogue(root, [store(place) for place in places])
        if notebook is not None:
            path = find(root, notebook)
            if path.parent != root / "notebooks":
                raise ValueError(f"{path} is not of this book")
            found = [entry for entry in found if entry["notebook"] == path.stem]
    if json:
        terminal.answer(found)
        return
    for entry in found:
        last = entry["last_run"]
        took = f"   (last run: {last['seconds']:.0f} s)" if last else ""
        typer.secho(f"{entry['notebook']}: {entry['title']}{took}", bold=True)
        for finding in entry["findings"]:
            typer.echo(f"    {finding['verdict']:17} {finding['claim']}")
        for p in entry["parameters"]:
            line = f"    {p['name']}: {p['type']} = {p['default']!r}"
            typer.echo(f"{line:34} {p['allowed']} {p['help']}".rstrip())


def run(
    notebook: Notebook,
    p: Parameters = None,
    runs: Store = None,
    force: Annotated[
        bool, typer.Option("--force", help="run even if it stands")
    ] = False,
    timeout: Timeout = 1200,
    json: Json = False,
) -> None:
    """Run one notebook with other parameters, into runs/<notebook>/<hash>/.

    The same run again is answered from disk: same code, parameters, library, lock.
    """
    from ssmlib.companion import runs as made
    from ssmlib.companion.build import find
    from ssmlib.companion.parameters import interface
    from ssmlib.companion.stores import store
    from ssmlib.companion.sweeps import values

    root = terminal.repository()
    with terminal.errors():
        path = find(root, notebook)
        chosen = values(interface(path), p or [], path.stem)
        job = made.job(root, path, chosen)
        place = store(_address(root, runs))
        document = made.run(job, place, root=root, force=force, timeout=timeout)
    failed = document["status"] == "failed"
    folder = f"{place}/{job.place}"
    if json:
        terminal.answer(document | {"folder": folder})
    elif failed:
        terminal.say(f"{path.stem} failed: {document['error']}")
        typer.echo(f"{folder}/failed.html")
    else:
        took = "stands already" if document["reused"] else "executed"
        terminal.say(f"{path.stem}: {took}, {document['seconds']:.0f} s")
        typer.echo(f"{folder}/{path.stem}.html")
    if failed:
        raise typer.Exit(1)


def sweep(
    notebook: Notebook,
    grid: Annotated[
        list[str] | None, typer.Option(help="an axis: dt=1e-3,1e-2 or seed=0:5")
    ] = None,
    zip: Annotated[
        bool, typer.Option("--zip", help="axes side by side, not crossed")
    ] = False,
    source: Annotated[
        Path | None, typer.Option("--from", help="axes or runs from a YAML file")
    ] = None,
    p: Parameters = None,
    runs: Store = None,
    jobs: Annotated[
        int | None,
        typer.Option(min=1, help=f"runs at once; default: cores / {THREADS}"),
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(help="a running Dask scheduler, instead of --jobs")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="run even what stands")
    ] = False,
    timeout: Timeout = 1200,
    json: Json = False,
) -> None:
    """Run one notebook over a grid, on Dask; go on where an earlier sweep stopped.

    A run that fails is recorded and stops no other. Ends with the table of all runs.
    """
    from ssmlib.companion import runs as made
    from ssmlib.companion import sweeps
    from ssmlib.companion.build import find
    from ssmlib.companion.parameters import interface

    root = terminal.repository()
    address = _address(root, runs)
    if (source is None) == (not grid) or (scheduler and jobs):
        raise typer.BadParameter(
            "give --grid or --from; and not both --jobs and --scheduler"
        )
    with terminal.errors():
        path = find(root, notebook)
        known = interface(path)
        if source is not None:
            choices = sweeps.from_file(source)
        else:
            named = [sweeps.assigned(known, text, "--grid") for text in grid]
            sweeps.once([name for name, _ in named], "--grid")
            axes = {n: sweeps.axis(known[n], text, "--grid") for n, text in named}
            choices = sweeps.together(axes) if zip else sweeps.product(axes)
        fixed = sweeps.values(known, p or [], path.stem)
        for choice in choices:
            sweeps.once([*fixed, *choice], "-p and the grid")
        planned = made.jobs(root, path, [fixed | choice for choice in choices])
        finished: list[dict] = []
        with terminal.progress(path.stem, len({job.key for job in planned})) as step:

            def done(job: made.Job, document: dict) -> None:
                finished.append(document | {"folder": f"{address}/{job.place}"})
                step()
                if document["status"] == "failed":
                    terminal.say(f"{job.place} failed: {document['error']}")

            sweeps.sweep(
                planned,
                address,
                done,
                workers=jobs or max(1, len(os.sched_getaffinity(0)) // THREADS),
                scheduler=scheduler,
                force=force,
                timeout=timeout,
            )
        failed = sum(d["status"] == "failed" for d in finished)
        reused = sum(d["reused"] for d in finished)
        terminal.say(
            f"{len(finished)} runs: {len(finished) - failed} complete "
            f"({reused} stood already), {failed} failed"
        )
        if json:
            terminal.answer(finished)
        else:
            _tabulate(path.stem, address, None, None)
    if failed:
        raise typer.Exit(1)


def results(
    notebook: Notebook,
    record: Annotated[
        list[str] | None,
        typer.Option(help="a record to draw; repeatable; default: four that vary"),
    ] = None,
    runs: Store = None,
    output: Annotated[
        Path | None, typer.Option("-o", help="folder; default: that of the runs")
    ] = None,
    json: Json = False,
) -> None:
    """All runs of a notebook as one table: results.csv, .parquet and a figure."""
    from ssmlib.companion import runs as made
    from ssmlib.companion.build import find
    from ssmlib.companion.stores import store

    root = terminal.repository()
    address = _address(root, runs)
    with terminal.errors():
        stem = find(root, notebook).stem
        if json:
            if record or output:
                raise ValueError("--json writes no files: no --record, no -o")
            terminal.answer(made.documents(store(address), stem))
        else:
            _tabulate(stem, address, record, output)


def _tabulate(
    stem: str, address: str, drawn: list[str] | None, output: Path | None
) -> None:
    """Write the table of a notebook's runs, and the figure where there is one."""
    from ssmlib.companion import results as tables
    from ssmlib.companion import runs as made
    from ssmlib.companion.stores import Folder, replace, store
    from ssmlib.figures import svg

    place = store(address)
    documents = made.documents(place, stem)
    found = tables.table(documents)
    if output is None:
        output = place.path / stem if isinstance(place, Folder) else Path("runs", stem)
    for path in tables.write(found, output):
        typer.echo(path)
    parameters = tables.parameters_of(documents)
    records = [c for c in found.columns if c not in (*tables.ABOUT, *parameters)]
    unknown = sorted(set(drawn or []) - set(records))
    if unknown:
        raise ValueError(
            f"no record {', '.join(unknown)}; there are {', '.join(records)}"
        )
    complete = found[found["status"] == "complete"]
    if complete["state"].nunique() > 1:
        terminal.say(
            "these runs come from several states of notebook, library or lock (see the "
            "column state): the figure shows those of the newest"
        )
        complete = complete[complete["state"] == complete["state"].iloc[-1]]
    if tables.varied(complete, parameters) and records:
        moving = tables.varied(complete, records) or records
        figure = tables.figure(complete, parameters, drawn or moving[:4])
        replace(output / "results.svg", svg(figure).encode())
        typer.echo(output / "results.svg")

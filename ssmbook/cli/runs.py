"""The commands about runs: list, run, sweep, results."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ssmbook.cli import completion, tables, terminal

Notebook = Annotated[
    str,
    typer.Argument(
        help="a chapter's name, its number in the book, or a path",
        autocompletion=completion.chapters,
    ),
]
Runs = Annotated[
    str | None,
    typer.Option("--runs", help="where runs are kept: a folder, s3://… or gs://…"),
]
Parameters = Annotated[
    list[str] | None, typer.Option("-p", help="a parameter: L=4096; repeatable")
]
Jobs = Annotated[
    int | None,
    typer.Option(min=1, help="notebooks in parallel; default: as the cores allow"),
]
Threads = Annotated[int, typer.Option(min=1, help="threads of each notebook")]
Timeout = Annotated[int, typer.Option(min=1, help="seconds that a cell may take")]
Force = Annotated[bool, typer.Option("--force", help="run again what is kept already")]
Json = Annotated[bool, typer.Option("--json", help="answer in JSON")]


def _address(root: Path, address: str | None) -> str:
    """Where runs are kept; a folder by its absolute path, for workers elsewhere."""
    if address is None:
        return str(root / "runs")
    if "://" in address or not address:
        return address  # `Store` says what is wrong with it
    return str(Path(address).absolute())


def list_notebooks(
    notebook: Annotated[
        str | None,
        typer.Argument(help="default: all", autocompletion=completion.chapters),
    ] = None,
    runs: Runs = None,
    json: Json = False,
) -> None:
    """List the chapters: results, parameters with type, default and help, last run."""
    from ssmbook.cli.catalogue import entries
    from ssmbook.notebook.chapters import find
    from ssmbook.runs.stores import Store

    root = terminal.repository()
    left = tables.LeftOut()
    addresses = [_address(root, runs), root / "_build" / "runs"]
    listed = entries(root, [Store(address) for address in addresses], left.out)
    if notebook is not None:
        path = find(root, notebook)
        if not path.is_relative_to(root / "notebooks"):
            raise ValueError(f"{path} is not of this book")
        listed = [entry for entry in listed if entry["notebook"] == path.stem]
    if json:
        terminal.answer(listed)
        left.exit()
        return
    for entry in listed:
        last = entry["last_run"]
        took = f"   (last run: {last['seconds']:.0f} s)" if last else ""
        head = f"{entry['number']} {entry['notebook']}: {entry['title']}{took}"
        typer.secho(head, bold=True)
        for finding in entry["findings"]:
            typer.echo(f"    {finding['verdict']:17} {finding['claim']}")
        for p in entry["parameters"]:
            line = f"    {p['name']}: {p['type']} = {p['default']!r}"
            typer.echo(f"{line:34} {p['allowed']} {p['help']}".rstrip())
    left.exit()


def run(
    notebook: Notebook,
    p: Parameters = None,
    runs: Runs = None,
    force: Force = False,
    threads: Threads = 1,
    timeout: Timeout = 1200,
    json: Json = False,
) -> None:
    """Run one notebook with other parameters, into runs/<notebook>/<hash>/.

    The same run again is answered from disk: same code, parameters, modules, lock.
    """
    from ssmbook.notebook.chapters import find
    from ssmbook.notebook.parameters import interface, typed
    from ssmbook.runs.jobs import plan_runs, run_job
    from ssmbook.runs.stores import Store

    root = terminal.repository()
    path = find(root, notebook)
    chosen = typed(interface(path), p or [], path.stem)
    (job,) = plan_runs(path, [chosen], threads=threads)
    store = Store(_address(root, runs))
    cells = sum(cell.cell_type == "code" for cell in job.node.cells)
    with terminal.progress(f"{path.stem}, cells", cells, transient=True) as step:
        made = run_job(job, store, force=force, timeout=timeout, step=step)
    folder = f"{store}/{made.folder}"
    if json:
        terminal.answer(made.as_dict() | {"folder": folder})
    elif made.failed:
        terminal.say(f"{path.stem} failed: {made.error}")
        typer.echo(f"{folder}/failed.html")
    else:
        took = "kept already" if made.reused else "executed"
        terminal.say(f"{path.stem}: {took}, {made.seconds:.0f} s")
        typer.echo(f"{folder}/{path.stem}.html")
    if made.failed:
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
    runs: Runs = None,
    jobs: Jobs = None,
    scheduler: Annotated[
        str | None, typer.Option(help="a running Dask scheduler, instead of --jobs")
    ] = None,
    force: Force = False,
    threads: Threads = 1,
    timeout: Timeout = 1200,
    json: Json = False,
) -> None:
    """Run a notebook over a grid in parallel, and continue an interrupted sweep.

    A run that fails is recorded and stops no other. Ends with the table of all runs.
    """
    from ssmbook.notebook import parameters
    from ssmbook.notebook.chapters import find
    from ssmbook.runs import cluster, sharing, sweeps
    from ssmbook.runs.document import Run
    from ssmbook.runs.jobs import Job, plan_runs
    from ssmbook.runs.stores import Store

    root = terminal.repository()
    address = _address(root, runs)
    if (source is None) == (not grid) or (scheduler and jobs):
        raise typer.BadParameter(
            "give --grid or --from; and not both --jobs and --scheduler"
        )
    path = find(root, notebook)
    known = parameters.interface(path)
    if source is not None:
        choices = sweeps.from_file(source)
    else:
        named = [parameters.assigned(known, text, "--grid") for text in grid or []]
        parameters.check_distinct([name for name, _ in named], "--grid")
        axes = {n: sweeps.axis(known[n], text, "--grid") for n, text in named}
        choices = sweeps.zipped(axes) if zip else sweeps.product(axes)
    fixed = parameters.typed(known, p or [], path.stem)
    for choice in choices:
        parameters.check_distinct([*fixed, *choice], "-p and the grid")
    chosen = [fixed | choice for choice in choices]
    planned = plan_runs(path, chosen, threads=threads)
    made: list[Run] = []
    left = tables.LeftOut()
    with terminal.progress(path.stem, len({job.key for job in planned})) as step:

        def done(job: Job, run: Run) -> None:
            made.append(run)
            step()
            if run.failed:
                terminal.say(f"{job.folder} failed: {run.error}")

        store = Store(address)
        with sharing.lock_in(store, path.stem):
            cluster.run_all(
                planned,
                store,
                done,
                workers=jobs or cluster.workers_for(threads),
                scheduler=scheduler,
                force=force,
                timeout=timeout,
            )
    failed = sum(run.failed for run in made)
    reused = sum(run.reused for run in made)
    terminal.say(
        f"{len(made)} runs: {len(made) - failed} complete "
        f"({reused} kept already), {failed} failed"
    )
    if json:
        terminal.answer(
            [run.as_dict() | {"folder": f"{address}/{run.folder}"} for run in made]
        )
    else:
        tables.tabulate(path.stem, address, None, None, left)
    if failed:
        raise typer.Exit(1)
    left.exit()


def results(
    notebook: Notebook,
    record: Annotated[
        list[str] | None,
        typer.Option(help="a record to draw; repeatable; default: four that vary"),
    ] = None,
    runs: Runs = None,
    output: Annotated[
        Path | None, typer.Option("-o", help="folder; default: that of the runs")
    ] = None,
    json: Json = False,
) -> None:
    """Write all runs of a notebook as one table (CSV and Parquet) and a figure."""
    from ssmbook.notebook.chapters import find
    from ssmbook.runs import folders
    from ssmbook.runs.reading import stored_runs
    from ssmbook.runs.stores import Store

    root = terminal.repository()
    if output is not None:
        folders.check_output(root, output)
    address = _address(root, runs)
    left = tables.LeftOut()
    slug = find(root, notebook).stem
    if json:
        if record or output:
            raise ValueError("--json writes no files: no --record, no -o")
        found = stored_runs(Store(address), slug, left.out)
        terminal.answer([run.as_dict() for run in found])
    else:
        tables.tabulate(slug, address, record, output, left)
    left.exit()

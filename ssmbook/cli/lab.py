"""The command `lab`: a copy of a notebook for JupyterLab."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ssmbook.cli import runs, terminal


def lab(
    notebook: runs.Notebook,
    output: Annotated[
        Path | None,
        typer.Option("-o", help="file to write; default: <chapter>.ipynb in runs/lab"),
    ] = None,
) -> None:
    """Write a copy of a notebook for JupyterLab, with numbers in place of roles.

    Open the copy by `jupyter lab FILE`. It has the code, the outputs and the parameters
    of the notebook. A copy is not replaced, since you may have edited it.
    """
    from ssmbook.ledger import support
    from ssmbook.ledger.entries import load
    from ssmbook.notebook.chapters import find
    from ssmbook.notebook.executed import Executed
    from ssmbook.pages import lab as pages
    from ssmbook.runs import execution, folders
    from ssmbook.runs import studies as longer_runs
    from ssmbook.studies.design import BASE
    from ssmbook.studies.estimates import effects
    from ssmbook.studies.parts import measured

    root = terminal.repository()
    path = find(root, notebook)
    if output is None:
        (root / "runs" / "lab").mkdir(parents=True, exist_ok=True)
    target = output or root / "runs" / "lab" / f"{path.stem}.ipynb"
    folders.check_file(root, target, "-o")
    if target.exists():
        raise ValueError(f"{target} exists: remove it, or name another file with -o")
    own = Executed.read(path)
    values: dict[str, pages.Value] = {**own.texts, **own.values}
    if (longer := longer_runs.read(root).get(path.stem)) is not None:
        values |= {f"{longer_runs.PREFIX}{k}": v for k, v in longer.values.items()}
    for study in measured(root).values():
        if study.study.chapter == path.stem and len(study.parts[BASE]):
            values |= {name: effect.text for name, effect in effects(study).items()}
    ledger = load(root)
    verdicts = support.shown(
        {c.id: c.requires for c in ledger}, {c.id: c.verdict for c in ledger}
    )
    execution.write(pages.text(own.node, values, verdicts), target)
    typer.echo(target)

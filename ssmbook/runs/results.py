"""All runs of a notebook as one tidy table, and one figure of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pandas as pd

from ssmbook.runs.document import Run
from ssmbook.runs.stores import replace

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: columns beside parameters and records
ABOUT = ("run", "status", "started", "seconds", "commit", "clean", "state", "error")


def table(runs: list[Run]) -> pd.DataFrame:
    """One row per run: about it, its parameters, its records (missing where it failed).

    A record whose name is taken, as `modes` by a parameter, has the column
    `record_modes`. The values of a parameter whose type changed between runs are
    written as JSON. Rows of one `state` had the same code, library, lock, Python and
    torch. Raises ValueError without runs, or for a parameter that bears the name of a
    column about the run.
    """
    if not runs:
        raise ValueError("there are no runs to tabulate")
    parameters = parameters_of(runs)
    if clash := sorted(set(parameters) & set(ABOUT)):
        raise ValueError(f"a parameter must not be named {', '.join(clash)}")
    taken = {*ABOUT, *parameters}
    recorded = _union(run.records for run in runs)
    records = {key: key for key in recorded if key not in taken}
    for key in recorded:
        if key in taken:
            column = f"record_{key}"
            while column in taken or column in records:
                column = f"record_{column}"
            records[key] = column
    columns = [records[key] for key in recorded]
    as_text = {name for name in parameters if len(_types(runs, name)) > 1}
    rows = [
        {
            "run": run.key[:16],
            "status": run.status,
            "started": run.started,
            "seconds": run.seconds,
            "commit": run.git["commit"],
            "clean": run.git["clean"],
            "state": run.state,
            "error": run.error,
        }
        | {n: json.dumps(v) if n in as_text else v for n, v in run.parameters.items()}
        | {records[key]: record["value"] for key, record in run.records.items()}
        for run in runs
    ]
    return pd.DataFrame(rows, columns=[*ABOUT, *parameters, *columns])


def _types(runs: list[Run], name: str) -> set[type]:
    """The types of a parameter's values, int and float being one."""
    found = {type(run.parameters[name]) for run in runs if name in run.parameters}
    return found - {int} if float in found else found


def parameters_of(runs: list[Run]) -> list[str]:
    """Every parameter that one of the runs has."""
    return _union(run.parameters for run in runs)


def _union(mappings) -> list[str]:
    return list(dict.fromkeys(name for mapping in mappings for name in mapping))


def write(table: pd.DataFrame, folder: Path) -> tuple[Path, Path]:
    """The table as results.csv and results.parquet in a folder."""
    paths = folder / "results.csv", folder / "results.parquet"
    replace(paths[0], table.to_csv(index=False).encode())
    replace(paths[1], table.to_parquet(index=False))
    return paths


def column(table: pd.DataFrame, name: str) -> pd.Series:
    """A column of a table, which has no name twice."""
    return cast(pd.Series, table[name])


def varied(table: pd.DataFrame, columns: list[str]) -> list[str]:
    """The columns with more than one value, most values first."""
    counts = {name: column(table, name).astype(str).nunique() for name in columns}
    return sorted((n for n in columns if counts[n] > 1), key=lambda n: -counts[n])


def figure(table: pd.DataFrame, parameters: list[str], records: list[str]) -> Figure:
    """Records against the parameter with most values; the next one in colour.

    Lines join means over all else that varies, seeds above all; bars reach from the
    least to the largest value. Raises ValueError where nothing varies.
    """
    from matplotlib.figure import Figure

    numbers = [p for p in parameters if pd.api.types.is_numeric_dtype(table[p])]
    moving = varied(table, parameters)
    moving.sort(key=lambda name: (name == "seed", name not in numbers))
    if not moving:
        raise ValueError("nothing varies between these runs, so there is no figure")
    across, *others = moving
    split = next(
        (n for n in others if n != "seed" and column(table, n).nunique() <= 5), None
    )
    fig = Figure(figsize=(6.4, 2.2 * len(records)), layout="constrained")
    axes = fig.subplots(len(records), 1, squeeze=False, sharex=True)
    groups: list[tuple[Any, Any]] = [(None, table)]
    if split is not None:
        groups = list(table.groupby(split))
    for axis, record in zip(axes[:, 0], records, strict=True):
        for k, (value, rows) in enumerate(groups):
            spread = rows.groupby(across)[record].agg(["mean", "min", "max"])
            x = spread.index if across in numbers else spread.index.astype(str)
            down, up = spread["mean"] - spread["min"], spread["max"] - spread["mean"]
            axis.errorbar(
                x,
                spread["mean"],
                # the mean of equal values may lie beside them, by rounding
                [down.clip(lower=0), up.clip(lower=0)],
                marker="os^Dv"[k],
                label=None if split is None else f"{split} = {value}",
            )
        axis.set_ylabel(record)
        if across in numbers:
            points = column(table, across)
            if points.min() > 0 and points.max() >= 20 * points.min():
                axis.set_xscale("log")
    axes[-1, 0].set_xlabel(across)
    if split is not None:
        axes[0, 0].legend()
    return fig

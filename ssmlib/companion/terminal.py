"""What the commands share: the repository, errors in red, progress."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import typer


def repository() -> Path:
    """The nearest folder upwards that holds the book; the installed ssmlib is its own.

    Raises typer.BadParameter outside, or in another copy than the one installed: a
    run would take its code from there and its name from here.
    """
    import ssmlib

    for folder in (Path.cwd(), *Path.cwd().parents):
        if (folder / "_toc.yml").is_file() and (folder / "ssmlib").is_dir():
            installed = Path(ssmlib.__file__).resolve().parents[1]
            if installed != folder.resolve():
                raise typer.BadParameter(
                    f"this ssmbook belongs to {installed}, not to {folder}"
                )
            return folder
    raise typer.BadParameter("run ssmbook inside the companion's repository")


def say(text: str) -> None:
    """A line for people, on stderr: stdout is for what was asked for."""
    typer.echo(text, err=True)


def answer(found) -> None:
    """JSON for a program."""
    typer.echo(json.dumps(found, indent=1))


@contextlib.contextmanager
def errors(*kinds: type[Exception]) -> Iterator[None]:
    """Tell expected errors in a line and end with status 1; Ctrl-C with 130."""
    from ssmlib.companion.execution import NotebookFailed

    try:
        yield
    except (ValueError, OSError, NotebookFailed, *kinds) as error:
        typer.secho(str(error), fg="red", err=True)
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        say("interrupted; what was finished stays, the same command goes on from there")
        raise typer.Exit(130) from None


@contextlib.contextmanager
def progress(what: str, total: int) -> Iterator:
    """A bar on stderr, where that is a terminal; call the result once a step."""
    from rich import progress as parts
    from rich.console import Console

    bar = parts.Progress(
        "{task.description}",
        parts.BarColumn(),
        parts.MofNCompleteColumn(),
        parts.TimeRemainingColumn(),
        console=Console(file=sys.stderr),
        disable=not sys.stderr.isatty(),
    )
    with bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)

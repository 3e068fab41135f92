"""What the commands share: the repository, errors in red, progress."""

from __future__ import annotations

import contextlib
import functools
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import typer

from ssmbook.runs.key import ROOT


def repository() -> Path:
    """The nearest folder upwards that holds a book; the installed ssmbook is its own.

    Raises typer.BadParameter outside, or in another copy than the one installed: a
    run would take its code from there and its name from here.
    """
    for folder in (Path.cwd(), *Path.cwd().parents):
        if (folder / "_toc.yml").is_file() and (folder / "notebooks").is_dir():
            if folder.resolve() != ROOT:
                raise typer.BadParameter(
                    f"this ssmbook belongs to {ROOT}, not to {folder}"
                )
            return folder
    raise typer.BadParameter("run ssmbook inside the book's repository")


def say(text: str) -> None:
    """A line for people, on stderr: stdout is for what was asked for."""
    typer.echo(text, err=True)


def answer(content) -> None:
    """JSON for a program."""
    typer.echo(json.dumps(content, indent=1))


@contextlib.contextmanager
def errors(*kinds: type[Exception]) -> Iterator[None]:
    """Expected errors as a line in red and status 1; Ctrl-C as 130."""
    try:
        yield
    except (ValueError, OSError, *kinds) as error:
        typer.secho(str(error), fg="red", err=True)
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        say("interrupted; what was finished is kept, the same command goes on from "
            "there")  # fmt: skip
        raise typer.Exit(130) from None


def guarded(command: Callable) -> Callable:
    """A command of another package, its errors as `errors` has them."""

    @functools.wraps(command)
    def call(*arguments, **options):
        with errors(TypeError, ModuleNotFoundError):
            return command(*arguments, **options)

    return call


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

"""What the commands share: the repository, errors in red, progress."""

from __future__ import annotations

import contextlib
import errno
import functools
import json
import os
import select
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import SubprocessError

import typer

from ssmbook.runs import folders
from ssmbook.runs.key import ROOT

#: errors of what a person gave, or of the machine: a line says all there is to say
EXPECTED = (
    ValueError,
    OSError,
    RuntimeError,
    MemoryError,
    SubprocessError,
)
#: errors of a disk that is full, for this user or for a file of this size
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def repository() -> Path:
    """The nearest folder upwards that holds a book; the installed ssmbook is its own.

    Raises typer.BadParameter outside, or in another copy than the one installed: a
    run would take its code from there and its name from here.
    """
    try:
        here = Path.cwd()
    except FileNotFoundError:
        raise typer.BadParameter("the current folder was removed") from None
    for folder in (here, *here.parents):
        if (folder / "_toc.yml").is_file() and (folder / "notebooks").is_dir():
            if folder.resolve() != ROOT:
                raise typer.BadParameter(
                    f"this ssmbook belongs to {ROOT}, not to {folder}"
                )
            return folder
    raise typer.BadParameter("run ssmbook inside the book's repository")


def say(text: str) -> None:
    """Print a message to stderr; stdout contains only the result."""
    typer.echo(text, err=True)


def answer(content) -> None:
    """JSON for a program."""
    typer.echo(json.dumps(content, indent=1))


@contextlib.contextmanager
def errors(*kinds: type[Exception]) -> Iterator[None]:
    """Expected errors as a line in red and status 1; Ctrl-C as 130.

    A reader of stdout that went away, as `head` does, is no error to speak of.
    """
    try:
        yield
    except (typer.Exit, typer.Abort):
        raise  # by a command, on purpose
    except KeyboardInterrupt:
        say("interrupted; what was finished is kept, the same command goes on from "
            "there")  # fmt: skip
        raise typer.Exit(130) from None
    except (*EXPECTED, *kinds) as error:
        if not (isinstance(error, BrokenPipeError) and _reader_is_gone()):
            typer.secho(_said(error), fg="red", err=True)
        raise typer.Exit(1) from error


def _said(error: Exception) -> str:
    """What an error says to a person."""
    if isinstance(error, shutil.Error) and isinstance(error.args[0], list):
        _, target, reason = error.args[0][0]  # the first of those that were not copied
        full = [os.strerror(n) for n in _FULL if os.strerror(n) in str(reason)]
        return _no_space(target, full[0]) if full else str(reason)
    if str(error).startswith("Could not determine home"):  # of pathlib
        return "this user has no home folder, which Jupyter needs: set HOME"
    if isinstance(error, OSError) and str(error).startswith("[Errno "):
        return _of_a_file(error)
    return str(error) or type(error).__name__


def _of_a_file(error: OSError) -> str:
    """What an error of the system says: where, what, and what to do about it."""
    where = error.filename
    if error.errno not in _FULL:
        return f"{where}: {error.strerror}" if where else str(error)
    if where is None:
        tried = map(Path, (".", ROOT, tempfile.gettempdir()))
        full = [str(p.absolute()) for p in tried if shutil.disk_usage(p).free < 2**20]
        where = ", ".join(full) or "the answer or a temporary file"
    return _no_space(where, str(error.strerror))


def _no_space(where: str, reason: str) -> str:
    return (
        f"{where} cannot be written: {reason}. Make space there, or choose another "
        "folder, and run the same command again"
    )


def _reader_is_gone() -> bool:
    """Whether stdout leads nowhere; a pipe to a kernel may have broken instead."""
    stdout = select.poll()
    stdout.register(1, 0)
    return any(event & select.POLLERR for _, event in stdout.poll(0))


def guarded(command: Callable, *kinds: type[Exception]) -> Callable:
    """A command, its errors as `errors` has them."""

    @functools.wraps(command)
    def call(*arguments, **options):
        with errors(*kinds):
            return command(*arguments, **options)

    return call


def guest(command: Callable) -> Callable:
    """A command of another package, its errors as `errors` has them.

    An option that is a path names a file that the command writes: not one of the
    repository's own, not through a link.
    """

    def checked(*arguments, **options):
        for name, value in options.items():
            if isinstance(value, Path):
                folders.check_file(ROOT, value, f"--{name}")
        return command(*arguments, **options)

    return guarded(functools.wraps(command)(checked), TypeError, ModuleNotFoundError)


@contextlib.contextmanager
def progress(what: str, total: int, *, transient: bool = False) -> Iterator:
    """A bar on stderr, where that is a terminal; call the result once a step.

    transient: whether the bar vanishes at the end.
    """
    from rich import progress as parts
    from rich.console import Console

    bar = parts.Progress(
        "{task.description}",
        parts.BarColumn(),
        parts.MofNCompleteColumn(),
        parts.TimeRemainingColumn(),
        console=Console(file=sys.stderr),
        disable=not sys.stderr.isatty(),
        transient=transient,
    )
    with bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)

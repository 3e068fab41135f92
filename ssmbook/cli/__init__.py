"""The command `ssmbook`."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command. Print one line if the extra `book` is not installed."""
    _check_streams()
    status: int | str | None = 1
    try:
        from ssmbook.cli.main import app

        app()
        status = 0
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in ("ssmlib", "ssmbook"):
            raise
        status = (f"ssmbook needs the extra book, {error.name} is missing: "
                  'in a clone of the repository, pip install ".[book]"')  # fmt: skip
    except KeyboardInterrupt:  # while modules are imported
        print("interrupted", file=sys.stderr)
        status = 130
    except OSError as error:  # of stdout, while help is printed
        status = str(error)
    except SystemExit as end:
        status = end.code
    sys.exit(_flushed(status))


def _check_streams() -> None:
    """Give each closed stream a place, and stdout characters that it can show.

    A file that is opened later would get the number of a closed stream, and what is
    printed would be written into it. Kernels need the place, too. Without stdout there
    is nowhere to answer.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # The lowest number that is free is that of the stream.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")
    if sys.stdout is None:
        sys.exit("stdout is closed, so there is nowhere to answer: redirect it")
    if reconfigure := getattr(sys.stdout, "reconfigure", None):
        reconfigure(errors="backslashreplace")


def _flushed(status: int | str | None) -> int | str | None:
    """The exit status, once all that was printed is written: 1 where it cannot be."""
    try:
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or Python says it again
        if status in (0, None) and not isinstance(error, BrokenPipeError):
            return f"the answer cannot be written: {error.strerror}"
        return status or 1
    return status

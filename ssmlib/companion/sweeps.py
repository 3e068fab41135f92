"""A sweep: one notebook, many choices of parameters, picked up where it stopped."""

from __future__ import annotations

import contextlib
import csv
import itertools
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import yaml

from ssmlib.companion import runs
from ssmlib.companion.execution import CELL_TIMEOUT
from ssmlib.companion.parameters import Parameter, Value, from_text
from ssmlib.companion.stores import Folder, store

MOST = 1_000_000  # values of an axis, runs of a grid


def assigned(known: dict[str, Parameter], text: str, where: str) -> tuple[str, str]:
    """`name=value` taken apart; ValueError for another form or an unknown name."""
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"{where}: expected name=value, got {text!r}")
    if name not in known:
        raise ValueError(f"{where}: no parameter {name}; there are {', '.join(known)}")
    return name, value


def once(names: list[str], where: str) -> None:
    """ValueError where a name is given twice: which value would count?"""
    twice = sorted({str(name) for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{where}: {', '.join(twice)} is given twice")


def values(known: dict[str, Parameter], texts: list[str], where: str) -> dict:
    """The values that `name=value` texts give to parameters of an interface."""
    pairs = [assigned(known, text, where) for text in texts]
    once([name for name, _ in pairs], where)
    return {name: from_text(known[name], text, where) for name, text in pairs}


def axis(parameter: Parameter, text: str, where: str) -> list[Value]:
    """The values of `a,b,c`, or of `start:stop[:step]` for whole numbers.

    Commas inside double quotes separate nothing. Raises ValueError.
    """
    if parameter.type.startswith("list["):
        raise ValueError(f"{where}: a grid of lists ({parameter.name}) needs --from")
    if parameter.type == "int" and ":" in text:
        try:
            counted = range(*map(int, text.split(":")))
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"{where}: {parameter.name} must read start:stop[:step], got {text!r}"
            ) from error
        if len(counted) > MOST:
            raise ValueError(f"{where}: {parameter.name} has more than {MOST} values")
        found = list(counted)
    else:
        try:
            (parts,) = csv.reader([text], strict=True) if text else ([],)
        except (csv.Error, ValueError) as error:
            raise ValueError(f"{where}: {parameter.name}, {text!r}: {error}") from error
        found = [from_text(parameter, part, where) for part in parts]
    if not found:
        raise ValueError(f"{where}: {parameter.name} has no values in {text!r}")
    return found


def product(axes: dict[str, list]) -> list[dict]:
    """Every combination of the axes' values, the last axis fastest.

    Raises ValueError where they are more than MOST.
    """
    many = math.prod(map(len, axes.values()))
    if many > MOST:
        raise ValueError(f"a grid of {many} runs; at most {MOST} are possible")
    return [dict(zip(axes, c, strict=True)) for c in itertools.product(*axes.values())]


def together(axes: dict[str, list]) -> list[dict]:
    """The axes' values side by side; ValueError for axes of several lengths."""
    lengths = {name: len(found) for name, found in axes.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"axes side by side must be of one length, got {lengths}")
    return [dict(zip(axes, c, strict=True)) for c in zip(*axes.values(), strict=True)]


def from_file(path: Path) -> list[dict]:
    """Choices from YAML: `grid:` or `zip:` {name: [values]}; `runs:` [{name: value}].

    Raises ValueError for another form.
    """
    try:
        content = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is not YAML: {error}") from error
    match content:
        case {"runs": [*choices], **rest} if not rest:
            if choices and all(isinstance(choice, dict) for choice in choices):
                return choices
        case {"grid": dict(axes), **rest} | {"zip": dict(axes), **rest} if not rest:
            if axes and all(isinstance(v, list) and v for v in axes.values()):
                zipped = "zip" in content
                return together(axes) if zipped else product(axes)
    raise ValueError(
        f"{path} must hold one of `grid:` or `zip:` {{name: [values]}}, or `runs:` "
        "[{name: value}, ...]"
    )


@contextlib.contextmanager
def alone(address: str, notebook: str) -> Iterator[None]:
    """Hold a notebook's folder of a store; ValueError where another sweep does.

    The hold ends with the process, however it ends. A bucket knows no holds.
    """
    from filelock import FileLock, Timeout

    place = store(address)
    if not isinstance(place, Folder):
        yield
        return
    folder = place.path / notebook
    folder.mkdir(parents=True, exist_ok=True)
    hold = FileLock(folder / ".lock", timeout=0)
    try:
        hold.acquire()
    except Timeout as error:
        raise ValueError(
            f"another sweep works in {folder}: wait for it, or choose another store"
        ) from error
    try:
        yield
    finally:
        hold.release()


def sweep(
    jobs: list[runs.Job],
    address: str,
    done: Callable[[runs.Job, dict], None],
    *,
    workers: int = 1,
    scheduler: str | None = None,
    force: bool = False,
    timeout: int = CELL_TIMEOUT,
) -> None:
    """Run the jobs of one notebook that do not stand yet; `done(job, document)` each.

    Raises ValueError where another sweep holds the folder.
    """
    from ssmlib.companion.scatter import scatter

    with alone(address, jobs[0].notebook):
        place = store(address)
        left = []
        for job in {job.key: job for job in jobs}.values():
            document = None if force else runs.finished(job, place)
            if document is None:
                left.append(job)
            else:
                done(job, document | {"reused": True})

        def there(job: runs.Job, document: dict) -> None:
            """A worker's word is not enough: its folder may not be ours."""
            if document["status"] == "complete" and runs.finished(job, place) is None:
                told = f"a worker says it is complete, but it is not in {address}"
                document = document | {"status": "failed", "error": told}
            done(job, document)

        if left:
            scatter(
                left,
                address,
                there,
                workers=min(workers, len(left)),
                scheduler=scheduler,
                force=force,
                timeout=timeout,
            )

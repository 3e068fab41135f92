"""The finished parts of a study, checked against its design."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ssmbook.notebook.losses import Losses, part_files, read_part
from ssmbook.runs.document import Run
from ssmbook.runs.stores import replace
from ssmbook.studies.design import BASE, Study, studies

#: the folder, in that of the base design, of added parts while others are missing: the
#: chapter reads the tables beside it, and shows what its claims are evaluated on
INCOMPLETE = "incomplete"


@dataclass(frozen=True)
class Part:
    """A finished part.

    Attributes:
        name: the first and last seed, as in the name of its files.
        losses: its table.
        run: the document of the run that measured it.
    """

    name: str
    losses: Losses
    run: Run


@dataclass(frozen=True)
class Measured:
    """A study with its finished parts.

    Attributes:
        study: what was stated.
        parts: the finished parts of each design, in the order of seeds.
    """

    study: Study
    parts: Mapping[str, tuple[Part, ...]]

    def missing(self, design: str) -> list[range]:
        """Return the seeds of the parts of a design that are not finished."""
        done = {part.name for part in self.parts.get(design, ())}
        return [b for b in self.study.blocks(design) if part_name(b) not in done]

    @property
    def looks(self) -> int:
        """Return how many evaluations of the claims are due; 0 while seeds are missing.

        Added seeds count when all that were added with them are measured.
        """
        left = {block.start for block in self.missing(BASE)}
        for k, seeds in enumerate(self.study.designs[BASE].ranges):
            if left & {*seeds}:
                return k
        return len(self.study.designs[BASE].ranges)

    def evaluated(self, design: str) -> tuple[Part, ...]:
        """Return the finished parts of a design, without incomplete additions."""
        done, looks = self.parts.get(design, ()), self.looks
        if design != BASE or not looks:
            return done
        seeds = {s for own in self.study.designs[BASE].ranges[:looks] for s in own}
        return tuple(part for part in done if {*part.losses.seeds} <= seeds)

    def count(self, design: str) -> int:
        """Return how many seeds of a design are measured."""
        return sum(len(part.losses.seeds) for part in self.parts.get(design, ()))


def part_name(block: range) -> str:
    """Return the name of the part with these seeds."""
    return f"{block.start}-{block[-1]}"


def path_of(root: Path, study: Study, design: str, block: range) -> Path:
    """Return the table that a part is stored as when it is finished."""
    home = root / "studies" / study.name / design
    if design == BASE and block.start not in study.designs[BASE].ranges[0]:
        home /= INCOMPLETE
    return home / f"{part_name(block)}.csv"


def settle(root: Path, study: Study) -> None:
    """Move the added parts to the others when all that were added are measured.

    Each file is written before the old one is removed, so that an interrupted call
    loses nothing and the next one goes on.
    """
    home = root / "studies" / study.name / BASE
    for part in of_study(root, study).evaluated(BASE):
        old = home / INCOMPLETE / f"{part.name}.csv"
        if not old.is_file():
            continue
        for file in (old.with_suffix(".json"), old):
            replace(home / file.name, file.read_bytes())
        for file in (old, old.with_suffix(".json")):
            file.unlink()
    with contextlib.suppress(OSError):  # it has files, or does not exist
        (home / INCOMPLETE).rmdir()


def measured(root: Path) -> dict[str, Measured]:
    """Return every study of a repository with its finished parts, by name.

    Raises:
        ValueError: for a bad `study.yml`; or for a part that was changed, has other
            parameters or seeds than its design states, or other arms or tasks than the
            other parts.
    """
    return {name: of_study(root, study) for name, study in studies(root).items()}


def of_study(root: Path, study: Study) -> Measured:
    """Return one study with its finished parts. Raises as `measured`."""
    home = root / "studies" / study.name
    stray = {p.parent.name for p in home.glob("*/*.csv")} - set(study.designs)
    if stray:
        raise ValueError(
            f"{home}: study.yml has no design called {', '.join(sorted(stray))}"
        )
    found = {}
    for design in study.designs:
        blocks = {part_name(block): block for block in study.blocks(design)}
        parts = {}
        files = part_files(home / design)
        if design == BASE:
            files = part_files(home / design / INCOMPLETE) + files
        for path in files:
            if path.stem not in blocks:
                raise ValueError(
                    f"{path}: the parts of the design {design} are "
                    f"{', '.join(blocks)}: its seeds or per_part were changed"
                )
            parts[path.stem] = _part(path, study, design, blocks[path.stem])
        _check_alike(home / design, parts)
        found[design] = tuple(parts[name] for name in blocks if name in parts)
    return Measured(study, found)


def _part(path: Path, study: Study, design: str, block: range) -> Part:
    losses, _ = read_part(path)
    document = path.with_suffix(".json")
    run = Run.from_json(document.read_bytes(), document)
    if run.failed or run.notebook != study.chapter:
        raise ValueError(
            f"{document} must be of a complete run of {study.chapter}, got "
            f"{run.notebook}, {run.status}"
        )
    for name, value in study.values(design, block).items():
        if run.parameters.get(name) != value:
            raise ValueError(
                f"{document} is of another design: {name} must be {value!r}, got "
                f"{run.parameters.get(name)!r}"
            )
    if losses.seeds != tuple(block):
        raise ValueError(
            f"{path} must have the seeds {part_name(block)}, got {list(losses.seeds)}"
        )
    return Part(path.stem, losses, run)


def _check_alike(home: Path, parts: Mapping[str, Part]) -> None:
    """Raise ValueError where a part has other models or values than the first one."""
    models: dict[str, set] = {
        name: {(r["task"], r["arm"], r["budget"]) for r in part.losses.rows}
        for name, part in parts.items()
    }
    if not parts:
        return
    first, *others = parts
    for name in others:
        if differing := models[first] ^ models[name]:
            raise ValueError(
                f"{home}: the parts {first} and {name} differ in the model "
                f"{min(differing)}"
            )
        a, b = (
            {k: v for k, v in parts[n].run.parameters.items() if k not in ("seed", "n_seeds")}
            for n in (first, name)
        )
        # A notebook may have got a parameter since.
        changed = sorted(k for k in {*a} & {*b} if a[k] != b[k])
        if changed:
            raise ValueError(
                f"{home}: the parts {first} and {name} have different values of "
                f"{', '.join(changed)}"
            )

"""What a study states before its first part runs: studies/<name>/study.yml.

    chapter: ablations              # whose notebook measures it; default: the name
    parameters: {steps: 120}        # of the chapter's notebook, for all designs
    per_part: 4                     # seeds per part
    designs:
      base: {seeds: [300, 339]}     # the first and the last seed
      untrained: {seeds: [400, 403], parameters: {train: false}}
    contrasts:                      # comparisons of two arms
      real_digits: {ratio: [real throughout, S4D-Lin], task: digits}

Claims are evaluated on the design `base`. The design `untrained` runs the same
pipeline with a rate of zero; a claim that holds there as well shows nothing. The design
`pilot` runs first: it searches the rates at which the others train. Each other design
changes parameters, to show where a claim still holds. If seeds are added to a design
after an evaluation, they are listed in it: `added: [[2000, 2039]]`; their parts lie in
base/incomplete/, which no page reads, until all of them are measured. With the parameter
`data: data`, a part reads the folder that `ssmbook study --data` names.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from ssmbook.notebook import strict_yaml
from ssmbook.notebook.chapters import chapters
from ssmbook.notebook.checked import Text, checked, said

BASE, UNTRAINED, PILOT = "base", "untrained", "pilot"
Seed = Annotated[int, Field(ge=0, strict=True)]


def _ascending(ends: tuple[int, int]) -> tuple[int, int]:
    if not ends[0] <= ends[1]:
        raise ValueError("must be [first, last], with first <= last")
    return ends


Ends = Annotated[tuple[Seed, Seed], AfterValidator(_ascending)]
Arms = tuple[Text, Text]
Tasks = Annotated[tuple[Text, ...], Field(min_length=1)]
Given = dict[str, bool | int | float | str]


@checked
class Contrast:
    """A comparison of two arms, paired by seed.

    Attributes:
        ratio: the arms a and b of a ratio of losses a / b. Its draws are natural
            logarithms.
        difference: the arms a and b of a difference a - b, for accuracies.
        task: one task or several; the draw of a seed is the mean over them. None for
            all tasks of the study.
        across: what is drawn: "seeds", or "tasks", each with its mean over seeds.
        budget: the training time, as the tables name it.
        column: of the tables.
        words: what is compared, where the names of the arms do not say it.
    """

    ratio: Arms | None = None
    difference: Arms | None = None
    task: Tasks | Text | None = None
    across: Literal["seeds", "tasks"] = "seeds"
    budget: Text = "long"
    column: Text = "test_loss"
    words: Text | None = None

    def __post_init__(self) -> None:
        if (self.ratio is None) == (self.difference is None):
            raise ValueError("must have one of ratio and difference: [arm, arm]")
        if len(set(self.arms)) == 1:
            raise ValueError(f"must compare two different arms, got {self.arms[0]}")

    @property
    def arms(self) -> Arms:
        """Return both arms."""
        arms = self.ratio or self.difference
        assert arms is not None  # by `__post_init__`
        return arms

    @property
    def label(self) -> str:
        """Return what is compared, in words."""
        if self.words:
            return self.words
        a, b = self.arms
        link = "over" if self.ratio else "less"
        words = f"{self.column.replace('_', ' ')} of {a} {link} that of {b}"
        if self.tasks:
            many = f"mean over {len(self.tasks)} tasks"
            words += f", {self.tasks[0] if len(self.tasks) == 1 else many}"
        return words + ("" if self.budget == "long" else f", {self.budget} training")

    @property
    def tasks(self) -> tuple[str, ...] | None:
        """Return the tasks, None for all."""
        return (self.task,) if isinstance(self.task, str) else self.task


@checked
class Design:
    """One setting of the experiment, with the seeds that it is measured on.

    Attributes:
        seeds: the first and the last seed.
        parameters: of the notebook, for this design.
        added: further seeds, each the first and the last of those that were added
            after an evaluation.
    """

    seeds: Ends
    parameters: Given = Field(default_factory=dict)
    added: tuple[Ends, ...] = ()

    @property
    def ranges(self) -> tuple[range, ...]:
        """Return the seeds, in the order in which they were stated."""
        return tuple(range(a, b + 1) for a, b in (self.seeds, *self.added))

    @property
    def all_seeds(self) -> tuple[int, ...]:
        """Return every seed."""
        return tuple(seed for own in self.ranges for seed in own)


@checked
class Study:
    """A study as its file states it.

    Attributes:
        name: the name of its folder.
        chapter: the chapter whose notebook measures it.
        designs: the settings, by name; one is called `base`.
        contrasts: the comparisons, by name.
        parameters: of the notebook, for all designs.
        per_part: seeds per part.
    """

    name: Text
    chapter: Text
    designs: dict[Text, Design]
    contrasts: dict[Text, Contrast]
    parameters: Given = Field(default_factory=dict)
    per_part: Annotated[int, Field(ge=1, strict=True)] = 4

    def __post_init__(self) -> None:
        if BASE not in self.designs:
            raise ValueError(f"designs must have one called {BASE}")
        taken: dict[int, str] = {}
        for name, design in self.designs.items():
            for seed in design.all_seeds:
                if seed in taken:
                    raise ValueError(
                        f"seed {seed} is in the designs {taken[seed]} and {name}: "
                        "a seed may be listed once"
                    )
                taken[seed] = name
            if name == PILOT and len(design.all_seeds) > self.per_part:
                raise ValueError(
                    f"the design {PILOT} must be one part, of at most {self.per_part} "
                    f"seeds, got {len(design.all_seeds)}"
                )
            if fixed := {"seed", "n_seeds"} & {*self.parameters, *design.parameters}:
                raise ValueError(f"{min(fixed)} follows from seeds and per_part")

    def blocks(self, design: str) -> list[range]:
        """Return the seeds of each part of a design."""
        return [
            seeds[k : k + self.per_part]
            for seeds in self.designs[design].ranges
            for k in range(0, len(seeds), self.per_part)
        ]

    def values(self, design: str, block: range) -> dict:
        """Return the parameters of the notebook for one part."""
        own = self.parameters | self.designs[design].parameters
        return own | {"seed": block.start, "n_seeds": len(block)}

    @property
    def regions(self) -> dict[str, str]:
        """Return the designs that show where a claim still holds, in words."""
        found = {}
        for name, design in self.designs.items():
            if name not in (BASE, UNTRAINED, PILOT):
                changes = (f"{k} = {v}" for k, v in design.parameters.items())
                found[name] = f"{name} ({', '.join(changes)})"
        return found

    def stated(self, names: Iterable[str]) -> dict:
        """Return what decides the measurement of some contrasts, in JSON's types."""
        chosen = {name: asdict(self.contrasts[name]) for name in sorted(names)}
        for contrast in chosen.values():
            del contrast["words"]  # another wording measures the same
        added = self.designs[BASE].added
        return {
            "contrasts": chosen,
            "parameters": self.parameters | self.designs[BASE].parameters,
            "seeds": list(self.designs[BASE].seeds),
        } | ({"added": [*map(list, added)]} if added else {})


_study = TypeAdapter(Study).validate_python


def read(path: Path) -> Study:
    """Return the study of a file; its name is that of the folder.

    Raises:
        ValueError: for a bad entry: the file, the field, the value and the values
            allowed.
    """
    parts = strict_yaml.load(path)
    if not isinstance(parts, dict) or "name" in parts:
        raise ValueError(f"{path} must be a mapping with designs and contrasts")
    name = path.parent.name
    try:
        return _study({"chapter": name} | parts | {"name": name})
    except ValidationError as error:
        raise ValueError(f"{path}: {said(error)}") from None


def studies(root: Path) -> dict[str, Study]:
    """Return every study of a repository, by name.

    Raises:
        ValueError: as `read`, or for an unknown chapter, a name that is another
            chapter's, or a contrast that two studies of one chapter have.
    """
    known = chapters(root)
    found, contrasts = {}, {}
    for path in sorted((root / "studies").glob("*/study.yml")):
        own = read(path)
        if own.chapter not in known:
            raise ValueError(f"{path}: no chapter is called {own.chapter}")
        if own.name in known and own.name != own.chapter:
            raise ValueError(
                f"{path}: chapter must be {own.name}, which has this name, got "
                f"{own.chapter}"
            )
        for name in own.contrasts:
            other = contrasts.setdefault((own.chapter, name), own.name)
            if other != own.name:
                raise ValueError(
                    f"{path}: the contrast {name} is in the study {other} of the same "
                    "chapter too: give it another name"
                )
        found[own.name] = own
    return found
